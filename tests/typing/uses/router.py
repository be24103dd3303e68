"""Routers: what they include, listen to and tell."""

from __future__ import annotations

from django.dispatch import Signal
from tests.typing.uses.payloads import Order
from typing_extensions import assert_type

from gcp_event_router import Event, EventRouter, events
from gcp_event_router.router import Consulted, Explanation, Glob, Handler, Registration
from gcp_event_router.signals import event_received

router = EventRouter()
own_signal = Signal()


@router.on("a")
def handled(event: Event[Order]) -> None: ...


EventRouter(event_received)
EventRouter(signal=event_received)
EventRouter(signal=own_signal)
EventRouter(signal="django_gcp.events.signals.event_received")
EventRouter(None)
router.listen(own_signal)
router.listen("django_gcp.events.signals.event_received")
router.ignore("django_gcp.events.signals.event_received")
events.include(router)
events.include(router, prefix="billing-")
events.include(router, "billing-")
events.include(router=EventRouter())
assert_type(events, EventRouter)
assert_type(list(router), list[Registration])
assert_type(len(router), int)
assert_type(bool(router), bool)
assert_type(handled in events, bool)
for registration in events:
    assert_type(registration.handler, Handler)
    assert_type(registration.handler.name, str)
    assert_type(registration.globs, tuple[Glob, ...])
explanation = events.explain("order-placed")
assert_type(explanation, Explanation)
assert_type(explanation.handlers, tuple[Handler, ...])
assert_type(explanation.consulted, tuple[Consulted, ...])
assert_type(events.explain("gcs-photos", "com.example.placed"), Explanation)
assert_type(events.explain("gcs-photos", attributes={"eventType": "OBJECT_FINALIZE"}), Explanation)
assert_type(Glob("order-*").matches("order-placed"), bool)
with events.isolated(empty=True) as scope:
    assert_type(scope, EventRouter)


class BillingRouter(EventRouter):
    """A router that the project makes itself."""


BillingRouter(signal=own_signal).on("a")(handled)

# --- bad

EventRouter(signal=5)  # bad: a number as a signal of a router
EventRouter(signal=handled)  # bad: a function as a signal
EventRouter(signals=[own_signal])  # bad: a misspelt argument of EventRouter
EventRouter("a.b", "c.d")  # bad: two signals of a router
EventRouter(EventRouter())  # bad: a router as a signal
events.listen(5)  # bad: a number to listen to
events.listen()  # bad: nothing to listen to
events.ignore(handled)  # bad: a function to ignore
events.include("billing")  # bad: a router by name
events.include(EventRouter)  # bad: a router's class
events.include(router, prefix=1)  # bad: a number as a prefix
events.include(router, prefix=None)  # bad: None as a prefix
events.include(router, name="billing")  # bad: an unknown argument of include
events.include([router])  # bad: a list of routers
events.include(events.kind("a", Order))  # bad: a kind that is included
events.include()  # bad: an include of nothing
events.explain(1)  # bad: a number that is explained
events.explain("a", attributes="b=c")  # bad: an explanation with a string as attributes
events.explain()  # bad: an explanation of nothing
events.explain("a").handler  # bad: an attribute that an explanation lacks
events.handlers  # bad: an attribute that a router lacks
events["a"]  # bad: a router that is indexed
events.isolated(clear=True)  # bad: a router's isolation with an unknown option
next(iter(events)).kind  # bad: an attribute that a registration lacks
