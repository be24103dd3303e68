"""Payloads for property tests, made by hypothesis from the type that a handler declares.

@given(payload=examples(record_order))
def test_any_order(payload: OrderPlaced) -> None: ...

They are made from the JSON Schema, so that pydantic's own types, bounds and aliases count, and read by the handler's own
validator: what it refuses all the same, such as by a validator of the project, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypeVar

from ..._schema.json_schema import bare, payload_schemas
from ..._schema.sample_schema import SampleSchema
from ...event import Event
from ...exceptions import ConfigurationError
from ...kinds import Kind
from ...router import EventRouter, events

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["examples"]

PayloadT = TypeVar("PayloadT")
ParametersT = TypeVar("ParametersT")


def examples(
    handler: Callable[[Event[PayloadT, ParametersT]], Any] | Kind[PayloadT], *, router: EventRouter = events
) -> SearchStrategy[PayloadT]:
    """A strategy of payloads that a handler, or those of a kind, can be given. Needs hypothesis.

    Raises:
        ConfigurationError: The function is no handler of the router, or its annotation cannot be used.

    """
    declared, adapter = _payload(handler, router)
    strategies = _strategies()
    if bare(declared) is bytes:
        return _read(strategies.st.binary(), adapter.validate_python)
    (schema,), definitions = payload_schemas([(declared, adapter)], "validation", generator=SampleSchema)
    made = strategies.SchemaStrategies(definitions).of(schema)
    return _read(made.map(json.dumps), adapter.validate_json)


def _payload(
    handler: Callable[[Event[PayloadT, ParametersT]], Any] | Kind[PayloadT], router: EventRouter
) -> tuple[object, TypeAdapter[Any]]:
    if isinstance(handler, Kind):
        kind = cast("Kind[Any]", handler)
        return kind.payload_type, kind.adapter
    found = next((each.handler for each in router if each.handler.function == handler), None)
    if found is None:
        name = getattr(handler, "__qualname__", repr(handler))
        msg = (
            f"examples() is given {name}, which is no handler of {router!r}. Register it by @events.on(...), or give its router."
        )
        raise ConfigurationError(msg)
    return found.payload_type, found.adapter


def _read(made: SearchStrategy[Any], read: Callable[[Any], PayloadT]) -> SearchStrategy[PayloadT]:
    """What a validator makes of values; hypothesis tries others for those that it refuses."""
    refused: Final[Any] = object()

    def reading(value: object) -> PayloadT:
        try:
            return read(value)
        except ValidationError:
            return cast("PayloadT", refused)

    return made.map(reading).filter(lambda value: value is not refused)


def _strategies() -> Any:
    try:
        from . import json_values  # noqa: PLC0415 -- needs hypothesis
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        msg = "examples() needs hypothesis, which is not installed. pip install hypothesis."
        raise ConfigurationError(msg) from error
    return json_values
