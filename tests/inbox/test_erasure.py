"""Erasing a person's payloads: nothing of them is left, and the events still count as handled."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router import Event, EventRouter
from gcp_event_router._boxes.erasing import Erased, Match, json_of
from gcp_event_router.inbox.erasure import erase
from gcp_event_router.inbox.errors import ErasedEventError
from gcp_event_router.inbox.models import Delivery, OnceKey, State, StoredEvent
from gcp_event_router.inbox.replay import replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.outcomes import Outcome
from gcp_event_router.testing import CloudEventMessage
from gcp_event_router.utils import make_pubsub_message

from ..conftest import post_wsgi
from ..support.deliveries import (
    Stall,
    beside,
    effects,
    end_leases,
    on_postgresql,
    push,
    register,
    rows,
    somebody_waits,
    take_effect,
    where_handlers_overlap,
    with_databases,
)
from ..support.own_postgres import until
from .test_dead_letters import dead

EMAIL = "ada@example.org"
ADA: dict[str, Any] = {"customer": {"id": 42, "email": EMAIL}, "items": [{"sku": "a"}, {"sku": "b"}]}
BOB: dict[str, Any] = {"customer": {"id": 7, "email": "bob@example.org"}, "items": []}


def run(*arguments: str) -> tuple[str, str]:
    """What the command prints, and why it fails."""
    out = io.StringIO()
    try:
        call_command("inbox", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def order(message_id: str, payload: object, path: str = "/events/order-placed/1", **attributes: str) -> int:
    body = make_pubsub_message(payload, "projects/p/subscriptions/s", attributes, message_id=message_id)
    return post_wsgi(path, body).status_code


def dump(alias: str) -> str:
    """All that the tables hold, as text."""
    values: list[object] = []
    for model in (StoredEvent, Delivery, OnceKey):
        for row in model.objects.using(alias).values_list():
            values += [bytes(value) if isinstance(value, memoryview) else value for value in row]  # pyright: ignore[reportUnknownArgumentType] -- of any item
    return repr(values)


@with_databases
def test_nothing_of_a_person_is_left(inbox: str, router: EventRouter) -> None:
    """Body, parameters, headers, sender, the texts of errors and of keys go; states, times and kinds stay."""

    def work(event: Event[Any]) -> None:
        if event.kind == "order-refused":
            raise ValueError(event.payload["customer"]["email"])

    def key(event: Event[Any]) -> str:
        return f"{event.kind} of {event.payload['customer']['email']}"

    router.on("order-*", name="h", payload=dict[str, Any], once_key=key, order_by=key)(work)
    order("1", ADA, f"/events/order-placed/{EMAIL}?email={EMAIL}", email=EMAIL)
    order("2", ADA, "/events/order-refused/2")
    order("3", BOB, "/events/order-placed/3")
    assert dump(inbox).count(EMAIL) > 5

    assert run("erase", "--match", f"customer.email={EMAIL}") == (
        "Would erase 2 events of 3. Would discard 1 delivery. Repeat the command with --yes to erase.\n",
        "",
    )
    assert dump(inbox).count(EMAIL) > 5
    assert run("erase", "--match", f"customer.email={EMAIL}", "--yes") == ("Erased 2 events of 3. Discarded 1 delivery.\n", "")
    assert run("erase", "--match", f"customer.email={EMAIL}", "--yes") == ("Erased 0 events of 1.\n", "")

    assert "ada" not in dump(inbox)
    assert rows(inbox) == [("h", "done", 1), ("h", "discarded", 1), ("h", "done", 1)]
    left = StoredEvent.objects.using(inbox).order_by("received_at").values_list("kind", "reference", "form", "message_id")
    assert list(left) == [
        ("order-placed", "", "pubsub", "1"),
        ("order-refused", "2", "pubsub", "2"),
        ("order-placed", "3", "pubsub", "3"),
    ]


@with_databases
def test_an_erased_event_is_still_a_duplicate(inbox: str, router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """The sender gets 200, whatever handlers there are by now, nothing is stored again, and nothing is an error."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    first, outbox_id = push("1", ADA), {"event-router-id": "0198c9a1-5c1e-7d21-8a0e-0a5c2f3b4d5e"}
    copy = dead("900", ADA, **outbox_id)
    for body in (first, make_pubsub_message(ADA, "s", outbox_id, message_id="2")):
        assert post_wsgi("/events/k/r", body).status_code == 201
    assert erase([Match("customer.id", "42")], dry_run=False) == Erased(2, 2)

    for name, deferred in (("new", False), ("later", True)):
        register(router, lambda event: take_effect(inbox, "new"), is_async=False, name=name, deferred=deferred)
    for body in (first, first, copy):
        assert post_wsgi("/events/k/r", body).status_code == 200

    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1), ("h", "done", 1)], ["h", "h"])
    assert EMAIL not in dump(inbox)
    assert {line.split()[0] for line in lines()} == {"INFO"}


