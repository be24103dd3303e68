"""Messages that Pub/Sub has given up: the inbox parks them as the events that they are, and runs no handler."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.store import set_store
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post, post_wsgi
from ..support.deliveries import (
    PATH,
    Stall,
    effects,
    end_leases,
    register,
    rows,
    take_effect,
    where_handlers_overlap,
    with_databases,
)

pytestmark = with_databases
OUTBOX_ID = "0198c9a1-5c1e-7d21-8a0e-0a5c2f3b4d5e"
TIME = "2026-08-01T12:00:00.123Z"
SOURCE = {
    "CloudPubSubDeadLetterSourceSubscription": "s",
    "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
    "CloudPubSubDeadLetterSourceDeliveryCount": "5",
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-08-01T12:00:00.123+00:00",
}
GAVE_UP = "projects/p/subscriptions/s gave it up after 5 deliveries"


def message(
    message_id: str = "1", data: object = None, attributes: Mapping[str, str] | None = None, subscription: str = "s", **more: Any
) -> bytes:
    """A push of a message that was published at `TIME`."""
    body = json.loads(make_pubsub_message(data, f"projects/p/subscriptions/{subscription}", attributes, message_id=message_id))
    body["message"] |= {"publishTime": TIME, **more}
    return json.dumps(body).encode()


def dead(message_id: str = "900", data: object = None, /, **attributes: str) -> bytes:
    """A push of the copy that Pub/Sub has forwarded, with an id and a time of its own."""
    later = {"publishTime": "2026-08-01T12:07:00Z"}
    return message(message_id, data, {**SOURCE, **attributes}, "dead", **later)


def work_of(alias: str, router: EventRouter, *broken: str, name: str = "h", **options: Any) -> list[str]:
    """Register a handler, which fails as long as the list that is returned is not empty."""
    failing = list(broken)

    def work(event: Event[Any]) -> None:
        if failing:
            raise ValueError(failing[0])
        take_effect(alias, name)

    register(router, work, is_async=False, name=name, **options)
    return failing


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("inbox", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_it_is_parked_and_can_be_replayed(inbox: str, router: EventRouter, post: Post) -> None:
    """The sender gets 200, nothing runs, also when the copy is pushed again; a replay runs the handler once."""
    work_of(inbox, router)
    work_of(inbox, router, name="later", deferred=True)
    for _ in range(2):
        response = post(PATH, dead())
        assert (response.status_code, response.content) == (200, b"{}")
    assert run("process") == "Processed 0 deliveries.\n"
    assert (rows(inbox), effects(inbox)) == ([("h", "parked", 0), ("later", "parked", 0)], [])
    assert set(Delivery.objects.using(inbox).values_list("error_type", "error", "sender_attempt")) == {("DeadLetter", GAVE_UP, 5)}

    assert run("replay") == "Replayed 2 deliveries: 2 handled.\n"
    assert post(PATH, dead()).status_code == 200
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1), ("later", "done", 1)], ["h", "later"])


def test_people_see_where_it_comes_from(inbox: str, router: EventRouter) -> None:
    """`inbox list` has it by its type of error, and `inbox show` says which subscription gave it up."""
    work_of(inbox, router)
    post_wsgi(PATH, dead())

    assert "DeadLetter" in run("list", "--error", "DeadLetter")
    shown = run("show", "900").splitlines()
    assert f"dead letter   {GAVE_UP}" in [line.strip() for line in shown]


@pytest.mark.parametrize("attributes", [{}, {"event-router-id": OUTBOX_ID}], ids=["found by its first message", "an outbox's"])
def test_a_copy_is_the_event_that_failed(inbox: str, router: EventRouter, attributes: dict[str, str]) -> None:
    """What failed is parked with its error, what is done stays done, and a replay does only what is missing."""
    work_of(inbox, router, name="a")
    failing = work_of(inbox, router, "no stock", name="b")
    assert post_wsgi(PATH, message("1", {"n": 1}, attributes)).status_code == 400

    assert post_wsgi(PATH, dead("900", {"n": 1}, **attributes)).status_code == 200
    assert rows(inbox) == [("a", "done", 1), ("b", "parked", 1)]
    delivery = Delivery.objects.using(inbox).get(handler="b")
    assert (delivery.error_type, delivery.error.startswith(f"{GAVE_UP}: "), "no stock" in delivery.error_text) == (
        "builtins.ValueError",
        True,
        True,
    )

    failing.clear()
    assert run("replay") == "Replayed 1 delivery: 1 handled.\n"
    assert post_wsgi(PATH, dead("901", {"n": 1}, **attributes)).status_code == 200
    assert (effects(inbox), StoredEvent.objects.using(inbox).count()) == (["a", "b"], 1)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_copy_is_found_without_time_zones(inbox: str, router: EventRouter, zone: str) -> None:
    """Django's documentation, "Time zones": with `USE_TZ = False`, times are naive; SQLite and MySQL refuse aware ones."""
    now = datetime.now(UTC).isoformat()
    with override_settings(USE_TZ=False, TIME_ZONE=zone):
        work_of(inbox, router, "no stock")
        assert post_wsgi(PATH, message(publishTime=now)).status_code == 400

        assert post_wsgi(PATH, dead(CloudPubSubDeadLetterSourceTopicPublishTime=now)).status_code == 200
    assert rows(inbox) == [("h", "parked", 1)]


