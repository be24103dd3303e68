"""What stands at the top of the list of events: counts by state."""

from __future__ import annotations

import re

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from gcp_event_router import EventRouter
from gcp_event_router._boxes.admin import lists as module
from gcp_event_router._boxes.admin.parts import WORST_FIRST
from gcp_event_router.inbox.admin.changelist import state_counts
from gcp_event_router.inbox.models import State

from ...support.admin_pages import HANDLERS_STATES, Pages, Shop, text, with_admin

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]


@pytest.fixture
def shop(inbox: str, router: EventRouter) -> Shop:
    return Shop(inbox, router)


def counts(alias: str) -> dict[str, str]:
    return {count.state.value: f"{count.number}{'+' if count.has_more else ''}" for count in state_counts(alias)}


def test_an_empty_inbox(inbox: str) -> None:
    """Without events there are zeros."""
    assert counts(inbox) == {state.value: "0" for state in State}


def test_counts(shop: Shop) -> None:
    """Deliveries are counted by state."""
    for number, state in enumerate([*HANDLERS_STATES, State.PARKED]):
        shop.order_in(state, number)

    assert counts(shop.alias) == {**{state.value: "1" for state in State}, "parked": "2", "unhandled": "0"}


def test_nothing_is_counted_to_its_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that is larger than what is counted ends in a plus sign."""
    monkeypatch.setattr(module, "_MOST_IN_STATE", 2)
    for number in range(3):
        shop.order_in(State.PARKED, number)

    assert counts(shop.alias)["parked"] == "2+"


def test_a_page_has_it(shop: Shop) -> None:
    """Each count leads to the deliveries of the state."""
    shop.order_in(State.PARKED, 1)
    shop.order_in(State.DONE, 2)
    page = Pages("view_storedevent").get()
    (section,) = re.findall(r'<section class="gei-summary".*?</section>', page, re.DOTALL)

    assert re.findall(r'href="\?state=(\w+)"', section) == [state.value for state in WORST_FIRST]
    assert text(section) == "1 parked 0 rejected 0 no handler 0 failed 0 running 0 pending 0 discarded 1 done"


def test_it_costs_as_much_for_many_as_for_none(shop: Shop) -> None:
    """Each state costs one statement, however many events there are."""
    numbers: list[int] = []
    for number in range(2):
        with CaptureQueriesContext(connections[shop.alias]) as queries:
            state_counts(shop.alias)
        numbers.append(len(queries))
        shop.order_in(State.PARKED, number)

    assert numbers == [len(State)] * 2
