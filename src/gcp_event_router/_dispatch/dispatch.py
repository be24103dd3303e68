"""One event on its way through its handlers: each is called, whichever of them fail; then one line in the log, one outcome.

`Dispatcher` is the one receiver that a router connects to a signal. `signals` calls it for each event, by `handle` or in the two
parts of `split`; whatever wraps it calls it as any receiver. Every handler runs, whichever of them fail: the sync ones in order
of registration, then the async ones in order of registration.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from time import perf_counter
from typing import Any, Final

from typing_extensions import override

from .. import conf
from .._concurrency import wait_for
from .._log import logger
from .._receivers.base import RouterReceiver
from .._receivers.event_broadcast import find_broadcast
from ..envelopes import from_payload
from ..exceptions import DocumentError, EnvelopeError, UnhandledEventError
from ..lifecycle import event_rejected
from ..outcomes import Outcome, classify, worst
from .handler import Handler
from .log_line import explained, level_of, log_line, problem_of
from .lookup import LISTENING, HandlersFound, find_everywhere, registered_everywhere
from .pipeline import BUILT, Run, build
from .raw_event import RawEvent
from .refusal import describe_rejection
from .store import HANDLED, Result, record_of

#: Kinds that nothing takes, and of which a WARNING said so in this process.
warned: Final[set[str]] = set()
#: The most kinds to remember, since strangers may choose them.
_WARNED: Final = 1024


#: Replaces the error of a record that could not be opened, once that is raised.
_ALREADY_RAISED: Final = Exception()


class Dispatch:
    """One event on its way through its handlers."""

    __slots__ = (
        "_kind",
        "_open_error",
        "_open_was_tried",
        "_pipeline",
        "_raw_event",
        "_record",
        "_reference",
        "_results",
        "_span",
        "_started",
        "found",
    )

    def __init__(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> None:
        pipeline = BUILT.pipeline or build()
        self._kind = kind
        self._reference = reference
        self._raw_event = raw_event
        self.found: HandlersFound = found
        self._pipeline = pipeline
        self._record = None if pipeline.store is None else record_of(pipeline.store, kind, reference, raw_event, found)
        self._span = None if pipeline.tracer is None else pipeline.tracer.event(kind, reference, raw_event, found)
        #: Whether the record was opened, or could not be.
        self._open_was_tried = False
        #: Why the record could not be opened, so that no handler was called.
        self._open_error: Exception | None = None
        #: The results other than HANDLED.
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
        span, self._span = self._span, None
        if span is not None:  # all of it once more, within the span
            with span.last():
                outcome = self.complete()
                span.end(outcome)
                return outcome
        self._run()
        if self.found.awaited:
            wait_for(self._arun)
        try:
            return self._conclude()
        except Exception as error:
            if self._must_announce_rejection(error):
                event_rejected.tell(None, **self._rejection(error))
            raise

    def run(self) -> None:
        """Call the sync handlers."""
        if self._span is None:
            self._run()
        else:
            with self._span.current():
                self._run()

    async def finish(self) -> Outcome:
        """Do what `run` left."""
        span, self._span = self._span, None
        if span is not None:  # all of it once more, within the span
            with span.last():
                outcome = await self.finish()
                span.end(outcome)
                return outcome
        await self._arun()
        try:
            return self._conclude()
        except Exception as error:
            if self._must_announce_rejection(error):
                await event_rejected.atell(None, **self._rejection(error))
            raise

    def _run(self) -> None:
        kind, reference, raw_event, record, pipeline = self._kind, self._reference, self._raw_event, self._record, self._pipeline
        if record is not None:
            self._open_was_tried = True
            try:
                record.open()
            except Exception as error:  # noqa: BLE001 -- raised by _conclude()
                self._open_error = error
                return
        for handler in self.found.blocking:
            try:
                if pipeline.is_empty:
                    copy_context().run(handler.call, kind, reference, raw_event)
                else:
                    self._add_result(handler, pipeline.run(Run(handler, kind, reference, raw_event, record)))
            except Exception as error:  # noqa: BLE001 -- kept until all have run, then raised by _conclude()
                self._add_result(handler, Result(classify(error), error))

    async def _arun(self) -> None:
        kind, reference, raw_event, record, pipeline = self._kind, self._reference, self._raw_event, self._record, self._pipeline
        if record is not None and not self._open_was_tried:
            try:
                await record.aopen()
            except Exception as error:  # noqa: BLE001 -- as in _run()
                self._open_error = error
        if self._open_error is not None:
            return
        for handler in self.found.awaited:
            try:
                if pipeline.is_empty:
                    await handler.acall(kind, reference, raw_event)
                else:
                    self._add_result(handler, await pipeline.arun(Run(handler, kind, reference, raw_event, record)))
            except Exception as error:  # noqa: BLE001 -- as in _run()
                self._add_result(handler, Result(classify(error), error))

    def _add_result(self, handler: Handler, result: Result) -> None:
        """Keep a result other than HANDLED. A method, since a local of the loop would keep the frames of the failure alive."""
        if result is not HANDLED:
            self._results.append((handler, result))

    def _conclude(self) -> Outcome:
        """Log the event's line, and return its outcome or raise what was not settled here.

        Of several exceptions an `ExceptionGroup` is raised; one that is acknowledged, such as `Reject`, is not raised.
        """
        if self._open_error is not None:
            self._log(logging.ERROR, classify(self._open_error), explained(self._open_error))
            open_error, self._open_error = self._open_error, _ALREADY_RAISED
            try:
                raise open_error
            finally:
                del open_error  # as below
        if not self._results:
            if not self.found.blocking and not self.found.awaited:
                return self._unhandled()
            if logger.isEnabledFor(logging.INFO):  # asked here, too, since most events end so
                self._log(logging.INFO, Outcome.HANDLED)
            return Outcome.HANDLED
        outcome = self._settle()
        failure = self._take_failure()
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

    def _take_failure(self) -> Exception | None:
        """Return the failure to raise, and drop every reference to it: the frames of its traceback refer to this dispatch."""
        results, self._results = self._results, []
        errors = [result.error for _, result in results if result.error and not result.outcome.acknowledged]
        msg = "several handlers failed"
        return ExceptionGroup(msg, errors) if len(errors) > 1 else next(iter(errors), None)

    def _must_announce_rejection(self, error: Exception) -> bool:
        """Whether to send `event_rejected`: no handler was called, and it is not a `DocumentError`, which the view reports."""
        was_kept_out = self._open_error is not None or not (self.found.blocking or self.found.awaited)
        return was_kept_out and not isinstance(error, DocumentError)

    def _unhandled(self) -> Outcome:
        try:
            self._raw_event.document()  # nobody looked at the body so far; a broken one is refused all the same
        except EnvelopeError as error:
            raise DocumentError(error) from error
        if conf.current().UNHANDLED == "error":
            self._log(logging.WARNING, Outcome.UNHANDLED)
            msg = "nothing handles this kind of event"
            raise UnhandledEventError(msg)
        self._log(logging.WARNING if self._note_unknown_kind() else logging.INFO, Outcome.UNHANDLED)
        return Outcome.UNHANDLED

    def _note_unknown_kind(self) -> bool:
        """Remember a kind that nothing takes, and return whether to warn of it: it may be misspelt, here or by its sender."""
        if self._kind in warned or len(warned) >= _WARNED or _is_taken(self._kind, self._raw_event.envelope.type):
            return False
        warned.add(self._kind)
        return True

    def _rejection(self, error: Exception) -> dict[str, Any]:
        return describe_rejection(error, classify(error), self._kind, self._reference, self._raw_event.principal)

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


class Dispatcher(RouterReceiver):
    """Brings the events of a signal to the handlers that `find` names for their kind and type."""

    def __init__(self, find: Callable[[str, str | None], HandlersFound]) -> None:
        self._find = find
        self.__qualname__ = "EventRouter"  # the name by which Django's send_robust logs a failing receiver

    @override
    def __call__(self, *, event_kind: str, event_reference: str, **named: Any) -> object:
        """Handle an event to its end and return its outcome, or raise what the handlers raised."""
        broadcast = find_broadcast({"event_kind": event_kind, "event_reference": event_reference, **named})
        if broadcast is not None and named.get("signal", broadcast.signal) is broadcast.signal:  # something wraps this receiver
            return broadcast.through(self)
        raw_event = broadcast and broadcast.raw_event  # another signal passes it on
        return self.split(event_kind, event_reference, raw_event or self.read(**named)).complete()

    @override
    def split(self, kind: str, reference: str, raw_event: RawEvent) -> Dispatch:
        return Dispatch(kind, reference, raw_event, self._find(kind, raw_event.envelope.type))

    @override
    def read(self, event_payload: object = None, event_parameters: Mapping[str, str] | None = None, **_: Any) -> RawEvent:
        return RawEvent(from_payload(event_payload), {name: [value] for name, value in (event_parameters or {}).items()})
