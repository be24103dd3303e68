"""Signals and spans of handlers under the inbox, at once or later, outside its transactions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings
from opentelemetry import trace

from gcp_event_router import Event, EventRouter, Outcome, Principal
from gcp_event_router._dispatch.context import current_event
from gcp_event_router.inbox.models import Delivery, StoredEvent
from gcp_event_router.inbox.workers import process
from gcp_event_router.lifecycle import event_rejected, handler_finished, handler_started
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post
from ..envelopes.test_trace_context import PARENT, SPAN_ID, TRACE_ID
from ..support.telemetry import SPANS

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PUSH = make_pubsub_message({"a": 1}, message_id="17", attributes={"googclient_traceparent": PARENT})
Told = list[tuple[str, Any, bool]]


@pytest.fixture
def told(inbox: str) -> Iterator[Told]:
    """Record each signal with its outcome, and whether it was sent within a transaction."""
    found: Told = []

    def listen(signal: Any, **named: Any) -> None:
        found.append((signal.name, named.get("outcome"), connections[inbox].in_atomic_block))

    for signal in (handler_started, handler_finished, event_rejected):
        signal.connect(listen)
    yield found
    for signal in (handler_started, handler_finished, event_rejected):
        signal.disconnect(listen)


@pytest.fixture
def traced(inbox: str) -> Iterator[None]:
    SPANS.clear()
    settings: dict[str, Any] = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox}, "TRACING": True}
    with override_settings(GCP_EVENT_ROUTER=settings):
        yield
    SPANS.clear()


def register(router: EventRouter, *, is_async: bool, deferred: bool = False, fails: bool = False) -> list[object]:
    """A handler that records the event of its log lines, and the current span."""
    seen: list[object] = []

    def run() -> None:
        seen.extend((current_event(), trace.get_current_span().get_span_context().is_valid))
        if fails:
            raise KeyError

    if is_async:

        @router.on("k", name="shop.store", deferred=deferred, max_attempts=1)
        async def later(event: Event[Any]) -> None:
            run()

    else:

        @router.on("k", name="shop.store", deferred=deferred, max_attempts=1)
        def store(event: Event[Any]) -> None:
            run()

    return seen


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("fails", "outcome"), [(False, Outcome.HANDLED), (True, Outcome.PARKED)])
def test_signals_come_outside_of_the_inbox_s_transactions(
    router: EventRouter, post: Post, told: Told, is_async: bool, fails: bool, outcome: Outcome
) -> None:
    """A listener's writes stay, however the handler ends; and the outcome is the one in the inbox."""
    register(router, is_async=is_async, fails=fails)

    post("/events/k/r", PUSH)

    assert told == [("handler_started", None, False), ("handler_finished", outcome, False)]


def test_a_duplicate_starts_nothing(router: EventRouter, post: Post, told: Told) -> None:
    """There are no signals for a handler that is not called, since it is done."""
    register(router, is_async=False)
    post("/events/k/r", PUSH)
    told.clear()

    assert post("/events/k/r", PUSH).status_code == 200
    assert told == []


@pytest.mark.parametrize("is_async", [False, True])
def test_a_deferred_handler_is_watched_when_it_runs(
    router: EventRouter, post: Post, inbox: str, told: Told, traced: None, is_async: bool
) -> None:
    """A worker's run has signals, a span in the trace of the message, and the event of its log lines."""
    seen = register(router, is_async=is_async, deferred=True)
    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        post("/events/k/r", PUSH)
    assert (told, [span.name for span in SPANS.get_finished_spans()]) == ([], ["process k"])
    SPANS.clear()

    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]

    assert told == [("handler_started", None, False), ("handler_finished", Outcome.HANDLED, False)]
    assert seen == [("k", "r", "17", None), True]
    (span,) = SPANS.get_finished_spans()
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE_ID, SPAN_ID)
    assert (span.name, span.kind.name) == ("shop.store", "CONSUMER")
    assert dict(span.attributes or {}) == {
        "gcp_event_router.handler": "shop.store",
        "gcp_event_router.kind": "k",
        "gcp_event_router.reference": "r",
        "gcp_event_router.outcome": "handled",
        "messaging.system": "gcp_pubsub",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.template": "k",
        "messaging.message.id": "17",
        "messaging.message.body.size": 8,
        **subscription(),
    }


@pytest.mark.parametrize("is_async", [False, True])
def test_a_deferred_handler_has_a_line_when_it_runs(
    router: EventRouter, post: Post, inbox: str, caplog: pytest.LogCaptureFixture, is_async: bool
) -> None:
    """Each run of a worker has its own line in the log: the handler, and how it ended."""
    register(router, is_async=is_async, deferred=True)

    @router.on("k", name="shop.broken", deferred=True)
    def broken(event: Event[Any]) -> None:
        msg = "s3cr3t"
        raise RuntimeError(msg)

    caplog.set_level("INFO", "gcp_event_router")
    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        post("/events/k/r", PUSH)
    caplog.clear()

    assert len(list(process(inbox))) == 2

    records = sorted(caplog.records, key=lambda each: each.levelno)  # sync handlers' rows come before those of async ones
    lines = [re.sub(r"[0-9.]+ ms", "1 ms", re.sub(r"at \S+", "at file", each.getMessage())) for each in records]
    assert [each.levelname for each in records] == ["INFO", "ERROR"]
    assert lines == [
        "Event of kind 'k' with reference 'r' (message '17'): handled by shop.store in 1 ms",
        "Event of kind 'k' with reference 'r' (message '17'): failed by shop.broken in 1 ms: "
        "shop.broken failed: RuntimeError at file in broken",
    ]
    assert [each.__dict__["event_handlers"] for each in records] == [["shop.store"], ["shop.broken"]]


