"""Personal fields of stored events: commands show them only if they are asked to."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router._boxes.redaction import shown_parameters, shown_payload
from gcp_event_router._globs.glob import Glob
from gcp_event_router.envelopes import read
from gcp_event_router.inbox.history import InboxHistory
from gcp_event_router.privacy import Personal
from gcp_event_router.utils import make_pubsub_message

from ..conftest import post_wsgi
from ..support.deliveries import push, with_databases

EMAIL = "ada@example.org"
HIDDEN = b'"[personal]"'


class Customer(BaseModel):
    id: int
    email: Annotated[str, Personal()]


class Order(BaseModel):
    order_id: int
    customer: Customer


class Parameters(BaseModel):
    srid: int
    email: Annotated[str, Personal()] = ""


ORDER = {"order_id": 4711, "customer": {"id": 42, "email": EMAIL}}


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("inbox", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def place(router: EventRouter, **options: Any) -> None:
    """Store an order whose handler fails with the customer's address in its error."""

    def record(event: Event[Order, Parameters]) -> None:
        raise ValueError(event.payload.customer.email)

    def key(event: Event[Order, Any]) -> str:
        return f"of {event.payload.customer.email}"

    router.on("order-*", name="shop.record", once_key=key, order_by=key, **options)(record)
    post_wsgi(f"/events/order-placed/1?srid=7&email={EMAIL}", push("17", ORDER))


@with_databases
@pytest.mark.parametrize("arguments", [["show", "17"], ["show", "17", "--json"], ["list"], ["list", "--json"]])
def test_commands_hide_it_unless_they_are_asked(inbox: str, router: EventRouter, arguments: list[str]) -> None:
    """Payload, parameters, the texts of errors, and of keys."""
    place(router)

    assert EMAIL not in run(*arguments)
    assert (EMAIL in run(*arguments, "--personal")) is (arguments != ["list"])


@with_databases
def test_what_is_shown(inbox: str, router: EventRouter) -> None:
    """All that is not personal; and where something is hidden."""
    place(router)

    shown = [line.strip() for line in run("show", "17").splitlines()]
    assert 'parameters    {"srid": ["7"], "email": "[personal]"}' in shown
    assert {"key [personal]", "ordered by [personal]", '"id": 42,', '"email": "[personal]"', "[personal]"} <= set(shown)
    assert "builtins.ValueError" in shown


@with_databases
def test_the_catalogue_hides_the_texts_of_errors(inbox: str, router: EventRouter) -> None:
    """The last deliveries of a kind have the type of the error."""
    place(router)

    (delivered,) = InboxHistory().last(Glob("order-placed"), "order-placed", None, 5)

    assert delivered.error == "ValueError: [personal]"


@with_databases
def test_other_kinds_are_shown(inbox: str, router: EventRouter) -> None:
    """A handler without personal fields has its payloads and errors shown."""
    place(router)

    def fail(event: Event[dict[str, Any]]) -> None:
        raise ValueError(event.payload["email"])

    router.on("mail-sent", name="mail")(fail)
    post_wsgi("/events/mail-sent/1", push("18", {"email": EMAIL}))

    assert run("show", "18").count(EMAIL) == 2


@with_databases
@pytest.mark.parametrize("arguments", [["show", "17"], ["show", "17", "--json"], ["list", "--json"]])
@pytest.mark.parametrize("name", ["shop.record", "shop.place"])
def test_what_a_handler_got_that_is_gone_is_hidden(inbox: str, router: EventRouter, arguments: list[str], name: str) -> None:
    """Nothing says any more what is personal, after a kind or its handler has got another name."""
    place(router)

    with router.isolated(empty=True):

        @router.on("order-made", name=name)
        def record(event: Event[Order]) -> None: ...

        assert EMAIL not in run(*arguments)


def test_what_no_model_takes_is_hidden_as_a_whole(router: EventRouter) -> None:
    """An invalid payload, an unknown version, one that cannot be read, and one whose handler is gone."""

    @router.on("order-*", attributes={"version": "1"})
    def one(event: Event[Order]) -> None: ...

    @router.on("order-*", attributes={"version": "2"})
    def two(event: Event[dict[str, Any]]) -> None: ...

    def shown(payload: object, kind: str = "order-placed", **attributes: str) -> bytes:
        envelope = read(make_pubsub_message(payload, "projects/p/subscriptions/s", attributes, message_id="1"))
        return shown_payload(kind, envelope, envelope.data)

    kept = b'{"order_id": 4711, "customer": {"id": 42, "email": "[personal]"}}'
    assert shown(ORDER, version="1") == kept
    assert shown({**ORDER, "note": EMAIL}, version="1") == kept[:-1] + b', "[personal]": "[personal]"}'
    assert shown({"email": EMAIL}, version="1") == HIDDEN
    assert shown(ORDER, version="2") == HIDDEN
    assert shown(ORDER) == HIDDEN
    assert shown_payload("order-placed", None, EMAIL.encode()) == HIDDEN
    assert shown_payload("(unknown)", None, EMAIL.encode()) == HIDDEN
    assert shown_payload("order-placed", None, b"") == b""
    assert shown({"email": EMAIL}, "mail-sent") == b'{"email": "' + EMAIL.encode() + b'"}'
    assert shown_parameters("order-placed", None, f'{{"email": ["{EMAIL}"]}}') == '{"[personal]": "[personal]"}'


def test_several_handlers_hide_what_any_of_them_calls_personal(router: EventRouter) -> None:
    """A handler that takes anything shows nothing that another one hides."""

    class Audited(BaseModel):
        order_id: Annotated[int, Personal()]
        customer: dict[str, Any]

    @router.on("order-*")
    def record(event: Event[Order]) -> None: ...

    @router.on("*")
    def watch(event: Event[dict[str, Any]]) -> None: ...

    @router.on("order-placed")
    def audit(event: Event[Audited]) -> None: ...

    envelope = read(push("1", ORDER))

    assert shown_payload("order-placed", envelope, envelope.data) == (
        b'{"order_id": "[personal]", "customer": {"id": 42, "email": "[personal]"}}'
    )


SECRETS = st.text(st.characters(min_codepoint=0x100, max_codepoint=0x2FF), min_size=1)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SECRETS | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["order_id", "customer", "id", "email"]), inner),
)


@given(secret=SECRETS, payload=VALUES)
def test_no_personal_value_is_ever_shown(secret: str, payload: Any) -> None:
    """Whatever a sender writes: of an order, the text of no field is shown; of anything else, nothing is."""
    router = EventRouter()

    @router.on("k")
    def record(event: Event[Order]) -> None: ...

    for value in (payload, {"order_id": 1, "customer": {"id": 2, "email": secret}, "extra": payload}):
        envelope = read(push("1", value))

        shown = shown_payload("k", envelope, envelope.data).decode()

        assert [letter for letter in shown if ord(letter) >= 0x100] == []


def test_parameters_of_a_mapping(router: EventRouter) -> None:
    """Parameters without a type are shown."""

    @router.on("k")
    def record(event: Event[Order, Mapping[str, str]]) -> None: ...

    assert shown_parameters("k", read(push("1", ORDER)), '{"srid": ["7"]}') == '{"srid": ["7"]}'
