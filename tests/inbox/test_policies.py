"""Policies of retries, by the database's clock: deliveries that workers run, and those that a sender sends again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from io import StringIO
from math import ceil
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import override_settings

from gcp_event_router import Backoff, Event, EventRouter, Retry
from gcp_event_router._boxes.clock import as_shown
from gcp_event_router.inbox.models import Delivery
from gcp_event_router.inbox.replay import replay
from gcp_event_router.inbox.workers import process, work
from gcp_event_router.outcomes import Outcome

from ..conftest import AT_ONCE, Post, post_wsgi
from ..support.deliveries import PATH, PUSH, end_leases, pass_time, push, register, rows, sync_or_async, with_databases
from ..support.statements import count_statements

pytestmark = with_databases

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
#: Two minutes, four, eight ... and an hour at most: so long that no wait is over before a test lets its time pass.
EXACT = Backoff(first=2 * MINUTE, cap=HOUR, jitter=0)


@pytest.fixture(autouse=True)
def _no_engine() -> Iterator[None]:
    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        yield


def fail(router: EventRouter, error: Exception, *, is_async: bool = False, **options: Any) -> list[str]:
    """Register a handler that raises an error in each run, and return the list of its runs."""
    runs: list[str] = []

    def work(event: Event[Any]) -> None:
        runs.append(event.reference)
        raise error

    register(router, work, is_async=is_async, **options)
    return runs


def wait_of(alias: str) -> timedelta:
    """The time from the end of the last run until the next one is due."""
    finished_at, not_before = Delivery.objects.using(alias).values_list("finished_at", "not_before").get()
    assert finished_at is not None
    assert not_before is not None
    return not_before - finished_at


def left(alias: str) -> timedelta:
    """The time until the delivery is due."""
    not_before, now = Delivery.objects.using(alias).annotate(now=Now()).values_list("not_before", "now").get()
    assert not_before is not None
    return not_before - now


def error_of(alias: str) -> str:
    """The state, and the beginning of the stored error."""
    delivery = Delivery.objects.using(alias).get()
    return f"{delivery.state}: {delivery.error.partition(': ')[0]}"


def run(*arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("inbox", *arguments, stdout=out)
    return out.getvalue()


def run_as_worker(alias: str) -> Callable[[], str]:
    """Run what is due; returns the outcome, or "" if nothing was due."""
    return lambda: next((result.outcome.value for _, result in process(alias)), "")


def run_as_sender() -> str:
    """Send the event again; returns the outcome that the status stands for."""
    return {201: "handled", 200: "parked", 400: "failed", 503: ""}[post_wsgi(PATH, PUSH).status_code]


@sync_or_async
@pytest.mark.parametrize("deferred", [False, True], ids=["by requests", "by workers"])
def test_ten_failures_wait_as_the_policy_says(inbox: str, router: EventRouter, deferred: bool, is_async: bool) -> None:
    """Without jitter, the waits grow by the factor up to the cap; before each one is over, nothing runs; the tenth run parks."""
    runs = fail(router, RuntimeError(), deferred=deferred, retry=EXACT, is_async=is_async)
    run_again = run_as_worker(inbox) if deferred else run_as_sender
    if deferred:
        post_wsgi(PATH, PUSH)

    waits: list[int] = []
    for _ in range(9):
        assert run_again() == "failed"
        waits.append(wait_of(inbox) // MINUTE)
        pass_time(inbox, wait_of(inbox) - 2 * MINUTE)
        assert run_again() == ""
        pass_time(inbox, 2 * MINUTE)

    assert waits == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert run_again() == "parked"
    assert (len(runs), rows(inbox)) == (10, [("h", "parked", 10)])
    assert Delivery.objects.using(inbox).get().not_before is None


def test_a_subscription_without_a_policy_does_not_use_up_the_attempts(inbox: str, router: EventRouter, post: Post) -> None:
    """Of ten deliveries at once, the first is run; the others get 503 and the rest of the wait, and do not count."""
    runs = fail(router, RuntimeError(), retry=Backoff(first=5 * MINUTE))

    answers = [post(PATH, PUSH) for _ in range(10)]

    assert [answer.status_code for answer in answers] == [400] + [503] * 9
    assert (len(runs), rows(inbox)) == (1, [("h", "failed", 1)])
    waits = [int(answer["Retry-After"]) for answer in answers[1:]]
    assert 0 < left(inbox) / SECOND <= min(waits) <= max(waits) <= 360
    assert answers[1].content == b'{"error": "Unable to handle event of kind k with reference r"}'


def test_the_setting_is_the_default(inbox: str, router: EventRouter, settings: Any) -> None:
    """A handler without a policy follows `INBOX["RETRY"]`, which waits ten seconds, give or take a fifth, if it is not set."""
    settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox}}
    fail(router, RuntimeError())
    assert post_wsgi(PATH, PUSH).status_code == 400
    assert 8 * SECOND <= wait_of(inbox) <= 12 * SECOND

    settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, "RETRY": EXACT}}
    pass_time(inbox, 12 * SECOND)
    assert post_wsgi(PATH, PUSH).status_code == 400
    assert wait_of(inbox) == 4 * MINUTE


def test_an_emulated_subscription(inbox: str, router: EventRouter) -> None:
    """A sender that waits as long as it is told has one run for each wait, and an event that succeeds in the end."""
    errors: list[Exception] = [RuntimeError(), RuntimeError(), RuntimeError()]
    minutes = list[int]()

    def work(event: Event[Any]) -> None:
        if errors:
            raise errors.pop()

    register(router, work, is_async=False, retry=EXACT)

    while (answer := post_wsgi(PATH, PUSH)).status_code != 201:
        if answer.status_code == 503:
            minutes.append(ceil(int(answer["Retry-After"]) / 60))
            pass_time(inbox, int(answer["Retry-After"]) * SECOND)

    assert (minutes, rows(inbox)) == ([2, 4, 8], [("h", "done", 4)])


@sync_or_async
@pytest.mark.parametrize("deferred", [False, True], ids=["by requests", "by workers"])
@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (Backoff(give_up_on=ValueError), ValueError("s3cr3t")),
        (Backoff(on=OSError), ValueError("s3cr3t")),
        (Backoff(give_up_on=ValueError), ExceptionGroup("s3cr3t", [OSError(), ValueError()])),
    ],
    ids=["give_up_on", "not on", "a group"],
)
def test_an_exception_that_gives_up_parks_at_the_first_attempt(
    inbox: str, router: EventRouter, deferred: bool, is_async: bool, policy: Backoff, error: Exception
) -> None:
    """The delivery is parked, so the sender need not send it again; the stored error says why."""
    runs = fail(router, error, deferred=deferred, retry=policy, is_async=is_async)
    answer = post_wsgi(PATH, PUSH)
    assert answer.status_code == (201 if deferred else 200)
    if deferred:
        assert run_as_worker(inbox)() == "parked"

    assert (len(runs), rows(inbox)) == (1, [("h", "parked", 1)])
    assert error_of(inbox) == "parked: the retry policy gives up on this exception"
    assert "s3cr3t" not in Delivery.objects.using(inbox).get().error


@pytest.mark.parametrize("error", [RuntimeError(), Retry(after=SECOND)], ids=["fails", "Retry"])
@pytest.mark.parametrize("deferred", [False, True], ids=["by requests", "by workers"])
def test_an_event_that_is_too_old_is_parked_at_its_next_failure(
    inbox: str, router: EventRouter, deferred: bool, error: Exception
) -> None:
    """The age counts from the time when the event was received, by the database's clock; `Retry` ends there, too."""
    fail(router, error, deferred=deferred, retry=Backoff(first=timedelta(0), within=6 * HOUR))
    post_wsgi(PATH, PUSH)
    run_again = run_as_worker(inbox) if deferred else run_as_sender
    run_again()

    pass_time(inbox, 5 * HOUR)
    run_again()
    assert rows(inbox)[0][1] == ("failed" if isinstance(error, RuntimeError) else "pending")
    pass_time(inbox, 2 * HOUR)
    assert run_again() == "parked"
    assert error_of(inbox) == "parked: the retry policy gives up on events that are older than 6 h"