def subscription() -> dict[str, str]:
    """The subscription of `make_pubsub_message`."""
    project, _, name = json.loads(PUSH)["subscription"].partition("/subscriptions/")
    return {"gcp.project_id": project.removeprefix("projects/"), "messaging.destination.subscription.name": name}


@pytest.mark.parametrize("is_async", [False, True])
def test_the_span_has_the_outcome_that_the_inbox_noted(router: EventRouter, post: Post, traced: None, is_async: bool) -> None:
    """If a handler's last attempt fails, its span says parked, and is an error of the exception's type."""
    seen = register(router, is_async=is_async, fails=True)

    post("/events/k/r", PUSH)

    assert seen[1] is True
    handler, event = SPANS.get_finished_spans()
    assert handler.parent == event.context
    assert [span.name for span in (handler, event)] == ["shop.store", "process k"]
    for span in (handler, event):
        attributes = span.attributes or {}
        assert (span.status.status_code.name, attributes["gcp_event_router.outcome"]) == ("ERROR", "parked")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_database_that_is_away_is_a_rejection(router: EventRouter, post: Post, inbox: str, told: Told, is_async: bool) -> None:
    """An event that cannot be stored, here without a table, is rejected, and there are no signals for its handlers."""
    register(router, is_async=is_async)
    table = StoredEvent._meta.db_table
    rename(inbox, table, "away")
    try:
        assert post("/events/k/r", PUSH).status_code == 503
    finally:
        rename(inbox, "away", table)

    assert [(name, outcome) for name, outcome, _ in told] == [("event_rejected", Outcome.UNAVAILABLE)]


def test_why_nothing_can_be_kept(
    router: EventRouter, post: Post, inbox: str, lines: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The log and `events send` say that the tables are missing, and name the command that creates them."""
    register(router, is_async=False)
    table = StoredEvent._meta.db_table
    rename(inbox, table, "away")
    try:
        post("/events/k/r", PUSH)
        (line,) = lines()
        with pytest.raises(CommandError):
            call_command("events", "send", "k", "r", "--data", "{}")
    finally:
        rename(inbox, "away", table)

    advice = f"The database {inbox!r} lacks the tables of the inbox. Create them: manage.py migrate gcp_event_inbox"
    advice += "" if inbox == "default" else f" --database {inbox}"
    assert re.fullmatch(
        r"ERROR Event of kind 'k' with reference 'r' \(message '17'\): unavailable by shop\.store in \d+\.\d ms: "
        rf"UnavailableError from (Operational|Programming)Error from \w+ \(\w+\), {re.escape(advice)}",
        line,
    )
    assert capsys.readouterr().out == (
        "This process answered 503 Service Unavailable: Pub/Sub would send the event again.\n"
        "  Unable to handle event of kind k with reference r\n"
        f"  UnavailableError, {advice}\n"
    )


def test_why_what_cannot_be_read_is_not_kept_either(
    router: EventRouter, post: Post, inbox: str, lines: Callable[[], list[str]]
) -> None:
    """Its line has the types of all errors, as that of any other event."""
    table = StoredEvent._meta.db_table
    rename(inbox, table, "away")
    try:
        assert post("/events/k/r", b'{"message": {"data": 7}, "subscription": ""}').status_code == 503
    finally:
        rename(inbox, "away", table)

    assert re.match(
        r"ERROR Event of kind 'k' with reference 'r' \(message None\): unavailable: "
        r"UnavailableError from (Operational|Programming)Error from \w+ \(\w+\)",
        lines()[0],
    )


def rename(alias: str, table: str, name: str) -> None:
    quote = connections[alias].ops.quote_name
    with connections[alias].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {quote(table)} RENAME TO {quote(name)}")


def test_a_body_that_cannot_be_read_is_kept_and_rejected(router: EventRouter, post: Post, told: Told, inbox: str) -> None:
    """It is acknowledged, since the inbox has stored it; and `event_rejected` is sent."""
    assert post("/events/k/r", b'{"message": {"data": 7}, "subscription": ""}').status_code == 200

    assert told == [("event_rejected", Outcome.REJECTED, False)]
    assert Delivery.objects.using(inbox).count() == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b'{"message": {"data": 7}, "subscription": ""}', "application/json"), (b"{", "application/cloudevents-batch+json")],
    ids=["push", "batch"],
)
def test_who_sent_what_cannot_be_read(router: EventRouter, post: Post, inbox: str, body: bytes, content_type: str) -> None:
    """`event_rejected` has the labels and the sender, also of a batch that cannot be split."""
    rejections: list[tuple[object, ...]] = []

    def listen(**named: Any) -> None:
        rejections.append((named["event_kind"], named["event_reference"], named["principal"]))

    token = "t" * 32
    entry = {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"header": "X-Shop-Token", "tokens": [token]}}
    event_rejected.connect(listen)
    try:
        with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry], "INBOX": {"DATABASE": inbox}}):
            assert post("/events/k/r", body, content_type, x_shop_token=token).status_code == 200
    finally:
        event_rejected.disconnect(listen)

    assert rejections == [("k", "r", Principal("shared-token"))]
