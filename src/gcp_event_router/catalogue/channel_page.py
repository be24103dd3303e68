"""One channel, as its page shows it. What fails in it, such as a type that pydantic cannot describe, is said in its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from django.db import Error as DatabaseError
from django.urls import NoReverseMatch
from pydantic import TypeAdapter

from .._contract.channels import Channel
from .._contract.examples import Example
from .._dispatch.store import Delivered, history
from .._globs.overlaps import LABELS, TYPES
from .._globs.overlaps import example as text_of
from .._log import logger
from .._schema.json_schema import bare, payload_schemas
from ..event import is_label
from ..exceptions import ConfigurationError
from ..pulling.http import cloudevents_path
from ..utils import get_event_url
from .payload_table import PayloadTable, table_of
from .security import Security, at_path
from .snippets import REFERENCE, Line, Sending

#: So many deliveries are shown.
DELIVERIES: Final = 10

_NO_SCHEMA: Final = "The declared type cannot be described: manage.py check says what is wrong with it."


class PayloadDetails(NamedTuple):
    """What an event has to hold."""

    table: PayloadTable
    schema: str
    example: Example
    #: The example's payload, as people read it.
    sample: str
    is_json: bool


class Parameters(NamedTuple):
    """What a handler reads from the query of the event's URL."""

    handler: str
    table: PayloadTable


class Lately(NamedTuple):
    """The last deliveries, or why there are none to be seen."""

    rows: Sequence[Delivered]
    problem: str = ""


@dataclass(frozen=True)
class Details:
    """All of the page but the deliveries."""

    payload: PayloadDetails | None
    #: What keeps the payload from being described.
    problem: str
    parameters: list[Parameters]
    security: Security
    lines: list[Line]
    #: A kind that the commands send; differs from a glob.
    kind: str


def details_of(channel: Channel, base_url: str) -> Details:
    """What there is to say of a channel of which events are sent to `base_url`."""
    types = channel.sole_type or channel.ce_type
    ce_type = None if types is None else text_of(types, TYPES)
    kind = _kind(channel, ce_type)
    path = _path(kind)
    security = at_path(path)
    payload = _payload(channel)
    is_json, example = (payload.is_json, payload.example) if payload else (True, Example(None, None, {}))
    sending = Sending(kind, ce_type, example.data, is_json, base_url.rstrip("/"), path, security, example.query)
    problem = "" if payload else _NO_SCHEMA
    return Details(payload, problem, list(_parameters(channel)), security, sending.lines(), kind)


def lately(channel: Channel, user: object) -> Lately | None:
    """The last deliveries of a channel, as far as a user may know; None where nothing keeps events."""
    keeper = history()
    if keeper is None:
        return None
    if not keeper.may_view(user):
        return Lately((), f"To see them takes the permission {keeper.permission}.")
    handlers = [each.name for each in channel.handlers] if channel.ce_type or channel.is_fallback else None
    try:
        return Lately(keeper.last(channel.kind, channel.kind.only_text, handlers, DELIVERIES))
    except DatabaseError:
        logger.debug("The catalogue cannot read the last deliveries", exc_info=True)
        return Lately((), "The database cannot be read now.")


def _kind(channel: Channel, ce_type: str | None) -> str:
    """A kind that comes here; the type, where it is all that counts, as it is for events without a kind in their URL."""
    if ce_type is not None and channel.sole_type is not None and (is_label(ce_type) or channel.sole_type == channel.kind):
        return ce_type
    return text_of(channel.kind, LABELS) or "KIND"


def _path(kind: str) -> str:
    try:
        # what no URL can hold is a type, which is the kind of events there
        return get_event_url(kind, REFERENCE, base_url="") if is_label(kind) else cloudevents_path()
    except (ConfigurationError, NoReverseMatch):
        return ""


def _payload(channel: Channel) -> PayloadDetails | None:
    try:
        payloads, schema, example = channel.payloads, channel.schema(), channel.example()
        table = table_of(schema, "payload")
    except Exception:  # noqa: BLE001 -- models have methods of their own, and checks say what is wrong
        logger.debug("The catalogue cannot describe %s", channel, exc_info=True)
        return None
    is_json = not any(bare(declared) is bytes for declared, _ in payloads)
    data = example.data or b""
    shown = json.dumps(example.value, indent=2, ensure_ascii=False) if is_json and data else data.decode(errors="replace")
    return PayloadDetails(table, json.dumps(schema, indent=2, ensure_ascii=False, default=str), example, shown, is_json)


def _parameters(channel: Channel) -> list[Parameters]:
    """Those of the handlers that declare any."""
    told: list[Parameters] = []
    for handler in channel.handlers:
        try:
            declared = handler.parameters_type
            if declared == dict[str, str]:
                continue
            (schema,), definitions = payload_schemas([(declared, TypeAdapter(cast("type[Any]", declared)))], "validation")
            told.append(Parameters(handler.name, table_of({**schema, "$defs": definitions}, f"parameters-{len(told)}")))
        except Exception:  # noqa: BLE001 -- as above
            logger.debug("The catalogue cannot describe the parameters of %s", handler.name, exc_info=True)
    return told