@with_databases
def test_business_keys_still_find_duplicates(inbox: str, router: EventRouter) -> None:
    """The hash of a key stays, so a later message with it is a duplicate."""

    def email(event: Event[Any]) -> str:
        return str(event.payload["customer"]["email"])

    register(router, lambda event: take_effect(inbox, "h"), is_async=False, once_key=email)
    post_wsgi("/events/k/r", push("1", ADA))
    assert erase([Match("customer.id", "42")], dry_run=False).erased == 1

    assert post_wsgi("/events/k/r", push("2", ADA)).status_code == 200

    assert effects(inbox) == ["h"]


@with_databases
def test_an_erased_event_cannot_run_again(inbox: str, router: EventRouter) -> None:
    """The command and a project's own code say so."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    post_wsgi("/events/k/r", push("1", ADA))
    erase([Match("customer.id", "42")], dry_run=False)

    assert run("replay", "--force") == ("1 delivery of erased events cannot run again.\nReplayed 0 deliveries.\n", "")
    ((_, result),) = replay(Selection().deliveries(inbox), force=True)
    assert (result.outcome, type(result.error)) == (Outcome.REJECTED, ErasedEventError)
    assert str(result.error) == "The event was erased, so nothing can run it again."
    assert "done, erased" in run("list")[0]
    shown = run("show", "1")[0]
    assert ("erased" in shown, "no payload" in shown, "can no longer be read" in shown) == (True, True, False)
    assert json.loads(run("list", "--json")[0])["erased_at"] is not None
    assert effects(inbox) == ["h"]


@on_postgresql
@pytest.mark.parametrize("state", [State.DONE, State.DISCARDED])
@with_databases
def test_a_replay_runs_nothing_that_it_read_before_the_erasure(inbox: str, router: EventRouter, state: State) -> None:
    """A replay that has read an event while it is erased waits for the erasure, and does not run it."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    post_wsgi("/events/k/r", push("1", ADA))
    Delivery.objects.using(inbox).update(state=state)

    with ExitStack() as stack, transaction.atomic(using=inbox):
        assert erase([Match("customer.id", "42")], dry_run=False) == Erased(1, 1)
        replayed = stack.enter_context(beside(lambda: [*replay(Selection().deliveries(inbox), force=True)]))
        until(lambda: somebody_waits(inbox))

    assert ([result.outcome for _, result in replayed.result()], effects(inbox)) == ([Outcome.BUSY], ["h"])
    assert rows(inbox) == [("h", state, 1)]


