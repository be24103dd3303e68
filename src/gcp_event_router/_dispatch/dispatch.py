"""One event on its way through its handlers: all of them run, whichever fail; then one line in the log, and one outcome.

`Dispatcher` is the one receiver that a router connects to a signal. Sync handlers run first, then async ones, each in the order
of their registration.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from time import perf_counter
from typing import Any, Final, TypeAlias

from typing_extensions import override

from .. import conf
from .._concurrency import wait_for
from .._log import logger
from .._receivers.base import RouterReceiver, labels
from .._receivers.event_broadcast import find_broadcast
from ..event import LABEL_LENGTH
from ..exceptions import DocumentError, EnvelopeError, UnhandledEventError
from ..lifecycle import event_rejected
from ..outcomes import Outcome, classify, worst
from .handler import Handler
from .log_line import describe_error, describe_problem, level_of, log_line
from .lookup import LISTENING, HandlersFound, Traits, registered_everywhere
from .pipeline import BUILT, Pipeline, Run, build
from .raw_event import RawEvent
from .refusal import describe_rejection
from .store import HANDLED, EventRecord, Result, is_handled, record_of

#: Unhandled kinds that this process has warned of; bounded, since strangers may choose them.
warned: Final[set[str]] = set()
_MAX_WARNED: Final = 1024


_Results: TypeAlias = list[tuple[Handler, Result]]
#: For `Context.run`, which would otherwise be given a bound method, a new object each time.
_call: Final = Handler.call


def call_blocking(
    handlers: tuple[Handler, ...],
    kind: str,
    reference: str,
    raw_event: RawEvent,
    pipeline: Pipeline,
    record: EventRecord | None = None,
) -> _Results:
    """Call all sync handlers, and return the results other than HANDLED.

    The traceback of a failure refers to this frame: to end that, the caller empties the list.
    """
    results: _Results = []
    for handler in handlers:
        try:
            if pipeline.is_empty:
                copy_context().run(_call, handler, kind, reference, raw_event)
            else:
                _add_result(results, handler, pipeline.run(Run(handler, kind, reference, raw_event, record)))
        except Exception as error:  # noqa: BLE001 -- raised by conclude(), once all have run
            _add_result(results, handler, Result(classify(error), error))
    return results


def _add_result(results: _Results, handler: Handler, result: Result) -> None:
    """Keep a result other than HANDLED; a local variable of the loop would keep the frames of a failure alive."""
    if result is not HANDLED:
        results.append((handler, result))


class Dispatch:
    """One event on its way through its handlers, unless these are sync and nothing surrounds them; or its end."""

    __slots__ = (
        "_awaited",
        "_blocking",
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
    )

    def __init__(
        self,
        kind: str,
        reference: str,
        raw_event: RawEvent,
        handlers: HandlersFound,
        results: _Results | None = None,
        started: float | None = None,
    ) -> None:
        """Begin the work; or, with its results and the time when it began, end it."""
        pipeline = BUILT.pipeline or build()
        self._kind = kind
        self._reference = reference
        self._raw_event = raw_event
        self._blocking, self._awaited = handlers
        self._pipeline = pipeline
        self._record = None if pipeline.store is None else record_of(pipeline.store, kind, reference, raw_event, handlers)
        self._span = None if pipeline.tracer is None else pipeline.tracer.event(kind, reference, raw_event, handlers)
        self._open_was_tried = False
        #: Holds the error that kept the record from being opened, until it is raised; no handler is called then.
        self._open_error: list[Exception] | None = None
        #: The results other than HANDLED.
        self._results: _Results = [] if results is None else results
        self._started = perf_counter() if started is None else started

    @property
    def blocking(self) -> bool:
        """Whether there are sync handlers."""
        return bool(self._blocking)

    @property
    def awaits(self) -> bool:
        """Whether there are async handlers."""
        return bool(self._awaited)

    def complete(self) -> Outcome:
        """Call all handlers, and return the outcome or raise their exceptions."""
        if self._span is not None:  # does the same again, within the span
            span, self._span = self._span, None
            with span.last():
                outcome = self.complete()
                span.end(outcome)
                return outcome
        self._run()
        if self._awaited:
            wait_for(self._arun)
        try:
            return self.conclude()
        except Exception as error:
            if self._is_rejection(error):
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
        """Await the async handlers after `run`, and return the outcome or raise the exceptions of all."""
        if self._span is not None:  # as in complete()
            span, self._span = self._span, None
            with span.last():
                outcome = await self.finish()
                span.end(outcome)
                return outcome
        await self._arun()
        try:
            return self.conclude()
        except Exception as error:
            if self._is_rejection(error):
                await event_rejected.atell(None, **self._rejection(error))
            raise

    def _run(self) -> None:
        if self._record is not None:
            self._open_was_tried = True
            try:
                self._record.open()
            except Exception as error:  # noqa: BLE001 -- raised by conclude()
                self._open_error = [error]
                return
        self._results = call_blocking(self._blocking, self._kind, self._reference, self._raw_event, self._pipeline, self._record)

    async def _arun(self) -> None:
        if self._record is not None and not self._open_was_tried:
            try:
                await self._record.aopen()
            except Exception as error:  # noqa: BLE001 -- as in _run()
                self._open_error = [error]
        if self._open_error is not None:
            return
        for handler in self._awaited:
            try:
                if self._pipeline.is_empty:
                    await handler.acall(self._kind, self._reference, self._raw_event)
                else:
                    run = Run(handler, self._kind, self._reference, self._raw_event, self._record)
                    _add_result(self._results, handler, await self._pipeline.arun(run))
            except Exception as error:  # noqa: BLE001 -- as above
                _add_result(self._results, handler, Result(classify(error), error))

    def conclude(self) -> Outcome:
        """Log the event's line, and return the outcome, or raise the exceptions that are not acknowledged."""
        if self._open_error is not None:
            self._log(logging.ERROR, classify(self._open_error[0]), describe_error(self._open_error[0]))
            raise self._open_error.pop()  # no variable holds it, since its traceback refers to this frame
        if not self._results:
            if not (self._blocking or self._awaited):
                return self._conclude_unhandled()
            self._log(logging.INFO, HANDLED.outcome)
            return HANDLED.outcome
        outcome = worst(result.outcome for _, result in self._results)
        errors = self._take_errors(outcome)
        if len(errors) > 1:
            msg = "several handlers failed"
            raise ExceptionGroup(msg, errors)
        if errors:
            raise errors.pop()  # as above
        return outcome

    def _take_errors(self, outcome: Outcome) -> list[Exception]:
        """Log all results, and return the exceptions to raise; none stays here, since their tracebacks refer to this dispatch."""
        results = self._results.copy()
        self._results.clear()
        several = len(results) > 1 or len(self._blocking) + len(self._awaited) > 1
        problems = [describe_problem(handler, result) for handler, result in results if several or result.error is not None]
        self._log(level_of(outcome), outcome, "; ".join(problems))
        for handler, result in results:
            logger.debug("Handler %s did not finish", handler.name, exc_info=result.error)
        return [result.error for _, result in results if result.error and not result.outcome.acknowledged]

    def _conclude_unhandled(self) -> Outcome:
        try:
            self._raw_event.document()  # an undecodable body is rejected, although nothing reads it
        except EnvelopeError as error:
            raise DocumentError(error) from error
        must_warn = self._must_warn()
        problem = self._wanted() if must_warn else ""  # once for each kind, since it looks at all handlers
        if conf.current().UNHANDLED == "error" and self._record is None:
            self._log(logging.WARNING, Outcome.UNHANDLED, problem)
            msg = "nothing handles this kind of event"
            raise UnhandledEventError(msg)
        self._log(logging.WARNING if must_warn else logging.INFO, Outcome.UNHANDLED, problem)
        return Outcome.UNHANDLED

    def _wanted(self) -> str:
        """Name the attributes that a handler of the kind wants, such as those of a webhook that is a form in place of JSON."""
        wanted = (entry.attributes for entry in registered_everywhere() if entry.attributes and entry.matching(self._kind))
        attributes = next(wanted, None)
        return f"its handlers want attributes, such as {attributes.words}" if attributes else ""

    def _must_warn(self) -> bool:
        """Whether to warn of an unhandled kind, which may be misspelt here or by its sender: once for each kind.

        Plain receivers may take it, if the project has no handlers at all.
        """
        kind = self._kind[:LABEL_LENGTH]  # the type of a CloudEvent may be as long as a body
        if kind in warned or len(warned) >= _MAX_WARNED or is_handled(self._kind, self._raw_event):
            return False
        if next(registered_everywhere(), None) is None and any(router.has_plain_company() for router in tuple(LISTENING)):
            return False
        warned.add(kind)
        return True

    def _is_rejection(self, error: Exception) -> bool:
        """Whether no handler was called; the view announces a `DocumentError`."""
        return (self._open_error is not None or not (self._blocking or self._awaited)) and not isinstance(error, DocumentError)

    def _rejection(self, error: Exception) -> dict[str, Any]:
        return describe_rejection(error, classify(error), self._kind, self._reference, self._raw_event.principal)

    def _log(self, level: int, outcome: Outcome, problem: str = "") -> None:
        if logger.isEnabledFor(level):
            names = [handler.name for handler in self._blocking + self._awaited]
            duration = perf_counter() - self._started
            log_line(level, outcome, self._kind, self._reference, self._raw_event, problem, names, duration)


