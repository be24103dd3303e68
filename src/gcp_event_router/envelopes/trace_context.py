"""Where an event belongs in a trace: what its request and its envelope say of that, read strictly and without OpenTelemetry.

Read by `formatters`, so that log lines are shown with their trace, and by `tracing`, whose spans have it for a parent.
Facts: W3C Trace Context, §3.2 and §3.3; the header `X-Cloud-Trace-Context` of Google's load balancers, which is older.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from . import CloudEvent, Envelope

__all__ = ["Trace", "TraceHeaders", "trace_headers", "trace_of"]

_TRACEPARENT: Final = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_CLOUD: Final = re.compile(r"([0-9a-fA-F]{32})(?:/([^;]*))?(?:;o=([0-9]))?(?:;.*)?")
_SPAN: Final = re.compile(r"[0-9]{1,20}")
_LENGTH: Final = 512
"""Longer headers are taken for none; of a tracestate that many characters have to be passed on, and no more are."""
_MEMBER: Final = re.compile(
    r"([a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
_MEMBERS: Final = 32


class Trace(NamedTuple):
    """A traceparent in version 00, and the valid tracestate that came with it.

    Its trace id is never all zeros. Its span id is, where `X-Cloud-Trace-Context` named a trace and no span: enough for a line of
    the log, and no parent for a span.
    """

    traceparent: str
    tracestate: str = ""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, in lower case."""
        return self.traceparent[3:35]

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits, in lower case."""
        return self.traceparent[36:52]

    @property
    def is_sampled(self) -> bool:
        """Whether who began the trace records it."""
        return int(self.traceparent[53:], 16) & 1 == 1


class TraceHeaders(NamedTuple):
    """The headers of a request that tell of its trace, as they came: most requests are handled without anybody asking."""

    traceparent: str
    tracestate: str
    cloud: str

    def read(self) -> Trace | None:
        """The trace of the request; None where no header is what it has to be."""
        return _traceparent(self.traceparent, self.tracestate) or _cloud(self.cloud)


def trace_headers(meta: Mapping[str, Any]) -> TraceHeaders | None:
    """Those in Django's `request.META`; None where it has none."""
    if "HTTP_TRACEPARENT" in meta or "HTTP_X_CLOUD_TRACE_CONTEXT" in meta:
        get = meta.get
        return TraceHeaders(get("HTTP_TRACEPARENT", ""), get("HTTP_TRACESTATE", ""), get("HTTP_X_CLOUD_TRACE_CONTEXT", ""))
    return None


def trace_of(envelope: Envelope) -> Trace | None:
    """The trace in which a message was published, as far as its attributes are what they have to be.

    First what Google's client libraries write, then the attribute that everybody else writes, then the CloudEvents extension
    "distributed tracing". The request that delivers the message may belong to another trace.
    """
    attributes = envelope.attributes
    for parent, state in _ATTRIBUTES:
        found = attributes.get(parent)
        trace = found and _traceparent(found, attributes.get(state, ""))
        if trace:
            return trace
    if isinstance(envelope, CloudEvent):
        extensions = envelope.extensions
        return _traceparent(extensions.get("traceparent", ""), extensions.get("tracestate", ""))
    return None


#: The second in the spelling of headers, as an unwrapped push has it.
_ATTRIBUTES: Final = (
    ("googclient_traceparent", "googclient_tracestate"),
    ("googclient-traceparent", "googclient-tracestate"),
    ("traceparent", "tracestate"),
)


def _traceparent(text: str, state: str) -> Trace | None:
    """§3.2.2; of a higher version the part is read that version 00 has (§3.2.4)."""
    found = _TRACEPARENT.fullmatch(text) if len(text) <= _LENGTH else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Trace(f"00-{trace_id}-{span_id}-{flags}", _tracestate(state))


def _tracestate(text: str) -> str:
    """§3.3.1; nothing of one that is malformed, since OpenTelemetry would write its text into the log, line breaks and all."""
    if len(text) > _LENGTH:
        return ""
    # members may be empty, and then count for nothing
    members = [member for each in text.split(",") if (member := each.strip(" \t"))]
    found = [_MEMBER.fullmatch(member) for member in members]
    keys = {match[1] for match in found if match}
    return text if len(keys) == len(members) <= _MEMBERS else ""


def _cloud(text: str) -> Trace | None:
    found = _CLOUD.fullmatch(text) if len(text) <= _LENGTH else None
    if found is None:
        return None
    trace_id, span, sampled = found.groups()
    if not int(trace_id, 16):
        return None
    span_id = int(span) if span and _SPAN.fullmatch(span) and int(span) < 1 << 64 else 0
    return Trace(f"00-{trace_id.lower()}-{span_id:016x}-{int(sampled or 0) & 1:02x}")
