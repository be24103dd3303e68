"""Leases: workers that outlive theirs, and clocks that differ. Rows E3 and E10.

E3 with real processes is in test_inbox_processes.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now
from django.utils import timezone

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox import claims
from gcp_event_router.inbox.models import Delivery

from ..conftest import Post
from ..support.deliveries import (
    PATH,
    PUSH,
    Stall,
    beside,
    both_doors,
    effects,
    end_leases,
    ends,
    on_sqlite,
    register,
    rows,
    sync_or_async,
    take_effect,
    where_handlers_overlap,
    with_databases,
)

pytestmark = with_databases

DONE_TWICE_BEGUN = ("h", "done", 2, None, None, "", "")


@ends
@where_handlers_overlap
@both_doors
def test_e3_a_worker_that_outlives_its_lease_changes_nothing(
    inbox: str, router: EventRouter, post: Post, is_async: bool, fails: bool
) -> None:
    """It ends after its successor is done: its writes are rolled back, and the row stays the successor's."""
    stall = Stall()
    work = _Work(inbox, is_async, fails, stall)
    register(router, work, is_async=is_async)

    with stall.during(lambda: post(PATH, PUSH)) as stalled:
        end_leases(inbox)
        assert post(PATH, PUSH).status_code == 201

    assert (stalled.result().status_code, stalled.result()["Retry-After"]) == (409, "1")
    assert (work.runs, effects(inbox)) == (2, [] if is_async else ["run 2"])
    assert _whole(inbox) == [DONE_TWICE_BEGUN]
    assert post(PATH, PUSH).status_code == 200


@ends
@where_handlers_overlap
@both_doors
def test_e3_a_stalled_worker_does_not_disturb_its_successor(
    inbox: str, router: EventRouter, post: Post, is_async: bool, fails: bool
) -> None:
    """It ends while its successor runs: the successor keeps its claim, and finishes."""
    stall, second_stall = Stall(), Stall()
    work = _Work(inbox, is_async, fails, stall, second_stall)
    register(router, work, is_async=is_async)

    with stall.during(lambda: post(PATH, PUSH)) as stalled:
        end_leases(inbox)
        with second_stall.during(lambda: post(PATH, PUSH)) as successor:
            held = _whole(inbox)
            stall.release()
            assert stalled.result().status_code == 409
            assert _whole(inbox) == held
            assert rows(inbox) == [("h", "running", 2)]
        assert successor.result().status_code == 201

    assert (work.runs, effects(inbox)) == (2, [] if is_async else ["run 2"])
    assert _whole(inbox) == [DONE_TWICE_BEGUN]


