"""Replaying and discarding in the admin, from the list and from an event's page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.erasure import Match, erase
from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ...conftest import post_wsgi
from ...support.admin_pages import HANDLERS_STATES, LIST, Pages, Shop, page_of, section, text, with_admin
from ...support.deliveries import PUSH, effects, end_leases, on_postgresql, rows, session

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]
NOTHING = "Nothing was discarded. Deliveries that are done, or that a worker is running, cannot be discarded."


@pytest.fixture
def shop(inbox: str, router: EventRouter) -> Shop:
    return Shop(inbox, router)


@pytest.fixture
def pages(inbox: str) -> Pages:
    return Pages("view_storedevent", "replay_delivery", "discard_delivery")


def number_of(shop: Shop, event: StoredEvent) -> int:
    """The number of an event's delivery."""
    return Delivery.objects.using(shop.alias).values_list("pk", flat=True).get(event=event.pk)


def states(shop: Shop) -> dict[str, str]:
    """The state of each order."""
    return dict(Delivery.objects.using(shop.alias).order_by("pk").values_list("event__reference", "state"))


def test_replay_chosen_events(shop: Shop, pages: Pages) -> None:
    """What is not done of the chosen events is run again, and the user told how each ended; what is done or discarded is not."""
    events = [shop.order_in(state, number) for number, state in enumerate(HANDLERS_STATES) if state is not State.RUNNING]
    before = effects(shop.alias)

    assert pages.act("replay", *events[:-1]) == (302, ["Replayed 4 deliveries: 4 handled."])
    assert states(shop) == dict.fromkeys(["0", "2", "3", "4", "5"], "done") | {"6": "discarded"}
    assert len(effects(shop.alias)) == len(before) + 4
    nothing = "Nothing was replayed. Deliveries that are done can be replayed on their event's page."
    assert pages.act("replay", *events) == (302, [nothing])


def test_replay_says_what_failed(shop: Shop, pages: Pages) -> None:
    """What fails once more is counted by how it ended."""
    events = [shop.order_in(State.PARKED, 1), shop.order(2, payload={"order_id": "two"})]
    shop.broken.append(RuntimeError)

    assert pages.act("replay", *events) == (302, ["Replayed 2 deliveries: 1 parked, 1 rejected."])


def test_replay_in_a_narrowed_list(shop: Shop, router: EventRouter, pages: Pages) -> None:
    """Where the list is narrowed to a handler or a state, nothing else of the chosen events is run."""
    router.on("order-*", name="shop.mail", max_attempts=1)(_fail)
    event = shop.order(1, RuntimeError)

    assert pages.act("replay", event, query="?handler=shop.record&state=parked") == (302, ["Replayed 1 delivery: 1 handled."])
    assert rows(shop.alias) == [("shop.record", "done", 2), ("shop.mail", "parked", 1)]


def test_replay_what_was_discarded(shop: Shop, pages: Pages) -> None:
    """What was discarded is run again where the list is narrowed to that."""
    event = shop.order_in(State.DISCARDED, 1)

    assert pages.act("replay", event, query="?state=discarded") == (302, ["Replayed 1 delivery: 1 handled."])