def test_the_age_of_an_event_does_not_matter_to_its_success(inbox: str, router: EventRouter) -> None:
    """An old event whose handler succeeds is done."""
    problems: list[Exception] = [RuntimeError()]

    def work(event: Event[Any]) -> None:
        if problems:
            raise problems.pop()

    register(router, work, is_async=False, retry=Backoff(first=timedelta(0), within=HOUR))
    post_wsgi(PATH, PUSH)
    pass_time(inbox, 2 * HOUR)
    assert post_wsgi(PATH, PUSH).status_code == 201


@pytest.mark.parametrize("policy", [Backoff(), Backoff(within=HOUR)], ids=["without within", "within"])
def test_only_a_failure_of_a_policy_with_within_costs_a_statement(inbox: str, router: EventRouter, policy: Backoff) -> None:
    """The age is read when it is needed, and not for each event."""
    counts: list[int] = []
    for number, option in enumerate([Backoff(), policy]):
        fail(router, RuntimeError(), name=f"h{number}", retry=option)
        counts.append(count_statements(inbox, partial(post_wsgi, PATH, push(number))))
        router._entries.clear()  # pyright: ignore[reportPrivateUsage] -- the next handler is alone, too
        router._forget()  # pyright: ignore[reportPrivateUsage] -- as above
    assert counts[1] - counts[0] == (policy.within is not None)