@with_databases
def test_unhandled_and_unreadable_events_are_erased(inbox: str, router: EventRouter, settings: Any) -> None:
    """They are discarded, and if they come again, nothing is stored."""
    settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [], "UNHANDLED": "keep", "INBOX": {"DATABASE": inbox}}
    unreadable = push("2", None).replace(b"bnVsbA==", b"####").replace(b'"messageId"', b'"attributes": {"id": "42"}, "messageId"')
    bodies = [push("1", {"id": 42}), unreadable]
    for body in bodies:
        post_wsgi("/events/k/r", body)

    assert erase([Match("id", "42")], dry_run=False) == Erased(2, 2, 2, not_json=1)
    for body in bodies:
        assert post_wsgi("/events/k/r", body).status_code in {200, 201}

    assert rows(inbox) == [("", "discarded", 0), ("", "discarded", 0)]
    assert set(StoredEvent.objects.using(inbox).values_list("meta", "parameters")) == {("", "")}
    assert [bytes(body) for body in StoredEvent.objects.using(inbox).values_list("body", flat=True)] == [b"", b""]


@with_databases
def test_a_task_is_recognised_by_its_headers(inbox: str, router: EventRouter) -> None:
    """A task's headers with its names and times stay, since Cloud Tasks uses names again."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)

    def task(eta: int) -> int:
        headers = {"x_cloudtasks_queuename": "q", "x_cloudtasks_taskname": "t", "x_cloudtasks_taskretrycount": "0"}
        return post_wsgi("/events/k/r", b'{"id": 42}', x_cloudtasks_tasketa=str(eta), **headers).status_code

    assert (task(1_000_000), task(1_009_000)) == (201, 201)
    assert erase([Match("id", "42")], dry_run=False) == Erased(2, 2)

    assert (task(1_000_000), task(1_009_000)) == (200, 200)


@with_databases
@pytest.mark.parametrize("path", ["q/welcome-ada r", "q-ada/t r", "q/t user-ada"], ids=["name", "queue", "reference"])
@pytest.mark.parametrize("is_purged", [False, True], ids=["all", "the last one"])
def test_a_task_is_recognised_without_its_name(inbox: str, router: EventRouter, path: str, is_purged: bool) -> None:
    """If a value is in its labels, only a hash of them stays: it still finds redeliveries, and a later task of the name runs."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    name, reference = path.split()
    queue, task = name.split("/")

    def send(eta: int, retries: int = 0) -> int:
        headers = {"x_cloudtasks_queuename": queue, "x_cloudtasks_taskname": task, "x_cloudtasks_tasketa": str(eta)}
        answer = post_wsgi(f"/events/k/{reference}", b'{"name": "ada"}', x_cloudtasks_taskretrycount=str(retries), **headers)
        return answer.status_code

    assert (send(1_000_000), send(1_009_000)) == (201, 201)
    if is_purged:
        StoredEvent.objects.using(inbox).earliest("received_at").delete()
    erase([Match("name", "ada")], dry_run=False)
    assert "ada" not in dump(inbox)

    assert (send(1_009_000), send(1_012_000, retries=1), send(1_018_000), send(1_018_000)) == (200, 200, 201, 200)
    assert effects(inbox) == ["h", "h", "h"]


@with_databases
def test_a_value_outside_of_ascii_is_erased_from_an_id(inbox: str, router: EventRouter) -> None:
    """An id is stored with its characters escaped."""
    register(router, lambda event: None, is_async=False)
    event = CloudEventMessage(id="welcome-Zo\u00eb", source="s", type="k", data={"name": "Zo\u00eb"}).structured()
    assert post_wsgi("/events/k/r", event.body, content_type=event.content_type).status_code == 201

    erase([Match("name", "Zo\u00eb")], dry_run=False)

    assert StoredEvent.objects.using(inbox).get().message_id == ""


@with_databases
@where_handlers_overlap
def test_what_is_running_is_left(inbox: str, router: EventRouter, is_async: bool) -> None:
    """An event that a worker runs stays as it is, the command fails, and a later one erases it."""
    stall = Stall()
    register(router, lambda event: stall(), is_async=is_async)
    with stall.during(lambda: post_wsgi("/events/k/r", push("1", ADA))) as answer:
        text = "1 event matches, but is in use at this moment. Repeat the command later."
        would = "Would erase 0 events of 1. Repeat the command with --yes to erase.\n"
        assert run("erase", "--match", "customer.id=42") == (would, text)
        assert run("erase", "--match", "customer.id=42", "--yes") == ("Erased 0 events of 1.\n", text)

    assert answer.result().status_code == 201
    assert run("erase", "--match", "customer.id=42", "--yes") == ("Erased 1 event of 1.\n", "")


