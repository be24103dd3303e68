"""An event before its payload is validated, and a request that cannot be read. `_endpoint` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..envelopes import Envelope
from ..envelopes.trace_context import Trace, TraceHeaders
from ..event import Principal
from ..exceptions import EnvelopeError

__all__ = ["RawEvent", "UnreadableRequest", "UnreadableRequestError"]


_NO_QUERY: Mapping[str, list[str]] = MappingProxyType({})


class RawEvent:
    """What the endpoint knows of a request, beside the five arguments of the signal. Private to this package.

    The views make it, and the signal hands it to the routers' receivers alone.
    """

    __slots__ = ("_document", "_headers", "envelope", "kept_as", "principal", "query")

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


@dataclass(frozen=True, slots=True)
class UnreadableRequest:
    """A request whose body is in a form that it does not keep, so that no event could be made of it."""

    kind: str
    reference: str
    body: bytes
    #: What `envelopes.read` was given beside it.
    meta: Mapping[str, Any]
    query: Mapping[str, list[str]]
    principal: Principal | None


class UnreadableRequestError(EnvelopeError):
    """Raised for a request that cannot be read, with all that a keeper needs of it."""

    def __init__(self, reason: EnvelopeError, unread: UnreadableRequest) -> None:
        super().__init__(str(reason))
        # without the frames that it passed: they hold the body, and whoever holds this
        self._reason = reason.with_traceback(None)
        reason.__cause__ = reason.__context__ = None
        self.unread = unread

    @property
    def reason(self) -> EnvelopeError:
        """What was wrong with it, afresh: whoever raises it is in the frames of its traceback, and may hold this."""
        return copy(self._reason)
