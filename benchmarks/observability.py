"""Measures the cost of signals, tracing and the log's context while all are unused; run by `make bench`.

No listener, no OpenTelemetry, logging at WARNING; compared, in the same rounds, with a dispatch without these parts, which
stands below. A dispatch may take at most 1.05 times as long; like all benchmarks, this one prints the ratio without asserting it.
Both variants check whether to write the event's line, and take the time for it.
"""

from __future__ import annotations

# ruff: noqa: E402 -- the settings come before what needs them
import logging
import os
import sys
from collections.abc import Callable
from contextvars import copy_context
from inspect import isawaitable
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

os.environ.setdefault("BENCH_ROUNDS", "101")  # so small a difference is less than the noise of a few

import dispatch as pushes  # settings come with it
from measure import compare, header
from typing_extensions import override

from gcp_event_router import EventRouter
from gcp_event_router._dispatch.dispatch import Dispatcher
from gcp_event_router._dispatch.handler import Handler
from gcp_event_router._dispatch.lookup import HandlersFound
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router._dispatch.store import Result, event_store, record_of
from gcp_event_router._log import logger
from gcp_event_router.envelopes import read
from gcp_event_router.envelopes.trace_context import trace_headers
from gcp_event_router.outcomes import Outcome, classify
from gcp_event_router.signals import EventSignal

META = {"CONTENT_TYPE": "application/json"}


def plain_call(handler: Handler, kind: str, reference: str, raw_event: RawEvent) -> None:
    """Call a handler without the event's context for its log lines."""
    result = handler.function(handler.event(kind, reference, raw_event))
    if result is not None and isawaitable(result):
        raise TypeError


class PlainDispatch:
    """A dispatch without signals and tracing. It is not a subclass, since instances of subclasses cost more."""

    __slots__ = ("_closed", "_is_open", "_kind", "_raw_event", "_record", "_reference", "_results", "_started", "found")

    def __init__(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> None:
        self._kind = kind
        self._reference = reference
        self._raw_event = raw_event
        self.found = found
        store = event_store()
        self._record = None if store is None else record_of(store, kind, reference, raw_event, found)
        self._is_open = self._record is None
        self._closed: Exception | None = None
        self._results: list[tuple[Handler, Result]] = []
        self._started = perf_counter()

    def complete(self) -> Outcome:
        """Call all handlers, and conclude."""
        self.run()
        if self.found.awaited:
            raise NotImplementedError
        return self.conclude()

    def run(self) -> None:
        """Call the sync handlers."""
        if self._record is not None:
            raise NotImplementedError
        for handler in self.found.blocking:
            try:
                copy_context().run(plain_call, handler, self._kind, self._reference, self._raw_event)
            except Exception as error:  # noqa: BLE001 -- as in Dispatch
                self._results.append((handler, Result(classify(error), error)))

    def conclude(self) -> Outcome:
        """Return the outcome."""
        if self._closed is not None or self._results:
            raise NotImplementedError
        if not self.found.blocking and not self.found.awaited:
            raise NotImplementedError
        if logger.isEnabledFor(logging.INFO):
            raise NotImplementedError
        return Outcome.HANDLED


class PlainDispatcher(Dispatcher):
    """A dispatcher without a tracer."""

    @override
    def split(self, kind: str, reference: str, raw_event: RawEvent) -> Any:
        return PlainDispatch(kind, reference, raw_event, self._find(kind, raw_event.envelope))


def with_hooks(router: EventRouter) -> Callable[[], object]:
    """The real dispatch, with the work of the views for it."""
    signal, body = EventSignal(), pushes.PUSH
    router.listen(signal)

    def send() -> object:
        raw_event = RawEvent(read(body, META), None, None, None, trace_headers(META))
        return signal.deliver(None, pushes.KIND, "1", raw_event)

    return send


def without_hooks(router: EventRouter) -> Callable[[], object]:
    """A dispatch without all of that."""
    signal, body = EventSignal(), pushes.PUSH
    signal.connect(PlainDispatcher(router._table.find), weak=False)  # pyright: ignore[reportPrivateUsage] -- as the router does

    def send() -> object:
        raw_event = RawEvent(read(body, META), None, None, None)
        return signal.deliver(None, pushes.KIND, "1", raw_event)

    return send


def main() -> None:
    """Print the table."""
    header()
    router = EventRouter()
    router.on("order-*")(pushes.handler)
    compare(
        "From the bytes of a push to the handler's call, nobody watches",
        {
            "without signals, tracing and the log's context": without_hooks(router),
            "with them; the bar is 1.05": with_hooks(router),
        },
    )


if __name__ == "__main__":
    main()