def test_a_wait_that_retry_names_holds_back_the_sender(inbox: str, router: EventRouter, post: Post) -> None:
    """After `Retry(after=...)`, an early redelivery is answered 503 with the rest of that time, and runs nothing."""
    runs = fail(router, Retry(after=90 * SECOND))

    assert post(PATH, PUSH)["Retry-After"] == "90"
    pass_time(inbox, 30 * SECOND)
    answer = post(PATH, PUSH)
    assert (answer.status_code, len(runs)) == (503, 1)
    assert left(inbox) / SECOND <= int(answer["Retry-After"]) <= 60
    pass_time(inbox, 60 * SECOND)
    assert post(PATH, PUSH)["Retry-After"] == "90"
    assert (len(runs), rows(inbox)) == (2, [("h", "pending", 0)])


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        (Backoff(first=2 * MINUTE, cap=HOUR, jitter=0), [2, 2, 4, 8, 16, 32, 60, 60]),
        (Backoff(first=MINUTE, factor=3, cap=HOUR, jitter=0), [1, 2, 6, 18, 54, 60]),
        (Backoff(first=5 * MINUTE, factor=1, jitter=0), [5, 5, 5, 5]),
    ],
    ids=["doubling", "times 3", "constant"],
)
def test_workers_repeat_retry_by_the_policy(inbox: str, router: EventRouter, policy: Backoff, waits: list[int]) -> None:
    """Without `after`, all waits together grow by the factor; each is at least the first one, and at most the cap."""
    fail(router, Retry(), deferred=True, retry=policy)
    post_wsgi(PATH, PUSH)
    run_again = run_as_worker(inbox)
    for expected in waits:
        assert run_again() == "retry"
        assert left(inbox) / MINUTE == pytest.approx(expected, rel=0.25)
        pass_time(inbox, left(inbox))


def test_a_person_need_not_wait(inbox: str, router: EventRouter) -> None:
    """A replay runs a delivery that is not due; the next failure waits as the policy says."""
    runs = fail(router, RuntimeError(), retry=EXACT)
    post_wsgi(PATH, PUSH)
    assert post_wsgi(PATH, PUSH).status_code == 503

    [(_, result)] = replay(Delivery.objects.using(inbox))
    assert (result.outcome, len(runs)) == (Outcome.FAILED, 2)
    assert wait_of(inbox) == 4 * MINUTE


