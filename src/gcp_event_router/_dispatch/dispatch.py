"""One event on its way through its handlers: each is called, whichever of them fail; then one line in the log, one outcome.

`dispatch` makes a passage of each event that arrives, and the inbox of what could not be read when it did.
"""

from __future__ import annotations

import logging
from contextvars import copy_context
from functools import partial
from time import perf_counter
from typing import Any, Final

from typing_extensions import override

from .. import conf
from .._concurrency import wait_for
from .._log import logger
from ..exceptions import DocumentError, EnvelopeError, UnhandledEventError
from ..lifecycle import event_rejected, handler_finished, handler_started
from ..outcomes import Outcome, classify, worst
from .handler import Handler
from .log_line import explained, level_of, log_line, problem_of
from .lookup import LISTENING, HandlersFound, find_everywhere, registered_everywhere
from .pipeline import acall, aobserved, call, observed
from .raw_event import RawEvent
from .store import HANDLED, EventRecord, Result, aattempt, attempt, record_of
from .tracing import Span, tracer

__all__ = ["Passage", "passage", "warned"]

#: Kinds of which a WARNING said that nothing takes them, in this process.
warned: Final[set[str]] = set()
#: So many of them at most: strangers may choose kinds.
_WARNED: Final = 1024


def passage(kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> Passage:
    """Begin the way of an event through its handlers, in a span where events are traced."""
    traced = tracer()
    if traced is None:
        return Passage(kind, reference, raw_event, found)
    return TracedPassage(kind, reference, raw_event, found, traced.event(kind, reference, raw_event, found))


#: Stands for what kept a record from being opened, once that is raised.
_RAISED: Final = Exception()


class Passage:
    """One event on its way through its handlers."""

    __slots__ = (
        "_closed",
        "_is_open",
        "_kind",
        "_raw_event",
        "_record",
        "_reference",
        "_results",
        "_started",
        "found",
    )

    def __init__(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> None:
        self._kind = kind
        self._reference = reference
        self._raw_event = raw_event
        self.found: HandlersFound = found
        self._record = record_of(kind, reference, raw_event, found)
        #: Whether the record was opened, or was to be.
        self._is_open = False
        #: What kept the record from being opened, so that no handler was called.
        self._closed: Exception | None = None
        #: Of all handlers but those that just did their work.
        self._results: list[tuple[Handler, Result]] = []
        self._started = perf_counter()

    @property
    def blocking(self) -> bool:
        """Whether there are sync handlers."""
        return bool(self.found.blocking)

    @property
    def awaits(self) -> bool:
        """Whether there are async handlers."""
        return bool(self.found.awaited)

    def complete(self) -> Outcome:
        """Call all handlers, and conclude."""
        self.run()
        if self.found.awaited:
            wait_for(self.run_awaited)
        try:
            return self.conclude()
        except Exception as error:
            if self._is_our_no(error):
                event_rejected.tell(None, **self._rejection(error))
            raise

    def run(self) -> None:
        """Call the sync handlers."""
        if self._record is not None:
            self._run_kept(self._record)
        elif handler_started.receivers or handler_finished.receivers:
            self._run_watched()
        else:
            for handler in self.found.blocking:
                try:
                    copy_context().run(call, handler, self._kind, self._reference, self._raw_event)
                except Exception as error:  # noqa: BLE001 -- kept until all have run, then raised by conclude()
                    self._results.append((handler, Result(classify(error), error)))

    async def run_awaited(self) -> None:
        """Call the async handlers."""
        if self._record is not None:
            await self._run_awaited_kept(self._record)
        elif handler_started.receivers or handler_finished.receivers:
            await self._run_awaited_watched()
        else:
            for handler in self.found.awaited:
                try:
                    await acall(handler, self._kind, self._reference, self._raw_event)
                except Exception as error:  # noqa: BLE001 -- as in run()
                    self._results.append((handler, Result(classify(error), error)))

    async def finish(self) -> Outcome:
        """Do what `run` left."""
        await self.run_awaited()
        try:
            return self.conclude()
        except Exception as error:
            if self._is_our_no(error):
                await event_rejected.atell(None, **self._rejection(error))
            raise

    def conclude(self) -> Outcome:
        """Log the event's line, and return its outcome or raise what was not settled here.

        Of several exceptions an `ExceptionGroup` is raised; one that is acknowledged, such as `Reject`, is not raised.
        """
        if self._closed is not None:
            self._log(logging.ERROR, classify(self._closed), explained(self._closed))
            closed, self._closed = self._closed, _RAISED
            try:
                raise closed
            finally:
                del closed  # as below
        if not self._results:
            if not self.found.blocking and not self.found.awaited:
                return self._unhandled()
            if logger.isEnabledFor(logging.INFO):  # asked here, too, since most events end so
                self._log(logging.INFO, Outcome.HANDLED)
            return Outcome.HANDLED
        outcome = self._settle()
        failure = self._let_go()
        if failure is None:
            return outcome
        try:
            raise failure
        finally:
            del failure  # which holds this frame, by its traceback

    def _settle(self) -> Outcome:
        """Log what did not end well, and return the worst of it."""
        outcome = worst(result.outcome for _, result in self._results)
        several = len(self._results) > 1 or sum(map(len, self.found)) > 1
        problems = [problem_of(*each) for each in self._results if several or each[1].error is not None]
        self._log(level_of(outcome), outcome, "; ".join(problems))
        for handler, result in self._results:
            logger.debug("Handler %s did not finish", handler.name, exc_info=result.error)
        return outcome

    def _let_go(self) -> Exception | None:
        """Return what is to be raised, and hold none of it any more: it holds this passage, by the frames of its traceback."""
        results, self._results = self._results, []
        errors = [result.error for _, result in results if result.error and not result.outcome.acknowledged]
        msg = "several handlers failed"
        return ExceptionGroup(msg, errors) if len(errors) > 1 else next(iter(errors), None)

    def _is_our_no(self, error: Exception) -> bool:
        """Whether what `conclude` raises is our own no, since no handler was called; who sent the event tells of its body."""
        was_kept_out = self._closed is not None or not (self.found.blocking or self.found.awaited)
        return was_kept_out and not isinstance(error, DocumentError)

    def _run_watched(self) -> None:
        for handler in self.found.blocking:
            self._note(handler, observed(handler, self._kind, self._reference, self._raw_event, attempt))

    async def _run_awaited_watched(self) -> None:
        for handler in self.found.awaited:
            self._note(handler, await aobserved(handler, self._kind, self._reference, self._raw_event, aattempt))

    def _run_kept(self, record: EventRecord) -> None:
        self._is_open = True
        try:
            record.open()
        except Exception as error:  # noqa: BLE001 -- as in run()
            self._closed = error
            return
        for handler in self.found.blocking:
            run = partial(record.run, handler)
            self._note(handler, observed(handler, self._kind, self._reference, self._raw_event, run))

    async def _run_awaited_kept(self, record: EventRecord) -> None:
        if not self._is_open:
            try:
                await record.aopen()
            except Exception as error:  # noqa: BLE001 -- as in run()
                self._closed = error
        if self._closed is None:
            for handler in self.found.awaited:
                run = partial(record.arun, handler)
                self._note(handler, await aobserved(handler, self._kind, self._reference, self._raw_event, run))

    def _note(self, handler: Handler, result: Result) -> None:
        if result is not HANDLED:
            self._results.append((handler, result))

    def _unhandled(self) -> Outcome:
        try:
            self._raw_event.document()  # nobody looked at the body so far; a broken one is refused all the same
        except EnvelopeError as error:
            raise DocumentError(error) from error
        if conf.current().UNHANDLED == "error":
            self._log(logging.WARNING, Outcome.UNHANDLED)
            msg = "nothing handles this kind of event"
            raise UnhandledEventError(msg)
        self._log(logging.WARNING if self._is_news() else logging.INFO, Outcome.UNHANDLED)
        return Outcome.UNHANDLED

    def _is_news(self) -> bool:
        """Whether nothing takes this kind, and no WARNING has said so: the kind may be misspelt, here or by its sender."""
        if self._kind in warned or len(warned) >= _WARNED or _is_taken(self._kind, self._raw_event.envelope.type):
            return False
        warned.add(self._kind)
        return True

    def _rejection(self, error: Exception) -> dict[str, Any]:
        return {
            "event_kind": self._kind,
            "event_reference": self._reference,
            "outcome": classify(error),
            "error": error,
            "principal": self._raw_event.principal,
        }

    def _log(self, level: int, outcome: Outcome, problem: str = "") -> None:
        if logger.isEnabledFor(level):
            handlers = [handler.name for handlers in self.found for handler in handlers]
            duration = perf_counter() - self._started
            log_line(level, outcome, self._kind, self._reference, self._raw_event, handlers, duration, problem)


def _is_taken(kind: str, ce_type: str | None) -> bool:
    """Whether another router handles a kind; or plain receivers do, which they may where they are all that a project has."""
    if any(found.blocking or found.awaited for found in find_everywhere(kind, ce_type)):
        return True
    return next(registered_everywhere(), None) is None and any(router.has_plain_company() for router in tuple(LISTENING))


class TracedPassage(Passage):
    """One event on its way, in a span of its own."""

    __slots__ = ("_span",)

    def __init__(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound, span: Span) -> None:
        super().__init__(kind, reference, raw_event, found)
        self._span = span

    @override
    def run(self) -> None:
        with self._span.current():
            if self._record is None:
                self._run_watched()
            else:
                self._run_kept(self._record)

    @override
    async def run_awaited(self) -> None:
        with self._span.current():
            if self._record is None:
                await self._run_awaited_watched()
            else:
                await self._run_awaited_kept(self._record)

    @override
    def conclude(self) -> Outcome:
        try:
            with self._span.current():
                outcome = super().conclude()
        except Exception as error:
            self._span.end(classify(error), error)
            raise
        self._span.end(outcome)
        return outcome
