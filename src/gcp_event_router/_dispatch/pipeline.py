"""The run of one handler for one event: its call, and the steps around it.

A step is a function that wraps a pipeline. To add one, write it like `_with_tracing`, and apply it in `build`, where `is_empty`
has to count it. `build` puts the steps together when the settings, the store or the listeners change, not for each event; without
any step, `dispatch` calls the handler directly. `dispatch` runs handlers as events arrive, and the inbox's workers run those of
stored deliveries.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass, field
from importlib import import_module
from threading import RLock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from django.core.signals import setting_changed

from .. import conf
from .._concurrency import RAISED, as_failure, is_meant
from ..event import Event
from ..lifecycle import handler_finished, handler_started, listeners_changed
from ..outcomes import classify
from .context import enter
from .event_key import ORDERING_KEY, KeyFunction, key_text
from .handler import Handler
from .raw_event import RawEvent
from .store import HANDLED, EventStore, Result, RunRecord, event_store, store_changed

if TYPE_CHECKING:
    from .opentelemetry import Tracer


@dataclass(slots=True, eq=False)
class Run:
    """One run of one handler for one event."""

    handler: Handler
    kind: str
    reference: str
    raw_event: RawEvent
    #: Where the inbox notes how it ends.
    record: RunRecord | None = None
    #: The handler's argument; None until its payload is validated.
    event: Event[Any, Any] | None = None
    #: The argument that was made to find a key, until the handler gets it.
    made: Event[Any, Any] | None = None
    #: Holds the error of finding a key, until it is raised.
    _key_error: list[Exception] | None = field(default=None, init=False)

    def once_key(self) -> str | None:
        """Return the event's business key; None if it has none. An error is raised later, by the call of the handler."""
        return self._key("once_key", self.handler.options.once_key)

    def order_key(self) -> str | None:
        """Return the key by which the event is ordered, as `once_key` does."""
        find = self.handler.options.order_by
        if find == ORDERING_KEY:
            return self.raw_event.envelope.ordering_key or None
        return self._key("order_by", find)

    def go_on_from(self, earlier: Run) -> None:
        """Take over what an earlier run of the same handler and event has made, or its error, to find a key."""
        self.made, earlier.made = earlier.made, None
        self._key_error, earlier._key_error = earlier._key_error, None

    def call(self) -> None:
        """Call a sync handler."""
        if self._key_error:
            raise self._key_error.pop()  # no variable holds it, since its traceback refers to this frame
        copy_context().run(self.handler.call, self.kind, self.reference, self.raw_event, self)

    async def acall(self) -> None:
        """Await an async handler."""
        if self._key_error:
            raise self._key_error.pop()  # as above
        await self.handler.acall(self.kind, self.reference, self.raw_event, self)

    def _key(self, option: str, find: KeyFunction | None) -> str | None:
        if find is None or self._key_error:
            return None
        return copy_context().run(self._find_key, option, find)

    def _find_key(self, option: str, find: KeyFunction) -> str | None:
        enter((self.kind, self.reference, self.raw_event, self))
        try:
            event = self.made or self.handler.event(self.kind, self.reference, self.raw_event)
            key = key_text(option, self.handler, find(event))
        except RAISED as error:
            if is_meant(error):
                raise
            self._key_error = [as_failure(error)]
            return None
        self.made = event
        return key


class Pipeline(NamedTuple):
    """A handler's call and what surrounds it, as settings and listeners are now."""

    store: EventStore | None
    tracer: Tracer | None
    #: Whether a handler's run is nothing but its call.
    is_empty: bool
    run: Callable[[Run], Result]
    arun: Callable[[Run], Coroutine[Any, Any, Result]]


class _Built:
    def __init__(self) -> None:
        #: The pipeline of this process; None until it is needed, and again after a change.
        self.pipeline: Pipeline | None = None


#: Read it as `BUILT.pipeline or build()`.
BUILT: Final = _Built()
_lock = RLock()


def build() -> Pipeline:
    """Put the steps together, from the innermost to the outermost, and remember them until something changes."""
    with _lock:
        store, tracer = event_store(), _tracer()
        is_watched = bool(handler_started.receivers or handler_finished.receivers)
        is_empty = store is None and tracer is None and not is_watched
        pipeline = Pipeline(store, tracer, is_empty, _call_handler, _acall_handler)
        if tracer is not None:
            pipeline = _with_tracing(pipeline, tracer)
        if is_watched:
            pipeline = _with_signals(pipeline)
        if store is not None:
            pipeline = _with_store(pipeline)
        BUILT.pipeline = pipeline
        return pipeline


def _tracer() -> Tracer | None:
    """Return the maker of spans if `TRACING` is on; OpenTelemetry is not imported before."""
    return cast("Tracer", import_module(".opentelemetry", __package__).tracer()) if conf.current().TRACING else None


def _forget(*, setting: str = conf.NAME, **_: object) -> None:
    if setting == conf.NAME:
        with _lock:
            BUILT.pipeline = None


for _changed in (setting_changed, store_changed, listeners_changed):
    _changed.connect(_forget, dispatch_uid="gcp_event_router.pipeline")


def _call_handler(run: Run) -> Result:
    """Call the handler, and return its result: that of its record, if it has one."""
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


def _with_store(inner: Pipeline) -> Pipeline:
    """Run a handler only if its delivery is open, and no other worker has it."""

    def run(run: Run) -> Result:
        early_result = None if run.record is None else run.record.begin(run)
        return inner.run(run) if early_result is None else early_result

    async def arun(run: Run) -> Result:
        early_result = None if run.record is None else await run.record.abegin(run)
        return await inner.arun(run) if early_result is None else early_result

    return inner._replace(run=run, arun=arun)


def _with_tracing(inner: Pipeline, tracer: Tracer) -> Pipeline:
    """Make a span of each run."""

    def run(run: Run) -> Result:
        span = tracer.handler(run.handler, run.kind, run.reference, run.raw_event)
        with span.current():
            result = inner.run(run)
        span.end(result.outcome, result.error)
        return result

    async def arun(run: Run) -> Result:
        span = tracer.handler(run.handler, run.kind, run.reference, run.raw_event)
        with span.current():
            result = await inner.arun(run)
        span.end(result.outcome, result.error)
        return result

    return inner._replace(run=run, arun=arun)


def _with_signals(inner: Pipeline) -> Pipeline:
    """Send a signal when a run begins and when it has ended, outside any transaction that could undo what listeners do."""

    def run(run: Run) -> Result:
        arguments = _arguments(run)
        handler_started.tell(run.handler.function, **arguments)
        started = perf_counter()
        result = inner.run(run)
        handler_finished.tell(run.handler.function, **arguments, **_ending(run, result, started))
        return result

    async def arun(run: Run) -> Result:
        arguments = _arguments(run)
        await handler_started.atell(run.handler.function, **arguments)
        started = perf_counter()
        result = await inner.arun(run)
        await handler_finished.atell(run.handler.function, **arguments, **_ending(run, result, started))
        return result

    return inner._replace(run=run, arun=arun)


def _arguments(run: Run) -> dict[str, Any]:
    return {
        "handler": run.handler.name,
        "event_kind": run.kind,
        "event_reference": run.reference,
        "envelope": run.raw_event.envelope,
        "principal": run.raw_event.principal,
    }


def _ending(run: Run, result: Result, started: float) -> dict[str, Any]:
    return {"outcome": result.outcome, "duration": perf_counter() - started, "error": result.error, "event": run.event}
