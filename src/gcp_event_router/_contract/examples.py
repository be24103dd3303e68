"""Creates an example of an event that its handlers read: its payload, and the parameters of its URL.

The handlers' own readers read an example before anybody sees it. If there is none, the example says what to declare.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError

from .._dispatch.payload import PayloadReader, parameters_reader, payload_reader
from .._log import logger
from .._schema.definitions import Definitions
from .._schema.json_schema import Schema, bare, payload_schemas
from .._schema.sample_schema import SampleSchema
from .._schema.samples import NoSampleError, Place, find_sample
from .._schema.type_names import type_words
from ..exceptions import InvalidEventError

#: A type as it is declared, with its adapter.
Typed: TypeAlias = tuple[object, TypeAdapter[Any]]
_Write: TypeAlias = Callable[[object], Any]

#: How many members of a union have an example.
_MOST_MEMBERS: Final = 20
_PAYLOAD: Final = "payload"
_PARAMETERS: Final = "URL's parameters"


class Example(NamedTuple):
    """An event that may be sent."""

    #: The payload as a JSON value, and as a sender writes it; None without an example.
    value: object
    data: bytes | None
    #: The query of the event's URL; None without an example.
    query: Mapping[str, Sequence[str]] | None
    #: Why there is no payload, and no query.
    problem: str = ""
    query_problem: str = ""
    #: The problems of examples that the types declare.
    notes: tuple[str, ...] = ()


def example_of(payloads: Sequence[Typed], parameters: Sequence[Typed]) -> Example:
    """Create an event that the handlers of all these types read."""
    notes: dict[str, None] = {}
    value, data, problem, _ = _payload(payloads, [payload_reader(adapter, declared) for declared, adapter in payloads], notes)
    query, query_problem = _query(parameters, notes)
    return Example(value, data, query, problem, query_problem, tuple(notes))


def member_examples(payloads: Sequence[Typed]) -> list[tuple[str, object]]:
    """Create an example of each member of a union, with the member's name; none if the payload has one type, or several."""
    if len(payloads) != 1:
        return []
    ((declared, adapter),) = payloads
    search = _Search(_PAYLOAD, payloads, [payload_reader(adapter, declared)], _json, {})
    return [*search.members()]


def common_payload(payloads: Sequence[Typed], readers: Sequence[PayloadReader]) -> tuple[bytes | None, bool]:
    """A payload that all readers read, if the search finds one, and whether there may be one that it did not find."""
    _, data, _, gave_up = _payload(payloads, readers, {})
    return data, gave_up


def _payload(
    payloads: Sequence[Typed], readers: Sequence[PayloadReader], notes: dict[str, None]
) -> tuple[object, bytes | None, str, bool]:
    # handlers of bytes read everything, so the other handlers decide
    deciding = [payload for payload in payloads if bare(payload[0]) is not bytes] or payloads
    is_text = bool(deciding) and bare(deciding[0][0]) is bytes

    def written(value: object) -> bytes:
        return str(value).encode(errors="replace") if is_text and value is not None else _json(value)

    search = _Search(_PAYLOAD, deciding, readers, written, notes)
    value = search.run(brief=False)
    return value, None if search.problem else written(value), search.problem, search.gave_up


def _json(value: object) -> bytes:
    """Write a payload as JSON; None stands for an event without one."""
    return b"" if value is None else json.dumps(value, ensure_ascii=False).encode(errors="replace")


def _query(parameters: Sequence[Typed], notes: dict[str, None]) -> tuple[Mapping[str, Sequence[str]] | None, str]:
    if not parameters:
        return {}, ""
    search = _Search(_PARAMETERS, parameters, [parameters_reader(adapter) for _, adapter in parameters], _parameters, notes)
    value = search.run(brief=True)
    return None if search.problem else _parameters(value), search.problem


class _Search:
    """Searches for a value that all readers read."""

    def __init__(
        self, what: str, types: Sequence[Typed], readers: Sequence[Callable[[Any], Any]], written: _Write, notes: dict[str, None]
    ) -> None:
        self._what = what
        self._types = types
        self._readers = readers
        self._written = written
        self._notes = notes
        self._first: Exception | None = None
        #: Why there is none.
        self.problem = ""
        #: Whether the search did not try all values.
        self.gave_up = False

    def run(self, *, brief: bool) -> object:
        """Return the value; None, and a `problem`, if there is none."""
        try:
            return find_sample(self._schema(), self._refused, brief=brief)
        except NoSampleError as error:
            self.gave_up = error.gave_up
            self.problem = self._describe(refusal(self._first))
        except Exception as error:  # noqa: BLE001 -- models have methods of their own
            self.gave_up = True
            logger.debug("Making an example failed", exc_info=True)
            self.problem = self._describe(f"its JSON Schema is unusable ({type(error).__name__})")
        return None

    def members(self) -> Iterator[tuple[str, object]]:
        """A value of each member of a union that has a name, as far as there is one."""
        schema = self._schema()
        definitions = Definitions(schema["$defs"])
        union = definitions.resolve(schema)
        for member in (union.get("oneOf") or union.get("anyOf") or ())[:_MOST_MEMBERS]:
            title = definitions.resolve(member).get("title")
            with suppress(NoSampleError):
                if title:
                    yield str(title), find_sample({**member, "$defs": schema["$defs"]}, self._refused)

    def _schema(self) -> Schema:
        noted = type("NotedSchema", (SampleSchema,), {"refused": self._notes})
        schemas, definitions = payload_schemas(self._types, "validation", generator=noted)
        for number, (declared, adapter) in enumerate(self._types):
            if bare(declared) is bytes:
                schemas[number] |= {**adapter.json_schema(schema_generator=SampleSchema), "bytes": "utf8"}
        return {**(schemas[0] if len(schemas) == 1 else {"allOf": schemas}), "$defs": definitions}

    def _refused(self, value: object) -> list[Place]:
        """The places where the readers refuse a value."""
        places: list[Place] = []
        for read in self._readers:
            try:
                read(self._written(value))
            except Exception as error:  # noqa: BLE001 -- validators are the project's own
                self._first = self._first or error
                cause = error.__cause__
                errors = cause.errors(include_url=False) if isinstance(cause, ValidationError) else ()
                places += [problem["loc"] for problem in errors] or [()]
        return places

    def _describe(self, why: str) -> str:
        name = " and ".join(type_words(declared) for declared, _ in self._types)
        return (
            f"Cannot make an example of the {self._what} that {name} reads: {why}. "
            "Declare one: Field(examples=[...]) at the field, or Annotated[..., Field(examples=[...])] around the type."
        )


def refusal(error: Exception | None) -> str:
    """Say why a reader refused the first value that was tried, without the value itself."""
    if error is None:
        return "no plain value fits its JSON Schema"
    if not isinstance(error, InvalidEventError):
        return f"a validator raises {type(error).__name__}"
    problem = error.errors[0]
    place = ".".join(map(str, problem["loc"]))
    return f"the first try fails{place and f' at {place}'}: {problem['msg']}"


def _parameters(value: object) -> dict[str, list[str]]:
    """Convert a value to the form of a query."""
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    lists = {name: cast("list[object]", value) if isinstance(value, list) else [value] for name, value in fields.items()}
    return {name: [_text(value) for value in values if value is not None] for name, values in lists.items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