@ends
@both_doors
def test_e3_a_worker_may_stall_before_its_handler(
    inbox: str, router: EventRouter, post: Post, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ends between the claim and the handler: the handler's writes are rolled back."""
    stall = Stall()
    stalls = [stall]
    runs: list[str] = []
    open_event = claims.open_event

    def open_event_and_stall(*args: Any, **named: Any) -> Any:
        claimed = open_event(*args, **named)
        if stalls:
            stalls.pop()()
        return claimed

    def work(event: Event[Any]) -> None:
        runs.append(f"run {len(runs) + 1}")
        take_effect(inbox, runs[-1])
        if fails and len(runs) > 1:
            raise RuntimeError

    monkeypatch.setattr(claims, "open_event", open_event_and_stall)
    register(router, work, is_async=False)

    with stall.during(lambda: post(PATH, PUSH)) as stalled:
        end_leases(inbox)
        assert post(PATH, PUSH).status_code == 201

    assert (stalled.result().status_code, runs, effects(inbox)) == (409, ["run 1", "run 2"], ["run 1"])
    assert _whole(inbox) == [DONE_TWICE_BEGUN]


@pytest.mark.parametrize("names", [["first"], ["first", "second"]])
@sync_or_async
@both_doors
def test_e3_a_worker_whose_lease_ended_begins_nothing_more(
    inbox: str, router: EventRouter, post: Post, is_async: bool, names: list[str]
) -> None:
    """Its lease ends in an earlier handler: it does not begin again what its successor has done."""
    stall = Stall()
    stalls = [stall]
    runs: list[str] = []

    def wait(event: Event[Any]) -> None:
        if stalls:
            stalls.pop()()

    def work_of(name: str) -> Callable[[Event[Any]], None]:
        return lambda event: runs.append(name)

    register(router, wait, is_async=False, once=False)
    for name in names:
        register(router, work_of(name), is_async=is_async, name=name)

    with stall.during(lambda: post(PATH, PUSH)) as stalled:
        end_leases(inbox)
        assert post(PATH, PUSH).status_code == 201

    assert (stalled.result().status_code, runs) == (409, names)
    assert rows(inbox) == [(name, "done", 1) for name in names]


@on_sqlite
@both_doors
def test_e3_on_sqlite_nobody_overtakes_a_stalled_handler(inbox: str, router: EventRouter, post: Post) -> None:
    """After its lease, a sync handler still has SQLite's lock: a second delivery waits for it, and finds it done."""
    stall = Stall()
    work = _Work(inbox, False, False, stall)
    register(router, work, is_async=False, lease=timedelta(milliseconds=1))

    with stall.during(lambda: post(PATH, PUSH)) as stalled, beside(lambda: post(PATH, PUSH)) as second:
        stall.release()

    assert (stalled.result().status_code, second.result().status_code) == (201, 200)
    assert (work.runs, effects(inbox)) == (1, ["run 1"])


@pytest.mark.parametrize("minutes", [5, -5])
@where_handlers_overlap
@both_doors
def test_e10_leases_go_by_the_databases_clock(
    inbox: str, router: EventRouter, post: Post, is_async: bool, minutes: int, clock: Clock
) -> None:
    """Workers' clocks that are five minutes fast or slow neither lengthen nor end a lease."""
    stall = Stall()
    work = _Work(inbox, is_async, False, stall)
    register(router, work, is_async=is_async, lease=timedelta(minutes=1))

    clock.is_off_by(minutes)
    with stall.during(lambda: post(PATH, PUSH)) as stalled:
        in_a_minute = ExpressionWrapper(Now() + timedelta(minutes=1), output_field=DateTimeField())
        assert Delivery.objects.using(inbox).filter(lease_until__gt=Now(), lease_until__lte=in_a_minute).count() == 1
        for jump in (-minutes, minutes, 0):
            clock.is_off_by(jump)
            answer = post(PATH, PUSH)
            assert (answer.status_code, 0 < int(answer["Retry-After"]) <= 60) == (409, True)
        clock.is_off_by(-5)
        end_leases(inbox)
        assert post(PATH, PUSH).status_code == 201

    assert (stalled.result().status_code, work.runs, rows(inbox)) == (409, 2, [("h", "done", 2)])


class Clock:
    """The clock of this process, as Python code reads it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._time, self._now = time.time, timezone.now
        self._off = timedelta()
        patch.setattr(time, "time", lambda: self._time() + self._off.total_seconds())
        patch.setattr(timezone, "now", lambda: self._now() + self._off)

    def is_off_by(self, minutes: int) -> None:
        self._off = timedelta(minutes=minutes)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class _Work:
    """A handler whose runs stall one after the other; the first may then fail."""

    def __init__(self, alias: str, is_async: bool, fails: bool, *stalls: Stall) -> None:
        self.runs = 0
        self.fails = fails
        self._alias = alias
        self._writes = not is_async
        self._stalls = stalls

    def __call__(self, event: Event[Any]) -> None:
        self.runs += 1
        run = self.runs
        if self._writes:
            take_effect(self._alias, f"run {run}")
        if run <= len(self._stalls):
            self._stalls[run - 1]()
        if self.fails and run == 1:
            raise RuntimeError


def _whole(alias: str) -> list[tuple[Any, ...]]:
    fields = ("handler", "state", "attempts", "token", "lease_until", "error_type", "error")
    return list(Delivery.objects.using(alias).order_by("pk").values_list(*fields))