@with_databases
def test_what_a_killed_worker_left_is_erased(inbox: str, router: EventRouter) -> None:
    """Once its lease has expired, it is discarded, and its worker changes nothing."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    post_wsgi("/events/k/r", push("1", ADA))
    Delivery.objects.using(inbox).update(state=State.RUNNING)
    end_leases(inbox)

    assert erase([Match("customer.id", "42")], dry_run=False) == Erased(1, 1, 1)
    assert rows(inbox) == [("h", "discarded", 1)]


@with_databases
def test_events_are_read_in_pages(inbox: str, router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and however large, each is read once, and those that match are erased."""
    monkeypatch.setattr("gcp_event_router._boxes.erasing._ROWS", 5)
    monkeypatch.setattr("gcp_event_router._boxes.erasing._BYTES", 500)
    register(router, lambda event: None, is_async=False)
    for number in range(23):
        post_wsgi("/events/k/r", push(number, {"id": number % 2, "text": "x" * (100 * (number % 4))}))

    assert erase([Match("id", "1")]) == Erased(23, 11)
    assert erase([Match("id", "1")], dry_run=False) == Erased(23, 11)
    assert erase([Match("id", "1")], dry_run=False) == Erased(12)


@with_databases
def test_matches_and_a_kind_narrow_it_down(inbox: str, router: EventRouter) -> None:
    """All matches have to be found; in the payload, the attributes or the parameters."""
    router.on("*")(_nothing)
    order("1", ADA, "/events/order-placed/1?srid=9", origin="web")
    order("2", ADA, "/events/order-placed/2", origin="shop")
    order("3", ADA, "/events/order-gone/3")
    order("4", None)

    counts = [
        erase([Match("customer.id", "42")]).erased,
        erase([Match("customer.id", "42"), Match("origin", "web")]).erased,
        erase([Match("customer.id", "42"), Match("srid", "9")]).erased,
        erase([Match("customer.id", "42"), Match("origin", "other")]).erased,
        erase([Match("customer.id", "42")], kind="*-gone").erased,
    ]
    assert counts == [3, 1, 1, 0, 1]
    out, _ = run("erase", "--match", "customer.id=42", "--kind", "order-gone", "--json")
    assert json.loads(out) == {"read": 1, "would_erase": 1, "would_discard": 0, "in_use": 0, "not_json": 0}


def _nothing(event: Event[bytes]) -> None: ...


@with_databases
def test_a_payload_that_is_not_json_is_counted(inbox: str, router: EventRouter) -> None:
    """Its attributes are compared, and the command says that its payload was not."""
    router.on("*")(_nothing)
    post_wsgi("/events/k/r", make_pubsub_message(None, attributes={"id": "1"}, message_id="1").replace(b"bnVsbA==", b"/w=="))

    out, _ = run("erase", "--match", "id=2")
    text = (
        "Would erase 0 events of 1. 1 payload is not JSON, and could not be searched. Repeat the command with --yes to erase.\n"
    )
    assert out == text
    assert erase([Match("id", "1")]).erased == 1


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity"])
def test_what_is_no_finite_number_is_text(value: str) -> None:
    """A signalling NaN cannot be compared with a number."""
    assert [Match("n", value).is_in([{"n": stored}]) for stored in (1, 1.5, value)] == [False, False, True]


