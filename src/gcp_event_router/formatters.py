"""For `LOGGING`: a filter and a formatter that add the current event to log lines."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, cast

from django.http import HttpRequest
from typing_extensions import override

from ._dispatch.context import current_event

__all__ = ["CloudLoggingFormatter", "EventContextFilter"]

_PREFIX: Final = "logging.googleapis.com/"
#: By tens of the level.
_SEVERITIES: Final = ("DEFAULT", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LABELS: Final = ("event_kind", "event_reference", "event_message_id")
_EVENT: Final = (*_LABELS, "event_trace")
#: The attributes that every record has, and those that are written as labels.
_STANDARD: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", *_EVENT}
_TRACEPARENT: Final = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class EventContextFilter(logging.Filter):
    """Adds `event_kind`, `event_reference`, `event_message_id` and `event_trace` to each record that a handler writes.

    On other records they are empty, so that every format may name them. A record's own values take precedence. The filter
    escapes characters that cannot be printed, since a line break in a sender's message id would forge a line.
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Add the event to a record, and let it pass."""
        vars(record).update(_event_fields(record))
        return True


class CloudLoggingFormatter(logging.Formatter):
    """Writes a record as one line of JSON, in the fields that Google Cloud Logging knows, with all of its `extra`.

    It needs an `EventContextFilter` only if records are formatted in another thread than the one that wrote them. A value that
    JSON cannot hold is written as its `repr`, or as its type if that fails; a request as its method and path.

    Args:
        project: The id of the Google Cloud project that has the traces; by default the environment's `GOOGLE_CLOUD_PROJECT`.

    """

    def __init__(self, project: str | None = None) -> None:
        super().__init__()
        self._project = os.environ.get("GOOGLE_CLOUD_PROJECT", "") if project is None else project

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        event = _event_fields(record)
        entry: dict[str, object] = {
            "severity": _SEVERITIES[min(record.levelno // 10, 5)],
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "logger": record.name,
            f"{_PREFIX}sourceLocation": {"file": record.pathname, "line": str(record.lineno), "function": record.funcName},
        }
        stack = [self.formatException(record.exc_info) if record.exc_info else record.exc_text, record.stack_info]
        if any(stack):
            entry["stack_trace"] = "\n".join(filter(None, stack))
        if labels := {name: str(event[name]) for name in _LABELS if event[name]}:
            entry[f"{_PREFIX}labels"] = labels
        entry |= self._trace(event["event_trace"])
        extra = {name: _plain(value) for name, value in vars(record).items() if name not in _STANDARD}
        return json.dumps(extra | entry)

    def _trace(self, request_trace: object) -> dict[str, object]:
        """The trace of OpenTelemetry's current span, or of the request that brought the event."""
        traceparent = _current_span() or request_trace
        if not isinstance(traceparent, str) or not _TRACEPARENT.fullmatch(traceparent):
            return {}
        _, trace_id, span_id, flags = traceparent.split("-")
        span = {f"{_PREFIX}spanId": span_id} if int(span_id, 16) else {}  # a request may name a trace alone
        return {
            f"{_PREFIX}trace": f"projects/{self._project}/traces/{trace_id}" if self._project else trace_id,
            **span,
            f"{_PREFIX}trace_sampled": int(flags, 16) & 1 == 1,
        }


def _event_fields(record: logging.LogRecord) -> dict[str, Any]:
    """The event of a record: what the record says, or else the event that is being handled."""
    fields = dict(zip(_EVENT, current_event() or ("",) * len(_EVENT), strict=True)) | vars(record)
    return {name: _escape(fields[name] or "") for name in _EVENT}


def _current_span() -> str | None:
    """The traceparent of OpenTelemetry's current span, if OpenTelemetry has been imported."""
    module: Any = sys.modules.get("opentelemetry.trace")
    with suppress(AttributeError):  # None, or another thread is importing it
        span = module.get_current_span().get_span_context()
        return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}" if span.is_valid else None
    return None


def _plain(value: object) -> object:
    """A value as JSON can hold it; its type alone if it is circular or its `repr` fails, so that the record is not lost."""
    try:
        # in a list, since `json` would load a lazy object alone; the readers of Cloud Logging do not know NaN and Infinity
        return json.loads(json.dumps([value], default=_readable, skipkeys=True), parse_constant=str)[0]
    except Exception as error:  # noqa: BLE001 -- of somebody's own class
        return f"<{type(value).__qualname__}, which raised {type(error).__qualname__}>"


def _readable(value: object) -> object:
    """Something that JSON can hold, in place of a value that it cannot."""
    kind = type(value)  # isinstance would load a lazy `request.user`
    if issubclass(kind, HttpRequest):
        request = cast("HttpRequest", value)
        return f"{request.method} {request.path}"  # without its query, which may hold a token
    return list(cast("set[object]", value)) if issubclass(kind, (set, frozenset)) else repr(value)


def _escape(value: object) -> object:
    """A text on one line, with the characters escaped that cannot be printed."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in value)