class Dispatcher(RouterReceiver):
    """Brings the events of a signal to the handlers that `find` names for their kind and envelope."""

    def __init__(self, find: Callable[[str, Traits], HandlersFound]) -> None:
        self._find = find
        self.__qualname__ = "EventRouter"  # the name by which Django's send_robust logs a failing receiver

    @override
    def __call__(self, **named: Any) -> object:
        """Handle an event and return its outcome, or raise the handlers' exceptions."""
        broadcast = find_broadcast(named)
        if broadcast is not None and named.get("signal", broadcast.signal) is broadcast.signal:  # a wrapper calls this receiver
            return broadcast.through(self)
        raw_event = broadcast and broadcast.raw_event  # another signal passes it on
        return self.handle(*labels(named), raw_event or self.read(**named))

    @override
    def handle(self, kind: str, reference: str, raw_event: RawEvent) -> Outcome:
        started = perf_counter()
        blocking, awaited = handlers = self._find(kind, raw_event.envelope)
        pipeline = BUILT.pipeline or build()
        if awaited or not blocking or not pipeline.is_empty:
            return Dispatch(kind, reference, raw_event, handlers).complete()
        results = call_blocking(blocking, kind, reference, raw_event, pipeline)
        if results or logger.isEnabledFor(logging.INFO):
            return Dispatch(kind, reference, raw_event, handlers, results, started).conclude()
        return HANDLED.outcome

    @override
    def split(self, kind: str, reference: str, raw_event: RawEvent) -> Dispatch:
        return Dispatch(kind, reference, raw_event, self._find(kind, raw_event.envelope))

    @override
    def read(self, event_payload: object = None, event_parameters: Mapping[str, str] | None = None, **_: Any) -> RawEvent:
        from ..envelopes.reading import from_payload  # noqa: PLC0415 -- no form of an envelope is needed at start

        return RawEvent(from_payload(event_payload), {name: [value] for name, value in (event_parameters or {}).items()})
