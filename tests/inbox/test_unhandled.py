"""`UNHANDLED: "keep"`: the inbox acknowledges and stores an event without a handler, and replays it once a handler exists."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import override_settings

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.signals import event_received

from ..conftest import Post
from ..support.deliveries import PUSH, effects, push, rows, take_effect, with_databases

pytestmark = with_databases
ACCEPTED = (201, b"{}")


@pytest.fixture(autouse=True)
def _keep(inbox: str) -> Iterator[None]:
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "UNHANDLED": "keep", "INBOX": {"DATABASE": inbox}}):
        yield


def nothing(event: Event[Any]) -> None: ...


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("inbox", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@contextmanager
def handled(router: EventRouter, alias: str, **options: Any) -> Generator[None]:
    """Register a handler within a `with` block."""
    with router.isolated():

        def work(event: Event[Any]) -> None:
            take_effect(alias, "h", event.reference)

        router.on("k", name="h", **options)(work)
        yield


def said(post: Post, body: bytes = PUSH) -> tuple[int, bytes]:
    response = post("/events/k/r", body)
    return response.status_code, response.content


def test_an_event_is_kept_until_something_handles_it(inbox: str, router: EventRouter, post: Post) -> None:
    """Each delivery of it gets 201; a replay then runs its handler once."""
    assert [said(post), said(post)] == [ACCEPTED, ACCEPTED]
    assert rows(inbox) == [("", "unhandled", 0)]
    assert run("process") == "Processed 0 deliveries.\n"
    number = Delivery.objects.using(inbox).get().pk

    out = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("inbox", "replay", stdout=out)
    assert out.getvalue() == f"{number} k/r to -: unhandled\nReplayed 1 delivery: 1 unhandled.\n"
    assert str(raised.value) == "1 of 1 are not done."

    with handled(router, inbox):
        assert run("replay", "--state", "unhandled") == "Replayed 1 delivery: 1 handled.\n"
        assert run("replay") == "Replayed 0 deliveries.\n"
        assert said(post) == (200, b"{}")

    assert rows(inbox) == [("", "done", 0), ("h", "done", 1)]
    assert effects(inbox) == ["h"]


def test_without_an_id_it_stays_one_event(inbox: str, router: EventRouter, post: Post) -> None:
    """Each delivery of a webhook is a new event; a replay of a stored one stays with that event."""
    said(post, b'{"a": 1}')
    said(post, b'{"a": 1}')
    assert rows(inbox) == [("", "unhandled", 0)] * 2

    with handled(router, inbox):
        assert run("replay") == "Replayed 2 deliveries: 2 handled.\n"

    assert StoredEvent.objects.using(inbox).count() == 2
    assert sorted(rows(inbox)) == [("", "done", 0)] * 2 + [("h", "done", 1)] * 2


def test_it_is_sent_again_once_it_is_handled(inbox: str, router: EventRouter, post: Post) -> None:
    """A handler that exists by then gets it from the sender; a replay finds it done."""
    said(post)
    with handled(router, inbox):
        assert said(post) == ACCEPTED
        assert run("replay") == "Replayed 1 delivery: 1 duplicate.\n"

    assert rows(inbox) == [("", "done", 0), ("h", "done", 1)]
    assert effects(inbox) == ["h"]


def test_it_is_not_kept_twice(inbox: str, router: EventRouter, post: Post) -> None:
    """An event that was handled, and whose handler was removed since, is not stored again."""
    with handled(router, inbox):
        said(post)

    assert said(post) == ACCEPTED
    assert rows(inbox) == [("h", "done", 1)]


def test_another_payload_of_one_id_takes_the_place_of_the_first(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """No handler used the first payload, so the last one replaces it, as after a failure; and the log says so."""
    first, second = push(1, "first"), push(1, "second")
    assert [said(post, body) for body in (first, second, second)] == [ACCEPTED] * 3

    seen: list[object] = []
    with router.isolated():
        router.on("k", payload=str)(lambda event: seen.append(event.payload))
        run("replay")
        assert said(post, first) == (200, b"{}")

    came = "ERROR A redelivery of an event of kind 'k' with reference 'r' has another payload, which"
    expected = [f"{came} is stored instead", f"{came} is not handled"]
    assert (seen, [line for line in lines() if line.startswith(came)]) == (["second"], expected)


def test_another_payload_of_what_was_handled_is_not_kept(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """The first payload counts, even if its handler was removed; and the log says so."""
    with handled(router, inbox):
        said(post, push(1, "first"))

    assert said(post, push(1, "second")) == ACCEPTED
    assert bytes(StoredEvent.objects.using(inbox).get().body) == push(1, "first")
    came = "ERROR A redelivery of an event of kind 'k' with reference 'r' has another payload, which"
    assert [line for line in lines() if line.startswith(came)] == [f"{came} is not handled"]


def test_a_deferred_handler(inbox: str, router: EventRouter, post: Post) -> None:
    """A replay hands it to the workers, as the event itself would have done."""
    said(post)
    with handled(router, inbox, deferred=True):
        run("replay")
        assert run("process") == "Processed 1 delivery: 1 handled.\n"
    assert rows(inbox) == [("", "done", 0), ("h", "done", 1)]


def test_what_cannot_be_read(inbox: str, router: EventRouter, post: Post) -> None:
    """A body that is not JSON, although its Content-Type says so, is rejected, as it is for a handler."""
    assert said(post, b"{")[0] == 200
    assert rows(inbox) == [("", "rejected", 0)]


@pytest.mark.parametrize("post", ["wsgi"], indirect=True)
def test_tasks_of_one_name_are_replayed_one_by_one(inbox: str, router: EventRouter, post: Post) -> None:
    """Each stays the same event, although a newer task has its name ("Task De-duplication" of Cloud Tasks)."""
    for retries, eta, body in (("1", "1767323045", b"1"), ("0", "1767495845", b"2")):
        headers = {"X-CloudTasks-QueueName": "q", "X-CloudTasks-TaskName": "t", "X-CloudTasks-TaskRetryCount": retries}
        post("/events/k/r", body, **headers, **{"X-CloudTasks-TaskETA": eta})
    seen: list[int] = []

    with router.isolated():
        router.on("k", payload=int)(lambda event: seen.append(event.payload))
        assert run("replay").splitlines()[-1] == "Replayed 2 deliveries: 2 handled."

    assert seen == [1, 2]


@pytest.mark.parametrize("post", ["wsgi"], indirect=True)
def test_the_database_is_away(inbox: str, router: EventRouter, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inbox does not acknowledge what it cannot store."""

    def fail(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr("gcp_event_router.inbox.claims.keep_unhandled", fail)

    assert said(post)[0] == 503


@pytest.mark.parametrize("post", ["wsgi"], indirect=True)
def test_how_it_is_shown_and_given_up(inbox: str, router: EventRouter, post: Post) -> None:
    """`inbox list` and `show` say that no handler took it; it can be discarded and purged."""
    said(post)
    number = Delivery.objects.using(inbox).get().pk

    assert run("list", "--state", "unhandled").splitlines()[1].split() == [
        str(number), "unhandled", "0", "of", "1", "0", "s", "k/r", "-",
    ]  # fmt: skip
    assert f"delivery {number} to -: unhandled, attempt 0 of 1" in run("show", str(number)).splitlines()
    assert run("purge", "--state", "unhandled", "--dry-run") == "Would purge 0 events.\n"
    assert run("discard") == "Discarded 1 delivery.\n"
    assert rows(inbox) == [("", State.DISCARDED, 0)]


def test_send_is_kept(inbox: str, router: EventRouter) -> None:
    """The inbox stores an event of `events send` that nothing handles."""
    call_command("events", "send", "k", "--data", "{}", "--expect", "unhandled", stdout=io.StringIO())

    assert rows(inbox) == [("", "unhandled", 0)]


def test_what_another_router_handles_is_not_kept_as_unhandled(inbox: str, router: EventRouter, post: Post) -> None:
    """With two routers at one signal (`SIGNALS`), the inbox stores no unhandled event if one of them handles it."""
    other = EventRouter(signal=event_received)
    other.on("k", name="h")(nothing)
    try:
        post("/events/k/r", PUSH)
    finally:
        other.ignore(event_received)

    assert rows(inbox) == [("h", "done", 1)]
