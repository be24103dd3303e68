"""For `LOGGING`: log lines that carry the event during which they were written, as JSON that Google Cloud Logging reads.

Named in the project's settings; nothing here is used otherwise.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, cast

from django.http import HttpRequest
from typing_extensions import override

from ._dispatch.context import current_event

__all__ = ["CloudLoggingFormatter", "EventContextFilter"]

_PREFIX: Final = "logging.googleapis.com/"
_SEVERITIES: Final = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"), (10, "DEBUG"))
#: What every record has, and what formatters add to it.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
#: Which event it was: labels, by which Cloud Logging finds all lines of one event.
_LABELS: Final = ("event_kind", "event_reference", "event_message_id")
_TRACEPARENT: Final = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TEXT: Final = 32_768
"""Characters of one text; Cloud Logging takes 256 KiB an entry."""
_CHARACTERS: Final = 100_000
"""Of all that a record has beside its message and its traceback."""
_REPR: Final = 1024
_ITEMS: Final = 100
_DEPTH: Final = 4


class EventContextFilter(logging.Filter):
    """Gives each record that is written while a handler runs `event_kind`, `event_reference`, `event_message_id`, `event_trace`.

    All others get empty strings, so that any format may name them. A record that has them keeps them; but what would not print
    is written as an escape, since a line break in a sender's message id would forge a line. Lets everything pass.
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Add to a record; called by `logging`."""
        found = _context() | vars(record)
        vars(record).update({name: _on_a_line(found[name]) for name in _NO_EVENT})
        return True


class CloudLoggingFormatter(logging.Formatter):
    """Writes a record as one line of JSON, in the fields that Google Cloud Logging knows, with all of its `extra`.

    It needs no `EventContextFilter`, unless records are formatted in another thread than the one that wrote them. It never
    raises: what JSON cannot hold is written as its repr, and bounded; of a request, only the method and the path are written.

    Args:
        project: The id of the Google Cloud project that has the traces; by default what `GOOGLE_CLOUD_PROJECT` says.

    """

    def __init__(self, project: str | None = None) -> None:
        super().__init__()
        self._project = os.environ.get("GOOGLE_CLOUD_PROJECT", "") if project is None else project

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Format a record; called by `logging`."""
        try:
            return json.dumps(self._entry(record))
        except Exception:  # noqa: BLE001 -- a record that somebody made by hand, and of which a part is missing
            return json.dumps({"severity": "DEFAULT", "message": _message(record)})

    def _entry(self, record: logging.LogRecord) -> dict[str, object]:
        found = _context() | vars(record)
        room = _Room()
        entry: dict[str, object] = {
            str(_plain(name, None, _DEPTH)): _plain(value, room)
            for name, value in found.items()
            if name not in _STANDARD and name not in _OWN
        }
        entry |= {
            "severity": next((name for level, name in _SEVERITIES if record.levelno >= level), "DEFAULT"),
            "message": _message(record),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "logger": _plain(record.name),
            f"{_PREFIX}sourceLocation": {
                "file": _plain(record.pathname),
                "line": str(record.lineno),
                "function": _plain(record.funcName),
            },
        }
        if stack := self._stack(record):
            entry["stack_trace"] = stack
        if labels := {name: str(_plain(found[name])) for name in _LABELS if found.get(name)}:
            entry[f"{_PREFIX}labels"] = labels
        return entry | self._trace(found)

    def _stack(self, record: logging.LogRecord) -> str:
        """The traceback; of a long one the end, where the exception is."""
        try:
            texts = [self.formatException(record.exc_info)] if record.exc_info else [record.exc_text or ""]
        except Exception:  # noqa: BLE001 -- an exception whose text cannot be had
            texts = ["(a traceback that cannot be written)"]
        texts.append(record.stack_info or "")
        return _encodable("\n".join(filter(None, texts))[-_TEXT:])

    def _trace(self, found: Mapping[str, Any]) -> dict[str, object]:
        """The trace of the span that is current in OpenTelemetry, or of the request that brought the event."""
        traceparent = _current_span() or found["event_trace"]
        if not isinstance(traceparent, str) or not _TRACEPARENT.fullmatch(traceparent):
            return {}
        _, trace_id, span_id, flags = traceparent.split("-")
        span = {f"{_PREFIX}spanId": span_id} if int(span_id, 16) else {}  # a request may name a trace alone
        return {
            f"{_PREFIX}trace": f"projects/{self._project}/traces/{trace_id}" if self._project else trace_id,
            **span,
            f"{_PREFIX}trace_sampled": int(flags, 16) & 1 == 1,
        }


_OWN: Final = frozenset({*_LABELS, "event_trace"})
_NO_EVENT: Final[Mapping[str, str]] = MappingProxyType(dict.fromkeys((*_LABELS, "event_trace"), ""))


def _context() -> dict[str, Any]:
    event = current_event()
    return dict(_NO_EVENT) if event is None else {name: value or "" for name, value in zip(_NO_EVENT, event, strict=True)}


def _current_span() -> str | None:
    """The traceparent of OpenTelemetry's current span, where somebody has imported it."""
    module: Any = sys.modules.get("opentelemetry.trace")
    if module is None:
        return None
    with suppress(Exception):  # another thread may be importing it just now
        span = module.get_current_span().get_span_context()
        return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}" if span.is_valid else None
    return None


def _message(record: logging.LogRecord) -> str:
    try:
        return _encodable(record.getMessage()[:_TEXT])
    except Exception:  # noqa: BLE001 -- a format that its arguments do not fit, or one whose text cannot be had
        return f"{_repr(record.msg)} with arguments that do not fit: {_repr(record.args)}"


class _Room:
    """For how many characters the extras of a record still have room."""

    def __init__(self) -> None:
        self.left = _CHARACTERS


def _plain(value: object, room: _Room | None = None, depth: int = 0) -> Any:
    """A value as JSON has it; of a list or a map what there is room for."""
    room = room or _Room()
    try:
        written = _written(value, room, depth)
    except Exception:  # noqa: BLE001 -- somebody's own class, or one that looks into a database when it is asked what it is
        written = _repr(value)
    room.left -= 8 + len(written) if isinstance(written, str) else 8
    return written


def _written(value: object, room: _Room, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _encodable(str.__str__(value)[:_TEXT])
    if isinstance(value, int):
        return int(value) if value.bit_length() < 64 else _repr(value)  # noqa: PLR2004 -- what readers of JSON can hold
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _repr(value)
    if depth < _DEPTH:
        if isinstance(value, Mapping):
            pairs = list(cast("Mapping[object, object]", value).items())[:_ITEMS]
            return {str(_plain(key, room, _DEPTH)): _plain(each, room, depth + 1) for key, each in pairs if room.left > 0}
        if isinstance(value, (list, tuple, set, frozenset)):
            items = list(cast("Iterable[object]", value))[:_ITEMS]
            return [_plain(each, room, depth + 1) for each in items if room.left > 0]
    if isinstance(value, HttpRequest):
        return _encodable(f"{value.method} {value.path}"[:_REPR])  # its repr has the query, and so the tokens in it
    return _repr(value)


def _repr(value: object) -> str:
    try:
        return _encodable(repr(value)[:_REPR])
    except Exception:  # noqa: BLE001 -- somebody's own __repr__
        return f"<{type(value).__qualname__} without a repr>"


def _on_a_line(value: object) -> object:
    """A text without what would not print, such as a line break."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in value)


def _encodable(text: str) -> str:
    """A text without lone surrogates, which readers of JSON refuse."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
