"""The run of one handler for one event: the steps around its call.

A step is a function that is given the rest of the run and returns it with something around it. The steps are put together when
the settings, the store or the listeners change, not for each event; where there are none, `dispatch` makes the call directly.
`dispatch` runs handlers as events arrive, and the inbox's workers run those of stored deliveries.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from threading import RLock
from time import perf_counter
from typing import Any, Final, TypeAlias

from django.core.signals import setting_changed

from .. import conf
from ..event import Event
from ..lifecycle import handler_finished, handler_started, listeners_changed
from ..outcomes import classify
from .handler import Handler
from .raw_event import RawEvent
from .store import HANDLED, EventStore, Result, RunRecord, event_store, store_changed
from .tracing import Tracer, tracer


class Run:
    """One run of one handler for one event."""

    __slots__ = ("event", "handler", "kind", "raw_event", "record", "reference")

    def __init__(self, handler: Handler, kind: str, reference: str, raw_event: RawEvent, record: RunRecord | None = None) -> None:
        self.handler: Final = handler
        self.kind: Final = kind
        self.reference: Final = reference
        self.raw_event: Final = raw_event
        #: Where the inbox notes how it ends.
        self.record: Final = record
        #: What the handler was given; None until its payload is validated.
        self.event: Event[Any, Any] | None = None

    def call(self) -> None:
        """Call a sync handler."""
        copy_context().run(self.handler.call, self.kind, self.reference, self.raw_event, self)

    async def acall(self) -> None:
        """Await an async handler."""
        await self.handler.acall(self.kind, self.reference, self.raw_event, self)


#: Runs a sync handler, with all steps that are left.
SyncRun: TypeAlias = Callable[[Run], Result]
#: Runs an async handler.
AsyncRun: TypeAlias = Callable[[Run], Coroutine[Any, Any, Result]]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What surrounds each run of a handler, as settings and listeners are now."""

    #: Keeps events; None where nothing does.
    store: EventStore | None
    #: Makes spans; None where nothing is traced.
    tracer: Tracer | None
    #: Whether a handler's call is all there is to its run.
    is_empty: bool
    run: SyncRun
    arun: AsyncRun


class _Built:
    __slots__ = ("pipeline",)

    def __init__(self) -> None:
        #: None until somebody needs it, and again after a change.
        self.pipeline: Pipeline | None = None


#: Holds the pipeline of this process: `BUILT.pipeline or build()`.
BUILT: Final = _Built()
_lock = RLock()


def build() -> Pipeline:
    """Put the steps together, from the innermost to the outermost, and remember them until something changes."""
    with _lock:
        store, traced = event_store(), tracer()
        is_watched = bool(handler_started.receivers or handler_finished.receivers)
        run: SyncRun = _call_handler
        arun: AsyncRun = _acall_handler
        if traced is not None:
            run, arun = _with_tracing(traced, run), _awith_tracing(traced, arun)
        if is_watched:
            run, arun = _with_signals(run), _awith_signals(arun)
        if store is not None:
            run, arun = _with_store(run), _awith_store(arun)
        BUILT.pipeline = Pipeline(store, traced, store is None and traced is None and not is_watched, run, arun)
        return BUILT.pipeline


def _forget(*, setting: str = conf.NAME, **_: object) -> None:
    if setting == conf.NAME:
        with _lock:
            BUILT.pipeline = None


for _changed in (setting_changed, store_changed, listeners_changed):
    _changed.connect(_forget, dispatch_uid="gcp_event_router.pipeline")


def _call_handler(run: Run) -> Result:
    """Call the handler, and say how that ended, as its record notes it if there is one."""
    try:
        if run.record is not None:
            return run.record.run(run.handler, run.call)
        run.call()
    except Exception as error:  # noqa: BLE001 -- the dispatch raises it, once all have run
        return Result(classify(error), error)
    return HANDLED


async def _acall_handler(run: Run) -> Result:
    try:
        if run.record is not None:
            return await run.record.arun(run.handler, run.acall)
        await run.acall()
    except Exception as error:  # noqa: BLE001 -- as above
        return Result(classify(error), error)
    return HANDLED


def _with_store(proceed: SyncRun) -> SyncRun:
    """Run a handler only if its delivery is open and ours."""

    def run(run: Run) -> Result:
        early_result = None if run.record is None else run.record.begin(run.handler)
        return proceed(run) if early_result is None else early_result

    return run


def _awith_store(proceed: AsyncRun) -> AsyncRun:
    async def arun(run: Run) -> Result:
        early_result = None if run.record is None else await run.record.abegin(run.handler)
        return await proceed(run) if early_result is None else early_result

    return arun


def _with_tracing(spans: Tracer, proceed: SyncRun) -> SyncRun:
    """Make a span of each run."""

    def run(run: Run) -> Result:
        span = spans.handler(run.handler, run.kind, run.reference, run.raw_event)
        with span.current():
            result = proceed(run)
        span.end(result.outcome, result.error)
        return result

    return run


def _awith_tracing(spans: Tracer, proceed: AsyncRun) -> AsyncRun:
    async def arun(run: Run) -> Result:
        span = spans.handler(run.handler, run.kind, run.reference, run.raw_event)
        with span.current():
            result = await proceed(run)
        span.end(result.outcome, result.error)
        return result

    return arun


def _with_signals(proceed: SyncRun) -> SyncRun:
    """Tell listeners when each run begins and how it ended, outside of any transaction that could undo what they do."""

    def run(run: Run) -> Result:
        arguments = _arguments(run)
        handler_started.tell(run.handler.function, **arguments)
        started = perf_counter()
        result = proceed(run)
        handler_finished.tell(run.handler.function, **arguments, **_ending(run, result, perf_counter() - started))
        return result

    return run


def _awith_signals(proceed: AsyncRun) -> AsyncRun:
    async def arun(run: Run) -> Result:
        arguments = _arguments(run)
        await handler_started.atell(run.handler.function, **arguments)
        started = perf_counter()
        result = await proceed(run)
        await handler_finished.atell(run.handler.function, **arguments, **_ending(run, result, perf_counter() - started))
        return result

    return arun


def _arguments(run: Run) -> dict[str, Any]:
    return {
        "handler": run.handler.name,
        "event_kind": run.kind,
        "event_reference": run.reference,
        "envelope": run.raw_event.envelope,
        "principal": run.raw_event.principal,
    }


def _ending(run: Run, result: Result, duration: float) -> dict[str, Any]:
    return {"outcome": result.outcome, "duration": duration, "error": result.error, "event": run.event}
