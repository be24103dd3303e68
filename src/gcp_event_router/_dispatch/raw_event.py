"""An event before validation; `bodies` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from ..envelopes.base import Envelope
from ..event import Principal
from ..exceptions import EnvelopeError

if TYPE_CHECKING:
    from ..envelopes.trace_context import Trace, TraceHeaders

#: The form of an envelope that cannot be read.
UNREAD: Final = "unread"
_NO_QUERY: Mapping[str, list[str]] = MappingProxyType({})


class RawEvent:
    """An event before validation, without the five arguments of the signal."""

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
        self.envelope: Envelope = envelope
        #: All values of all query parameters.
        self.query: Mapping[str, list[str]] = _NO_QUERY if query is None else query
        self.principal: Principal | None = principal
        #: The key of the inbox's row from which the event is read; None for one that just arrived.
        self.kept_as: str | None = kept_as
        self._headers = headers
        self._document: object

    @property
    def trace(self) -> Trace | None:
        """The trace of the request, if it has one."""
        return None if self._headers is None else self._headers.read()

    def document(self) -> object:
        """Return the decoded body, for plain receivers; decoded once."""
        try:
            return self._document
        except AttributeError:
            self._document = self.envelope.document()
            return self._document

    def parameters(self) -> dict[str, str]:
        """Return the query parameters; the last value of a repeated one, like Django's `QueryDict.dict()`."""
        return {name: values[-1] for name, values in self.query.items()} if self.query else {}


class UnreadableEvent(RawEvent):
    """An event that no form can read. Its envelope has the body as it came, and `problem` says what is wrong with it."""

    __slots__ = ("problem",)

    def __init__(self, problem: EnvelopeError, body: bytes, meta: Mapping[str, Any], *origin: Any) -> None:
        super().__init__(_UnreadEnvelope(body, meta), *origin)
        problem.__cause__ = problem.__context__ = None  # their frames, and its own, refer to the body
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