@pytest.mark.parametrize("argument", ["", EMAIL, f"={EMAIL}", "email=", f"a..b={EMAIL}", f".={EMAIL}"])
def test_a_wrong_match_is_refused_without_repeating_it(argument: str) -> None:
    """A person's value is in no message."""
    with pytest.raises(CommandError) as raised:
        call_command("inbox", "erase", "--match", argument)

    assert str(raised.value).endswith(
        "argument --match: write NAME=VALUE or PATH=VALUE, such as customer_id=42 or customer.id=42."
    )


def test_everything_is_never_erased() -> None:
    """Without a match, nothing is read."""
    with pytest.raises(ValueError) as raised:
        erase([])

    assert str(raised.value) == "Say what the events to erase have in common: without a match, all events would be erased."


NAMES = st.text("ab.", min_size=1, max_size=3)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


def leaves(document: Any, path: str = "") -> list[tuple[str, object]]:
    """All values of a document with their paths."""
    if isinstance(document, list):
        return [leaf for item in cast("list[object]", document) for leaf in leaves(item, path)]
    if isinstance(document, dict):
        members = cast("dict[str, object]", document).items()
        return [leaf for name, value in members for leaf in leaves(value, f"{path}.{name}" if path else name)]
    return [(path, document)]


@given(DOCUMENTS)
def test_each_value_is_found_at_its_path_and_nowhere_else(document: object) -> None:
    """Every text, number and truth value of a document is found by its path; a value that it does not have is not."""
    (decoded,) = json_of(json.dumps(document).encode())
    found = leaves(decoded)
    for path, value in found:
        if value in (None, "") or not path or not all(path.split(".")):
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        assert Match(path, text).is_in([decoded])
        assert not Match(f"{path}.other", text).is_in([decoded])
        assert not Match(path, f"{text}!").is_in([decoded]) or (path, f"{text}!") in found


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_numbers_are_compared_by_value(number: int | Decimal) -> None:
    """However they are written."""
    decoded = json.loads(f'{{"n": {number}}}')
    is_exact = Decimal(repr(decoded["n"])) == Decimal(number)  # as a float, it may not be

    assert Match("n", f"{number}.0" if isinstance(number, int) else f"{number}0").is_in([decoded]) is is_exact


@with_databases
def test_events_that_cannot_be_read_are_searched_within(inbox: str, router: EventRouter) -> None:
    """Those of malformed CloudEvents and pushes, however they are wrapped; what cannot be decoded counts as not JSON."""
    register(router, lambda event: None, is_async=False)
    data = b64encode(json.dumps(ADA).encode()).decode()
    event = {"specversion": "1.0", "id": "1"}  # lacks its source and its type
    structured = "application/cloudevents+json"
    push_of_event = b64encode(json.dumps({**event, "data": ADA}).encode()).decode()
    wrapped = {"attributes": {"content-type": structured}, "messageId": "2"}
    for body in (
        {**event, "data": ADA},
        {**event, "id": "3", "data_base64": data},
        {"message": {**wrapped, "data": push_of_event}, "subscription": "s"},
        {"message": {"data": f"{data}!", "messageId": "4"}, "subscription": "s"},
        {"message": {"data": "x", "messageId": "5"}, "subscription": "s"},
    ):
        content_type = structured if "specversion" in body else "application/json"
        assert post_wsgi("/events/k/r", json.dumps(body).encode(), content_type=content_type).status_code == 200

    assert erase([Match("customer.email", EMAIL)], dry_run=False) == Erased(5, 4, 4, not_json=1)

    assert StoredEvent.objects.using(inbox).filter(erased_at=None).count() == 1


@with_databases
def test_the_values_are_in_no_statement(inbox: str, router: EventRouter) -> None:
    """Values are compared in Python, so no log of the database has them."""
    register(router, lambda event: None, is_async=False)
    post_wsgi(f"/events/k/{EMAIL}", push("1", ADA))

    with CaptureQueriesContext(connections[inbox]) as queries:
        assert erase([Match("customer.email", EMAIL)], dry_run=False) == Erased(1, 1)

    assert [query["sql"] for query in queries if "ada" in query["sql"]] == []
