"""Reads the trace of an event from its request and from its envelope, strictly and without OpenTelemetry.

Facts: W3C Trace Context, §3.2 and §3.3; the older header `X-Cloud-Trace-Context` of Google's load balancers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .base import Envelope
from .cloudevents import CloudEvent

#: The headers that may hold a trace, by their names in `request.META`.
_TRACEPARENT_KEY: Final = "HTTP_TRACEPARENT"
_CLOUD_KEY: Final = "HTTP_X_CLOUD_TRACE_CONTEXT"
_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?", re.DOTALL
)
_CLOUD: Final = re.compile(r"(?!0{32})([0-9a-fA-F]{32})(?:/(?:([0-9]{1,20})|[^;]*))?(?:;o=([0-9]))?(?:;.*)?")
_MEMBER: Final = (
    r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
#: Up to 32 members, each of which may be empty.
_TRACESTATE: Final = re.compile(rf"[ \t]*(?:{_MEMBER})?(?:[ \t]*,[ \t]*(?:{_MEMBER})?){{0,31}}[ \t]*")
#: Longer headers are ignored. A tracestate of this length has to be passed on; a longer one need not be.
_MAX_LENGTH: Final = 512


class Trace(NamedTuple):
    """A traceparent of version 00, and the valid tracestate that came with it.

    The trace id is never all zeros. The span id is, if `X-Cloud-Trace-Context` names a trace without a span: then the trace is
    shown in log lines, but a span cannot have it as its parent.
    """

    traceparent: str
    tracestate: str = ""


class TraceHeaders(NamedTuple):
    """The headers of a request that may hold its trace. They are parsed on demand, since most events need no trace."""

    traceparent: str
    tracestate: str
    cloud: str

    def read(self) -> Trace | None:
        """The trace of the request, or None if no header is valid."""
        return _parse_traceparent(self.traceparent, self.tracestate) or _parse_cloud(self.cloud)


def trace_headers(meta: Mapping[str, Any]) -> TraceHeaders | None:
    """Take the headers from Django's `request.META`; None if it has none of them."""
    if _TRACEPARENT_KEY not in meta and _CLOUD_KEY not in meta:
        return None
    get = meta.get
    return TraceHeaders(get(_TRACEPARENT_KEY, ""), get("HTTP_TRACESTATE", ""), get(_CLOUD_KEY, ""))


def trace_of(envelope: Envelope) -> Trace | None:
    """The trace in which a message was published; the request that delivers it may belong to another trace.

    A CloudEvent has it in the extension "distributed tracing".
    """
    sources = [envelope.attributes]
    if isinstance(envelope, CloudEvent):
        sources.append(envelope.extensions)
    for texts in sources:
        # Google's client libraries write the first, which an unwrapped push spells like the second
        for prefix in ("googclient_", "googclient-", ""):
            if trace := _parse_traceparent(texts.get(f"{prefix}traceparent", ""), texts.get(f"{prefix}tracestate", "")):
                return trace
    return None


def _parse_traceparent(text: str, state: str) -> Trace | None:
    """§3.2.2; a higher version is read as version 00 (§3.2.4). A malformed tracestate is dropped."""
    match = _TRACEPARENT.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None or (match[1] == "00" and match[3]):
        return None
    is_valid = len(state) <= _MAX_LENGTH and _TRACESTATE.fullmatch(state)
    return Trace(f"00-{match[2]}", state if is_valid else "")


def _parse_cloud(text: str) -> Trace | None:
    match = _CLOUD.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        return None
    span_id = int(match[2] or 0)
    return Trace(f"00-{match[1].lower()}-{span_id if span_id < 1 << 64 else 0:016x}-{int(match[3] or 0) & 1:02x}")
