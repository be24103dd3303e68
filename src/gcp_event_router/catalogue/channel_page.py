"""The content of a channel's page. A part that fails, such as a type that pydantic cannot describe, shows why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from django.db import Error as DatabaseError
from django.urls import NoReverseMatch
from pydantic import TypeAdapter

from .._contract.channels import Channel
from .._contract.examples import Example
from .._dispatch.store import Delivered, history
from .._event_urls import get_event_url
from .._globs.overlaps import LABELS, TYPES
from .._globs.overlaps import example as text_of
from .._log import logger
from .._schema.json_schema import bare, payload_schemas
from ..event import is_label
from ..exceptions import ConfigurationError
from ..kinds import Kind
from ..pulling.http import cloudevents_path
from .payload_table import PayloadTable, table_of
from .security import Security, at_path
from .snippets import REFERENCE, Line, Sending

#: How many deliveries the page shows.
DELIVERIES: Final = 10

_NO_SCHEMA: Final = "The declared type cannot be described: manage.py check says what is wrong with it."


class PayloadDetails(NamedTuple):
    """The payload that an event must have."""

    table: PayloadTable
    schema: str
    example: Example
    #: The payload of the example, formatted; those of a union are by the names of its members.
    samples: Sequence[tuple[str, str]]
    is_json: bool


class Parameters(NamedTuple):
    """The parameters that a handler reads from the query of the event's URL."""

    handler: str
    table: PayloadTable


class Lately(NamedTuple):
    """The last deliveries, or why the page does not show them."""

    rows: Sequence[Delivered]
    problem: str = ""
    #: The URL of a page with all of them, if there is one, and the words of the link.
    url: str = ""
    link: str = ""


@dataclass(frozen=True)
class Details:
    """The page without the deliveries."""

    payload: PayloadDetails | None
    #: Why the payload cannot be described.
    problem: str
    parameters: list[Parameters]
    security: Security
    lines: list[Line]
    #: The kind that the commands send; one that fits, if the channel has a glob.
    kind: str


def details_of(channel: Channel, base_url: str, here: str = "") -> Details:
    """Describe a channel whose events are sent to `base_url`, or to the server that shows the page."""
    types = channel.sole_type or channel.ce_type
    ce_type = None if types is None else text_of(types, TYPES)
    kind = _kind(channel, ce_type)
    path = _path(kind)
    security = at_path(path, base_url)
    payload = _payload(channel)
    is_json, example = (payload.is_json, payload.example) if payload else (True, Example(None, None, {}))
    topic = channel.declared.topic if channel.declared is not None else ""
    attributes = channel.attributes.examples()
    sending = Sending(
        kind, ce_type, example.data, is_json, base_url.rstrip("/"), path, security, example.query, attributes, topic
    )
    lines = [*sending.lines(here.rstrip("/")), *_publication(channel.declared, sending)]
    problem = "" if payload else _NO_SCHEMA
    return Details(payload, problem, list(_parameters(channel)), security, lines, kind)


def _publication(kind: Kind[Any] | None, sending: Sending) -> Iterator[Line]:
    """The Python code that publishes a declared kind."""
    if kind is None:
        return
    data = sending.data
    if data is None or sending.is_long:
        payload = "payload"
    elif bare(kind.payload_type) is bytes:
        payload = repr(data)
    else:
        payload = f"kind.adapter.validate_json({data!r})" if data else "None"
    topic, hint = ("", "") if kind.topic else ("TOPIC, ", "Leave TOPIC out for the transport Local, which needs none.")
    code = f"from gcp_event_router import events\n\nkind = events.kinds[{kind.name!r}]\nkind.publish({topic}{payload})"
    yield Line("Python", code, hint)


def lately(channel: Channel, user: object) -> Lately | None:
    """The last deliveries of a channel, if the user may see them; None without the inbox."""
    keeper = history()
    if keeper is None:
        return None
    if not keeper.may_view(user):
        return Lately((), f"To see them, you need the permission {keeper.permission}.")
    is_part = channel.ce_type or channel.is_fallback or channel.attributes
    handlers = [handler.name for handler in channel.handlers] if is_part else None
    try:
        rows = keeper.last(channel.kind, channel.kind.only_text, handlers, DELIVERIES)
    except DatabaseError:
        logger.debug("The catalogue cannot read the last deliveries", exc_info=True)
        return Lately((), "The database cannot be read now.")
    kind = None if is_part else channel.kind.only_text
    handler = channel.handlers[0].name if kind is None and len(channel.handlers) == 1 else None
    link = "All deliveries of this kind" if handler is None else "All deliveries to its handler"
    return Lately(rows, url=keeper.url_of_all(kind, handler), link=link)


def _kind(channel: Channel, ce_type: str | None) -> str:
    """A kind of the channel; the type if only that counts, as for events without a kind in their URL."""
    if ce_type is not None and channel.sole_type is not None and (is_label(ce_type) or channel.sole_type == channel.kind):
        return ce_type
    return text_of(channel.kind, LABELS) or "KIND"


def _path(kind: str) -> str:
    try:
        # a kind that no URL can hold is a type, which is the kind of events at /events/
        return get_event_url(kind, REFERENCE, base_url="") if is_label(kind) else cloudevents_path()
    except (ConfigurationError, NoReverseMatch):
        return ""


def _payload(channel: Channel) -> PayloadDetails | None:
    try:
        payloads, schema, example = channel.payloads, channel.schema(), channel.example()
        table = table_of(schema, "payload")
    except Exception:  # noqa: BLE001 -- models run code of the project, and checks report what is wrong
        logger.debug("The catalogue cannot describe %s", channel, exc_info=True)
        return None
    is_json = not any(bare(declared) is bytes for declared, _ in payloads)
    data = example.data or b""
    shown = _indented(example.value) if is_json and data else data.decode(errors="replace")
    samples = [(name, _indented(value)) for name, value in channel.member_examples()] if is_json else []
    return PayloadDetails(table, _indented(schema), example, samples if len(samples) > 1 else [("", shown)], is_json)


def _indented(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _parameters(channel: Channel) -> list[Parameters]:
    """The parameters of the handlers that declare any."""
    parameters: list[Parameters] = []
    for handler in channel.handlers:
        try:
            declared = handler.parameters_type
            if declared == dict[str, str]:
                continue
            (schema,), definitions = payload_schemas([(declared, TypeAdapter(cast("type[Any]", declared)))], "validation")
            parameters.append(
                Parameters(handler.name, table_of({**schema, "$defs": definitions}, f"parameters-{len(parameters)}"))
            )
        except Exception:  # noqa: BLE001 -- as above
            logger.debug("The catalogue cannot describe the parameters of %s", handler.name, exc_info=True)
    return parameters
