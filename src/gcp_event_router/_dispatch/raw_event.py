"""An event before its payload is validated, and the function that reads one from a body.

`_endpoint` reads requests with it, and `inbox` reads its rows again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from typing_extensions import override

from .. import conf
from ..envelopes import Envelope, event_meta, is_batch, read, split_batch
from ..envelopes.trace_context import Trace, TraceHeaders
from ..event import UNKNOWN, Principal, labels_of
from ..exceptions import EnvelopeError

#: The form of an envelope that cannot be read.
UNREAD: Final = "unread"
_NO_QUERY: Mapping[str, list[str]] = MappingProxyType({})


class RawEvent:
    """What the endpoint knows of a request, beside the five arguments of the signal. Private to this package.

    The views make it, and the signal hands it to the routers' receivers alone.
    """

    __slots__ = ("_document", "_headers", "envelope", "kept_as", "principal", "query")

    #: What is wrong with an `UnreadableEvent`.
    problem: EnvelopeError | None = None

    def __init__(
        self,
        envelope: Envelope,
        query: Mapping[str, list[str]] | None = None,
        principal: Principal | None = None,
        kept_as: str | None = None,
        headers: TraceHeaders | None = None,
    ) -> None:
        """Hold the envelope, all values of all query parameters, who sent it, its key in the inbox, and its trace's headers."""
        self.envelope: Envelope = envelope
        self.query: Mapping[str, list[str]] = _NO_QUERY if query is None else query
        self.principal: Principal | None = principal
        #: The key of the row that it was read from; None if it just arrived.
        self.kept_as: str | None = kept_as
        self._headers = headers
        self._document: object

    @property
    def trace(self) -> Trace | None:
        """The trace of the request; None where it says none, and for an event without a request."""
        return None if self._headers is None else self._headers.read()

    def document(self) -> object:
        """The body decoded, for plain receivers; once, whoever asks."""
        try:
            return self._document
        except AttributeError:
            self._document = self.envelope.document()
            return self._document

    def parameters(self) -> dict[str, str]:
        """The query parameters; of a repeated one the last value, as Django's `QueryDict.dict()` has it."""
        return {name: values[-1] for name, values in self.query.items()} if self.query else {}


class UnreadableEvent(RawEvent):
    """An event that no form can read. Its envelope holds the body as it came, and `problem` says what is wrong with it."""

    __slots__ = ("problem",)

    def __init__(
        self,
        problem: EnvelopeError,
        body: bytes,
        meta: Mapping[str, Any],
        query: Mapping[str, list[str]] | None = None,
        principal: Principal | None = None,
        kept_as: str | None = None,
        headers: TraceHeaders | None = None,
    ) -> None:
        super().__init__(_UnreadEnvelope(body, meta), query, principal, kept_as, headers)
        problem.__cause__ = problem.__context__ = None  # their frames, and its own, hold the body
        self.problem: EnvelopeError | None = problem.with_traceback(None)


class _UnreadEnvelope(Envelope):
    __slots__ = ("_meta",)

    form = UNREAD

    def __init__(self, body: bytes, meta: Mapping[str, Any]) -> None:
        super().__init__(body)
        self._meta = meta

    @property
    @override
    def meta(self) -> dict[str, Any]:
        return dict(self._meta)


#: An event with its kind and its reference.
LabelledEvent: TypeAlias = tuple[str, str, RawEvent]


def read_raw_events(
    body: bytes,
    meta: Mapping[str, Any],
    kind: str,
    reference: str,
    query: Mapping[str, list[str]] | None = None,
    principal: Principal | None = None,
    kept_as: str | None = None,
    headers: TraceHeaders | None = None,
) -> list[LabelledEvent]:
    """Read the event of a body, or those of a batch. An event that cannot be read becomes an `UnreadableEvent`.

    Args:
        body: The bytes of the request.
        meta: Django's `request.META`, or what was kept of it, without credentials.
        kind: The kind in the URL; the constant `UNKNOWN` if the URL has none, so that the event tells it.
        reference: The reference in the URL, or `UNKNOWN`.
        query: All values of all query parameters.
        principal: Who sent the request.
        kept_as: The key of the row of the inbox that is read again.
        headers: The headers of the request's trace.

    """
    origin = query, principal, kept_as, headers
    parts: list[tuple[bytes, Mapping[str, Any]]] = [(body, meta)]
    if is_batch(meta):
        try:
            bodies = split_batch(body, meta, conf.current().MAX_BATCH)
        except EnvelopeError as error:
            return [(kind, reference, UnreadableEvent(error, body, meta, *origin))]
        its_meta = event_meta(meta)
        parts = [(part, its_meta) for part in bodies]
    events: list[LabelledEvent] = []
    for part, its_meta in parts:
        try:
            envelope = read(part, its_meta)
            labels = labels_of(envelope) if kind is UNKNOWN else (kind, reference)
        except EnvelopeError as error:
            events.append((kind, reference, UnreadableEvent(error, part, its_meta, *origin)))
        else:
            events.append((*labels, RawEvent(envelope, *origin)))
    return events
