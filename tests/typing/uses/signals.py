"""Plain receivers, and listeners of the life cycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.dispatch import Signal, receiver
from django.http import HttpRequest, HttpResponse
from django_gcp.events import utils as legacy
from django_gcp.events.signals import event_received as legacy_signal
from django_gcp.events.views import GoogleCloudEventsView
from django_gcp.exceptions import InvalidPubSubMessageError as LegacyError
from django_gcp.urls import urlpatterns as legacy_urls
from typing_extensions import assert_type, override

from gcp_event_router import Event, EventRouter, Outcome, Principal
from gcp_event_router.contexts import current_event
from gcp_event_router.envelopes import Envelope
from gcp_event_router.lifecycle import event_rejected, handler_finished, handler_started
from gcp_event_router.signals import EventSignal, event_received

# --- receivers


@receiver(event_received)
def plain(
    sender: object, event_kind: str, event_reference: str, event_payload: object, event_parameters: dict[str, str]
) -> None: ...


@receiver(event_received)
def with_more(sender: object, **named: Any) -> None: ...


@receiver([event_received, legacy_signal])
async def plain_async(sender: object, event_kind: str, **named: Any) -> None: ...


@receiver(event_received, sender=None, dispatch_uid="some")
def some_arguments(event_kind: str, **named: object) -> None: ...


@receiver(event_received)
def returns(sender: object, **named: object) -> str:
    return "response"


class Receives:
    def receive(self, sender: object, event_kind: str, **named: object) -> None: ...

    def __call__(self, sender: object, **named: object) -> None: ...


assert_type(event_received, EventSignal)
assert_type(event_received.connect(plain, weak=False, dispatch_uid="plain"), None)
assert_type(event_received.disconnect(dispatch_uid="plain"), bool)
assert_type(event_received.disconnect(plain), bool)
event_received.connect(Receives().receive, weak=False)
event_received.connect(Receives())
event_received.connect(partial(plain, sender=None))
event_received.connect(plain, sender=EventRouter)
event_received.send(sender=None, event_kind="a", event_reference="1", event_payload={}, event_parameters={})
legacy_signal.connect(with_more)


async def sends() -> None:
    await event_received.asend(sender=None, event_kind="a", event_reference="1", event_payload={}, event_parameters={})


# --- listeners


@receiver(handler_finished)
def watches(sender: object, handler: str, outcome: Outcome, event: Event[Any] | None, **more: object) -> None: ...


@receiver(handler_started)
async def watches_async(
    handler: str, event_kind: str, envelope: Envelope, principal: Principal | None, **more: object
) -> None: ...


@receiver([handler_finished, event_rejected])
def counts(sender: object, outcome: Outcome, **more: object) -> None: ...


handler_finished.connect(watches, weak=False)
assert_type(event_rejected.disconnect(counts), bool)
current = current_event()
if current is not None:
    assert_type(current.kind, str)

# --- legacy code, by the stubs

assert_type(legacy_signal, Signal)
assert_type(legacy.get_event_url("a", "b", {"c": 1}, "gcp-events", ""), str)
assert_type(legacy.make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", {"k": "v"}), bytes)
assert_type(legacy.make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", as_dict=True), dict[str, Any])
assert_type(legacy.decode_pubsub_message(b""), dict[str, Any])
legacy_urls.append(legacy_urls[0])


class LegacyView(GoogleCloudEventsView):
    @override
    def post(self, request: HttpRequest, event_kind: str, event_reference: str) -> HttpResponse:
        try:
            return super().post(request, event_kind, event_reference)
        except LegacyError as error:
            return HttpResponse(str(error), status=400)


# --- bad

event_received.connect(5)  # bad: a number as a receiver
event_received.connect("receiver")  # bad: the name of a receiver
event_received.connect(None)  # bad: no receiver
event_received.connect()  # bad: a connection without a receiver
event_received.connect(plain, uid="a")  # bad: an unknown option of connect
event_received.connect(plain, weak="no")  # bad: text for weak
event_received.connect(plain, dispatch_uid=[])  # bad: a list as an id
event_received.disconnect("plain")  # bad: the name of a receiver that is disconnected
event_received.emit(None)  # bad: a method that a signal lacks
event_received.send()  # bad: a signal without a sender
handler_finished.connect("watches")  # bad: the name of a listener
handler_finished.connect(watches, uid="a")  # bad: an unknown option of a listener
handler_started.disconnect(1)  # bad: a number as a listener
current_event("a")  # bad: an argument of current_event
current_event().kind  # bad: a current event that may be missing
legacy.make_pubsub_message({})  # bad: a legacy message without a subscription
legacy.make_pubsub_message({}, "projects/p/subscriptions/s", {"a": 1})  # bad: a number as a legacy attribute
legacy.get_event_url("a")  # bad: a legacy URL without a reference
legacy.make_event_url("a", "b")  # bad: a legacy function that does not exist
unsent: Callable[[], Mapping[str, Any]] = event_received.send  # bad: a signal's method as another function


async def bad_sends() -> None:
    event_received.asend(sender=None)  # bad: a signal that nobody awaits


@receiver("event_received")  # bad: a signal by name
def by_name(sender: object, **named: object) -> None: ...