@pytest.mark.parametrize(
    "changed",
    [
        {"CloudPubSubDeadLetterSourceSubscription": "other"},
        {"CloudPubSubDeadLetterSourceSubscriptionProject": "other"},
        {"CloudPubSubDeadLetterSourceTopicPublishTime": "2026-08-01T12:00:00.125Z"},
        {"CloudPubSubDeadLetterSourceTopicPublishTime": "yesterday"},
    ],
)
def test_a_copy_of_another_message_is_another_event(inbox: str, router: EventRouter, changed: dict[str, str]) -> None:
    """An equal payload alone does not make it the same event."""
    work_of(inbox, router, "no")
    post_wsgi(PATH, message("1", {"n": 1}))

    attributes = {**SOURCE, **changed}
    assert post_wsgi(PATH, message("900", {"n": 1}, attributes, "dead")).status_code == 200

    assert rows(inbox) == [("h", "failed", 1), ("h", "parked", 0)]


def test_of_equal_messages_the_open_one_is_parked(inbox: str, router: EventRouter) -> None:
    """Two messages of one request have the same time, and may have the same payload: the one that is done was not given up."""
    failing = work_of(inbox, router)
    post_wsgi(PATH, message("1", {"n": 1}))
    failing.append("no")
    for number in "23":
        post_wsgi(PATH, message(number, {"n": 1}))

    for number in ("900", "901"):
        assert post_wsgi(PATH, dead(number, {"n": 1})).status_code == 200

    assert rows(inbox) == [("h", "done", 1), ("h", "parked", 1), ("h", "parked", 1)]


def test_it_is_found_among_many_with_its_payload(inbox: str, router: EventRouter) -> None:
    """Those of a clock are equal but for their times."""
    work_of(inbox, router, "no")
    for minute in range(12):
        post_wsgi(PATH, message(str(minute), {"tick": True}, publishTime=f"2026-08-01T12:{minute:02}:00Z"))

    attributes = {**SOURCE, "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-08-01T12:11:00Z"}
    post_wsgi(PATH, message("900", {"tick": True}, attributes, "dead"))

    assert rows(inbox) == [("h", "failed", 1)] * 11 + [("h", "parked", 1)]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "0001-01-01T10:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_with_which_nobody_can_calculate_is_none(inbox: str, router: EventRouter, time: str) -> None:
    """It would fail each time that the sender tries again."""
    work_of(inbox, router)
    attributes = {**SOURCE, "CloudPubSubDeadLetterSourceTopicPublishTime": time}

    assert post_wsgi(PATH, message("900", None, attributes, "dead")).status_code == 200

    assert rows(inbox) == [("h", "parked", 0)]


def test_another_payload_under_an_outbox_id_is_another_event(inbox: str, router: EventRouter) -> None:
    """Nothing is lost if an id comes back with another payload."""
    work_of(inbox, router, "no")
    post_wsgi(PATH, message("1", {"n": 1}, {"event-router-id": OUTBOX_ID}))

    for _ in range(2):
        assert post_wsgi(PATH, dead("900", {"n": 2}, **{"event-router-id": OUTBOX_ID})).status_code == 200

    assert rows(inbox) == [("h", "failed", 1), ("h", "parked", 0)]


@where_handlers_overlap
def test_what_is_running_goes_on(inbox: str, router: EventRouter, is_async: bool) -> None:
    """The copy gets 409 while a worker runs the event, and 200 once that is done."""
    stall = Stall()

    register(router, lambda event: stall(), is_async=is_async)
    with stall.during(lambda: post_wsgi(PATH, message("1", {"n": 1}))) as answer:
        assert post_wsgi(PATH, dead("900", {"n": 1})).status_code == 409

    assert answer.result().status_code == 201
    assert post_wsgi(PATH, dead("900", {"n": 1})).status_code == 200
    assert rows(inbox) == [("h", "done", 1)]