def test_a_replay_ends_in_time(shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request has no time for is not begun, and the user told how much that is."""
    monkeypatch.setattr("gcp_event_router.inbox.admin.actions._PATIENCE", -1)
    events = [shop.order_in(State.PARKED, number) for number in range(3)]

    assert pages.act("replay", *events) == (
        302,
        ["Replayed 1 delivery: 1 handled. Time ran out before the other 2: replay them again, or use manage.py inbox replay."],
    )
    assert pages.act("replay", *events) == (
        302,
        ["Replayed 1 delivery: 1 handled. Time ran out before the other 1: replay them again, or use manage.py inbox replay."],
    )


def test_discard_chosen_events(shop: Shop, pages: Pages) -> None:
    """What is open, rejected or parked of the chosen events is discarded, once it is confirmed."""
    events = [shop.order_in(state, number) for number, state in enumerate(HANDLERS_STATES)]
    response = pages.client.post(LIST, {"action": "discard", "_selected_action": [str(event.pk) for event in events]})
    page = response.content.decode()
    before = states(shop)
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)

    named = "".join(
        f" order-placed/{number}: shop.record ({state.label})"
        for number, state in reversed([*enumerate(HANDLERS_STATES)])
        if str(number) not in {"1", "3", "6"}
    )
    assert f"Discard 4 deliveries?{named} Nothing runs discarded deliveries" in text(page)
    assert before == {str(number): state.value for number, state in enumerate(HANDLERS_STATES)}
    assert ("confirmed", "yes") in fields
    chosen = [value for name, value in fields if name == "_selected_action"]
    assert pages.post(LIST, action="discard", confirmed="yes", _selected_action=chosen) == (302, ["Discarded 4 deliveries."])
    kept = {"1": "running", "3": "done"}
    assert states(shop) == {**dict.fromkeys(before, "discarded"), **kept}
    assert pages.post(LIST, action="discard", confirmed="yes", _selected_action=chosen) == (
        302,
        [NOTHING],
    )


def test_question_names_few(shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question names the newest deliveries, and counts the others."""
    monkeypatch.setattr("gcp_event_router.inbox.admin.detail_views.NAMED", 1)
    events = [shop.order_in(State.PARKED, number) for number in range(3)]
    page = pages.client.post(LIST, {"action": "discard", "_selected_action": [str(event.pk) for event in events]})

    assert "Discard 3 deliveries? order-placed/2: shop.record (parked) and 2 more Nothing runs" in text(page.content.decode())


def test_discard_what_is_running(shop: Shop, pages: Pages) -> None:
    """A delivery whose worker was killed is discarded once its lease is over; until then there is no button, nor a question."""
    event = shop.order_in(State.RUNNING, 1)
    number = number_of(shop, event)
    ahead = ExpressionWrapper(Now() + timedelta(hours=1), output_field=DateTimeField())
    Delivery.objects.using(shop.alias).update(lease_until=ahead)

    assert 'name="discard"' not in pages.get(page_of(event))
    assert pages.act("discard", event) == (302, [NOTHING])
    assert pages.post(page_of(event), discard=number, confirmed="yes") == (302, [NOTHING])
    end_leases(shop.alias)
    assert f'name="discard" value="{number}"' in pages.get(page_of(event))
    assert pages.act("discard", event, confirmed="yes") == (302, ["Discarded 1 delivery."])
    assert states(shop) == {"1": "discarded"}


def test_too_many_at_once(shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request takes so many events as it can do; of all that are found, if they are few enough."""
    monkeypatch.setattr("gcp_event_router._boxes.admin.pages._AT_ONCE", 2)
    events = [shop.order_in(State.PARKED, number) for number in range(3)]

    assert pages.act("replay", events[0], select_across="1", index="0") == (
        302,
        ["You selected more than 2 events. Filter the list, or use manage.py inbox."],
    )
    assert set(states(shop).values()) == {"parked"}
    assert pages.act("replay", events[0], query="?q=1", select_across="1", index="0") == (
        302,
        ["Replayed 1 delivery: 1 handled."],
    )
    assert states(shop) == {"0": "parked", "1": "done", "2": "parked"}


@pytest.mark.parametrize("key", ["", "zzz", "-1", "\x00", "9" * 5000])
@pytest.mark.parametrize("action", ["replay", "discard"])
def test_what_is_no_event_cannot_be_chosen(shop: Shop, pages: Pages, action: str, key: str) -> None:
    """A key that no event could have is refused in words, and nothing is done about those that are chosen with it."""
    event = shop.order_in(State.PARKED, 1)

    told = pages.post(LIST, action=action, _selected_action=[str(event.pk), key])

    assert told == (302, ["This event does not exist. Select events from the list."])
    assert states(shop) == {"1": "parked"}


def test_replay_on_an_events_page(shop: Shop, pages: Pages) -> None:
    """A parked delivery is run again at once; who did it stands in the event's history."""
    event = shop.order_in(State.PARKED, 1)

    assert pages.post(page_of(event), replay=number_of(shop, event)) == (302, ["Replayed 1 delivery: 1 handled."])
    assert (states(shop), effects(shop.alias)) == ({"1": "done"}, ["shop.record"])
    assert LogEntry.objects.values_list("user__username", "object_id", "change_message").get() == (
        "staff",
        str(event.pk),
        "Replayed 1 delivery: 1 handled.",
    )
    assert "Replayed 1 delivery: 1 handled." in text(pages.get(f"{LIST}{event.pk}/history/"))


def test_what_is_done_is_replayed_once_it_is_confirmed(shop: Shop, pages: Pages) -> None:
    """A done delivery is run again only after a question."""
    event = shop.order(1)
    number = number_of(shop, event)
    page = pages.client.post(page_of(event), {"replay": number}).content.decode()

    assert "shop.record is done. Replay it anyway? Its effects happen again." in text(page)
    assert f'<input type="hidden" name="replay" value="{number}">' in page
    assert effects(shop.alias) == ["shop.record"]
    assert pages.post(page_of(event), replay=number, confirmed="yes") == (302, ["Replayed 1 delivery: 1 handled."])
    assert effects(shop.alias) == ["shop.record", "shop.record"]


def test_discard_on_an_events_page(shop: Shop, pages: Pages) -> None:
    """A parked delivery is discarded after a question."""
    event = shop.order_in(State.PARKED, 1)
    number = number_of(shop, event)
    page = pages.client.post(page_of(event), {"discard": number}).content.decode()

    assert "Discard 1 delivery? order-placed/1: shop.record (parked) Nothing runs discarded deliveries" in text(page)
    assert states(shop) == {"1": "parked"}
    assert pages.post(page_of(event), discard=number, confirmed="yes") == (302, ["Discarded 1 delivery."])
    assert states(shop) == {"1": "discarded"}


@pytest.mark.parametrize("number", ["", "x", "0", "-1", "²", "9" * 19, "other"])
@pytest.mark.parametrize("decision", ["replay", "discard"])
def test_no_such_delivery(shop: Shop, pages: Pages, decision: str, number: str) -> None:
    """Only a delivery of the event itself is decided about."""
    event, other = shop.order_in(State.PARKED, 1), shop.order_in(State.PARKED, 2)
    sent = str(number_of(shop, other)) if number == "other" else number

    assert pages.post(page_of(event), **{decision: sent, "confirmed": "yes"})[0] == 404
    assert states(shop) == {"1": "parked", "2": "parked"}


@on_postgresql
@pytest.mark.parametrize("is_async", [False, True])
def test_others_see_that_a_replay_is_at_it(inbox: str, router: EventRouter, pages: Pages, is_async: bool) -> None:
    """The admin's request is no transaction around the replay: while a handler runs, other sessions see its claim."""
    seen: list[Any] = []

    def work(event: Event[Any]) -> None:
        if not seen:
            seen.append("first")
            raise RuntimeError
        with session(inbox) as other, other.cursor() as cursor:
            cursor.execute("SELECT state FROM gcp_event_inbox_delivery")
            seen.append(cursor.fetchall())

    async def awaited(event: Event[Any]) -> None:
        await sync_to_async(work)(event)

    router.on("k", max_attempts=1)(awaited if is_async else work)
    post_wsgi("/events/k/r", PUSH)
    event = StoredEvent.objects.using(inbox).get()

    assert pages.act("replay", event) == (302, ["Replayed 1 delivery: 1 handled."])
    assert seen == ["first", [("running",)]]


def _fail(event: Event[Any]) -> None:
    raise RuntimeError


def test_an_erased_event_cannot_be_replayed(inbox: str, shop: Shop, pages: Pages) -> None:
    """Its page has no button for it, and an action says why nothing happens."""
    event = shop.order(1, RuntimeError)
    erase([Match("order_id", "1")], dry_run=False)

    html = pages.get(page_of(event))
    assert ("Replay" in text(html), "Unreadable request" in text(html), "Erased" in section(html, "Envelope")) == (
        False,
        False,
        True,
    )
    Delivery.objects.using(inbox).update(state=State.PARKED)
    assert pages.act("replay", event) == (302, ["Erased events cannot run again."])
    number = Delivery.objects.using(inbox).get().pk
    assert pages.post(page_of(event), replay=str(number)) == (302, ["Erased events cannot run again."])
