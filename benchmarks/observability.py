"""What it costs that events can be watched, while nobody does: run by `make bench`.

No listener, no OpenTelemetry, logging at WARNING; against the same dispatch without these parts, written out below, in the same
rounds. A dispatch may take at most 1.05 times as long; the ratio is printed and not asserted, as everywhere here.
"""

from __future__ import annotations

# ruff: noqa: E402 -- the settings come before what needs them
import sys
from collections.abc import Callable, Mapping
from contextvars import copy_context
from inspect import isawaitable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import dispatch as pushes  # settings come with it
from measure import compare, header
from typing_extensions import override

from gcp_event_router import EventRouter
from gcp_event_router.dispatch import Dispatcher
from gcp_event_router.envelopes import Envelope, read
from gcp_event_router.event import Arrival, Principal
from gcp_event_router.handlers import Handler
from gcp_event_router.keepers import Result
from gcp_event_router.outcomes import Outcome, classify
from gcp_event_router.passages import Passage
from gcp_event_router.signals import EventSignal

META = {"CONTENT_TYPE": "application/json"}


class PlainArrival(Arrival):
    """An arrival that knows nothing of traces."""

    __slots__ = ()

    def __init__(
        self,
        envelope: Envelope,
        query: Mapping[str, list[str]] | None = None,
        principal: Principal | None = None,
        kept_as: str | None = None,
    ) -> None:
        self.envelope = envelope
        self.query = {} if query is None else query
        self.principal = principal
        self.kept_as = kept_as


def plain_call(handler: Handler, kind: str, reference: str, arrival: Arrival) -> None:
    """A call whose log lines do not know their event."""
    result = copy_context().run(handler.function, handler.event(kind, reference, arrival))
    if result is not None and isawaitable(result):
        raise TypeError


class PlainPassage(Passage):
    """A passage that looks for nobody who watches."""

    __slots__ = ()

    @override
    def complete(self) -> Outcome:
        self.run()
        return self.conclude()

    @override
    def run(self) -> None:
        for handler in self.found.blocking:
            try:
                plain_call(handler, self._kind, self._reference, self._arrival)
            except Exception as error:  # noqa: BLE001 -- as in Passage
                self._results.append((handler, Result(classify(error), error)))


class PlainDispatcher(Dispatcher):
    """A dispatcher without a tracer."""

    @override
    def __call__(self, *, event_kind: str, event_reference: str, arrival: Arrival | None = None, **named: Any) -> Outcome:
        assert arrival is not None
        return PlainPassage(event_kind, event_reference, arrival, self._find(event_kind, arrival.envelope.type)).complete()


def with_hooks(router: EventRouter) -> Callable[[], object]:
    """A dispatch as it is, with what the views do for it."""
    signal, body = EventSignal(), pushes.PUSH
    router.listen(signal)
    return lambda: signal.send(None, event_kind=pushes.KIND, event_reference="1", arrival=Arrival(read(body, META)))


def without_hooks(router: EventRouter) -> Callable[[], object]:
    """A dispatch from which all of that is taken."""
    signal, body = EventSignal(), pushes.PUSH
    signal.connect(PlainDispatcher(router.find), weak=False)
    return lambda: signal.send(None, event_kind=pushes.KIND, event_reference="1", arrival=PlainArrival(read(body, META)))


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