def test_what_a_killed_worker_left_is_parked(inbox: str, router: EventRouter) -> None:
    """Once its lease has expired, nobody else would run it."""
    work_of(inbox, router)
    post_wsgi(PATH, message("1", {"n": 1}))
    Delivery.objects.using(inbox).update(state=State.RUNNING)
    end_leases(inbox)

    assert post_wsgi(PATH, dead("900", {"n": 1})).status_code == 200

    assert rows(inbox) == [("h", "parked", 1)]


def test_workers_go_on_with_what_is_deferred(inbox: str, router: EventRouter) -> None:
    """A deferred delivery waits for workers, whatever Pub/Sub does; its sender had a positive answer."""
    work_of(inbox, router, deferred=True)
    post_wsgi(PATH, message("1", {"n": 1}))

    assert post_wsgi(PATH, dead("900", {"n": 1})).status_code == 200

    assert rows(inbox) == [("h", "pending", 0)]


@pytest.mark.parametrize("unhandled", ["accept", "error", "keep"])
def test_without_a_handler_it_is_kept(inbox: str, router: EventRouter, unhandled: str) -> None:
    """Whatever `UNHANDLED` says, since nobody sends it again; a replay runs the handler that it gets."""
    names: dict[str, Any] = {"AUTHENTICATION": [], "UNHANDLED": unhandled, "INBOX": {"DATABASE": inbox}}
    with override_settings(GCP_EVENT_ROUTER=names):
        assert post_wsgi(PATH, dead()).status_code == 201
        assert rows(inbox) == [("", "unhandled", 0)]
        work_of(inbox, router)
        assert run("replay") == "Replayed 1 delivery: 1 handled.\n"

    assert effects(inbox) == ["h"]


def test_a_handler_outside_of_the_inbox_runs(inbox: str, router: EventRouter) -> None:
    """A handler with `once=False` sees every delivery, as without the inbox."""
    work_of(inbox, router)
    work_of(inbox, router, name="sees", once=False)

    assert post_wsgi(PATH, dead()).status_code == 200

    assert (rows(inbox), effects(inbox)) == ([("h", "parked", 0)], ["sees"])


def test_without_the_inbox_it_is_an_event_like_any_other(inbox: str, router: EventRouter) -> None:
    """Its handler runs, and can tell it by its envelope."""
    seen: list[Any] = []
    register(router, lambda event: seen.append(event.envelope.dead_letter), is_async=False)
    set_store(None)

    assert post_wsgi(PATH, dead()).status_code == 201

    assert [(letter.subscription, letter.deliveries, letter.publish_time.isoformat()) for letter in seen] == [
        ("projects/p/subscriptions/s", 5, "2026-08-01T12:00:00.123000+00:00")
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"CloudPubSubDeadLetterSourceSubscription": ""},
        {"CloudPubSubDeadLetterSourceSubscription": "s s"},
        {"CloudPubSubDeadLetterSourceSubscription": "projects/p/subscriptions/s"},
        {"CloudPubSubDeadLetterSourceSubscriptionProject": ""},
        {"CloudPubSubDeadLetterSourceSubscriptionProject": "\n"},
    ],
)
def test_other_attributes_make_no_dead_letter(inbox: str, router: EventRouter, changed: dict[str, str]) -> None:
    """A message without the name of a subscription and of a project is handled."""
    work_of(inbox, router)

    assert post_wsgi(PATH, message("900", None, {**SOURCE, **changed})).status_code == 201

    assert effects(inbox) == ["h"]


def test_unwrapped(inbox: str, router: EventRouter) -> None:
    """With `--push-no-wrapper-write-metadata`, the attributes are headers."""
    work_of(inbox, router)
    pushed = {"x_goog_pubsub_message_id": "900", "x_goog_pubsub_subscription_name": "projects/p/subscriptions/dead"}

    assert post_wsgi(PATH, b'{"n": 1}', **pushed, **SOURCE).status_code == 200

    assert rows(inbox) == [("h", "parked", 0)]
    assert GAVE_UP in run("show", "900")


def test_a_cloudevent(inbox: str, router: EventRouter) -> None:
    """A copy of a message that carries a CloudEvent is the same CloudEvent."""
    failing = work_of(inbox, router, "no")
    context = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "//shop", "ce-type": "k"}
    assert post_wsgi(PATH, message("1", {"n": 1}, context)).status_code == 400

    assert post_wsgi(PATH, dead("900", {"n": 1}, **context)).status_code == 200

    assert rows(inbox) == [("h", "parked", 1)]
    failing.clear()
    assert run("replay") == "Replayed 1 delivery: 1 handled.\n"


def test_an_unreadable_one_is_rejected(inbox: str, router: EventRouter) -> None:
    """Like any other message whose data cannot be decoded."""
    work_of(inbox, router)

    assert post_wsgi(PATH, message("900", None, SOURCE).replace(b"bnVsbA==", b"####")).status_code == 200

    assert rows(inbox) == [("", "rejected", 0)]
