"""The outbox's transports: their options, those of one's own, and the ids that travel with an event."""

from __future__ import annotations

from datetime import timedelta

from typing_extensions import assert_type, override

from gcp_event_router import Event, Retry, events
from gcp_event_router.conf import RouterSettings
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.transports import HTTP, Local, NotAcknowledgedError, PubSub, Transport

# --- options

Local()
PubSub()
PubSub(project="my-project", endpoint="europe-west1-pubsub.googleapis.com", timeout=timedelta(seconds=5))
HTTP(url="https://other.example/events/{kind}/{id}")
HTTP(url="https://other.example/", envelope="cloudevents-structured", source="//shop", audience="https://other.example")
HTTP(url="https://other.example/", envelope="standard-webhooks", secret="whsec_", timeout=timedelta(seconds=1), concurrency=2)
HTTP(url="https://other.example/", envelope="json", signed=True, headers={"X-Token": "a"})
own: RouterSettings = {"OUTBOX": {"TRANSPORT": {"BACKEND": "shop.transports.Printer", "OPTIONS": {"width": 5}}}}

Local("default")  # bad: an option that there is not
PubSub(timeout=30)  # bad: a time without its unit
PubSub("my-project")  # bad: an option by position
HTTP()  # bad: without a URL
HTTP(url=5)  # bad: a URL that is no text
HTTP(url="https://other.example/", envelope="xml")  # bad: an unknown envelope
HTTP(url="https://other.example/", headers=["X-Token"])  # bad: headers without values
HTTP(url="https://other.example/", secrets=["whsec_"])  # bad: a secret in the plural
other: RouterSettings = {"OUTBOX": {"TRANSPORT": {"BACKEND": Local}}}  # bad: a class in the place of its path

# --- a transport of one's own


class Printer(Transport):
    def __init__(self, *, width: int = 80) -> None:
        self.width = width
        self.concurrency: int = 0

    @override
    def send(self, event: OutgoingEvent) -> str:
        assert_type(event.kind, str)
        assert_type(event.sent_attributes, dict[str, str])
        assert_type(event.ordering_key, str)
        if not event.topic:
            raise NotAcknowledgedError("no topic", after=timedelta(seconds=5))
        return str(event.key)


Printer(width=5).open()
assert_type(next(Printer().submit([])).result(), str)
later: Retry = NotAcknowledgedError("busy")
Transport()  # bad: an abstract class


class Numbers(Transport):
    @override
    def send(self, event: OutgoingEvent) -> int:  # bad: a number in the place of an id
        return 5


# --- ids


@events.on("ids")
def read_ids(event: Event[bytes]) -> None:
    assert_type(event.envelope.outbox_id, str | None)
    assert_type(event.envelope.cause, str | None)
    event.envelope.cause.upper()  # bad: a cause that may be missing
    event.envelope.outbox_id = "a"  # bad: a read-only attribute