def test_an_engine_has_to_wait(inbox: str, router: EventRouter) -> None:
    """The task of an engine does not run a delivery that is not due; workers run it later."""
    runs = fail(router, RuntimeError(), deferred=True, retry=EXACT)
    post_wsgi(PATH, PUSH)

    def run_task() -> Outcome:
        return work(inbox, Delivery.objects.using(inbox).select_related("event").get()).outcome

    assert [run_task() for _ in range(3)] == [Outcome.FAILED, Outcome.BUSY, Outcome.BUSY]
    assert (len(runs), rows(inbox)) == (1, [("h", "failed", 1)])
    pass_time(inbox, 2 * MINUTE)
    assert run_task() is Outcome.FAILED


def test_each_handler_waits_for_itself(inbox: str, router: EventRouter, post: Post) -> None:
    """Of an event's handlers, one is done, one waits, and one is due: only that one runs. The waiting one is not forgotten."""
    runs = {name: fail(router, RuntimeError(), name=name, retry=policy) for name, policy in (("waits", EXACT), ("runs", AT_ONCE))}
    register(router, lambda event: None, is_async=False, name="done")

    assert [post(PATH, PUSH).status_code for _ in range(3)] == [400, 400, 400]
    assert {name: len(each) for name, each in runs.items()} == {"waits": 1, "runs": 3}

    router._entries.pop(1)  # pyright: ignore[reportPrivateUsage] -- as if the project had removed it
    router._forget()  # pyright: ignore[reportPrivateUsage] -- as above
    answer = post(PATH, PUSH)
    assert (answer.status_code, 60 < int(answer["Retry-After"]) <= 120) == (503, True)


def test_a_lost_run_need_not_wait(inbox: str, router: EventRouter) -> None:
    """A delivery whose worker was killed is due when its lease is over, whatever the policy."""
    ends: list[BaseException] = [SystemExit()]

    def work(event: Event[Any]) -> None:
        if ends:
            raise ends.pop()

    register(router, work, is_async=False, retry=Backoff(first=HOUR, cap=HOUR))
    with pytest.raises(SystemExit):
        post_wsgi(PATH, PUSH)
    end_leases(inbox)
    assert post_wsgi(PATH, PUSH).status_code == 201


def test_another_payload_has_to_wait_too(inbox: str, router: EventRouter) -> None:
    """A payload that replaces a failed one under its id inherits the wait, so that it cannot use up the attempts either."""
    runs = fail(router, RuntimeError(), retry=EXACT)

    def send(payload: int) -> HttpResponse:
        return post_wsgi(PATH, push(1, {"a": payload}))

    assert [send(number).status_code for number in (1, 2, 3)] == [400, 503, 503]
    pass_time(inbox, 2 * MINUTE)
    assert [send(number).status_code for number in (3, 4)] == [400, 503]
    assert (len(runs), rows(inbox)) == (2, [("h", "failed", 2)])


def test_the_log_says_that_it_is_not_due(inbox: str, router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """An early redelivery is logged at INFO, with the seconds."""
    fail(router, RuntimeError(), retry=Backoff(first=HOUR, cap=HOUR, jitter=0))
    post_wsgi(PATH, PUSH)
    pass_time(inbox, HOUR - 90 * SECOND)
    before = len(lines())
    post_wsgi(PATH, PUSH)
    [line] = lines()[before:]
    assert line.startswith("INFO Event of kind 'k' with reference 'r' (message '17'): retry by h in ")
    [found] = re.findall(r": h is not due for another (\d+) s$", line)
    assert left(inbox) / SECOND <= int(found) <= 90


def test_show_says_when_and_how_it_is_tried_again(inbox: str, router: EventRouter) -> None:
    """`inbox show` has the time of the next attempt and the policy, as long as the delivery is open."""
    fail(router, RuntimeError(), retry=EXACT, max_attempts=2)
    post_wsgi(PATH, PUSH)
    delivery = Delivery.objects.using(inbox).get()
    assert delivery.not_before is not None
    due = as_shown(inbox, delivery.not_before).isoformat()
    title = f"delivery {delivery.pk} to h: failed, attempt 1 of 2\n"
    words = "retries after 2 min, doubling up to 1 h"
    assert f"{title}  next attempt from {due}\n  {words}\n  builtins.RuntimeError\n" in run("show", "17")

    pass_time(inbox, 2 * MINUTE)
    post_wsgi(PATH, PUSH)
    assert words not in run("show", "17")
