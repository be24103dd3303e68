"""`testing.push` and `apush`: real requests to the project's endpoint, and what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any, cast

import pytest
from django.core import mail
from django.test import AsyncClient, Client, override_settings
from pydantic import BaseModel, Field, ValidationError
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Outcome, Principal, Reject, Retry
from gcp_event_router.auth import AuthenticatorChain, GitHub
from gcp_event_router.exceptions import ConfigurationError, EnvelopeError, InvalidEventError
from gcp_event_router.signals import event_received
from gcp_event_router.testing import FORMS, Form, Pushed, TokenSigner, apush, push
from gcp_event_router.utils import get_event_url

SENDER = Principal("test", "sender@shop.iam.gserviceaccount.com")
CLOSED: dict[str, Any] = {"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]}


class Order(BaseModel):
    order_id: int = Field(alias="orderId")


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Callable[..., Pushed]:
    """`push`, or `apush` on an event loop."""
    if request.param == "sync":
        return push

    def sent(*arguments: Any, **options: Any) -> Pushed:
        return asyncio.run(apush(*arguments, **options))

    return sent


def test_handled(router: EventRouter, send: Callable[..., Pushed]) -> None:
    """What was called is told by the functions themselves, in the order in which they ended, with their events."""

    @router.on("order-*")
    def store(event: Event[Order]) -> None: ...

    @router.on("order-placed")
    async def tell(event: Event[Order]) -> None: ...

    pushed = send("order-placed", 4711, Order(orderId=3), parameters={"a": [1, 2]}, attributes={"region": "eu"}, message_id="17")

    assert (pushed.status, pushed.outcome, pushed.acknowledged, pushed.errors, pushed.details) == (
        201,
        Outcome.HANDLED,
        True,
        (),
        (),
    )
    assert pushed.handled == pushed.called == (store, tell)
    event = pushed.deliveries[0].event
    assert event is not None
    assert (event.kind, event.reference, event.payload, event.parameters) == (
        "order-placed",
        "4711",
        Order(orderId=3),
        {"a": "2"},
    )
    assert (event.envelope.form, event.envelope.message_id, dict(event.envelope.attributes)) == ("pubsub", "17", {"region": "eu"})


def test_assert_handled(router: EventRouter) -> None:
    """`assert_handled` is for exactly these handlers, in any order; its message says all that is known."""

    @router.on("k")
    def one(event: Event[Order]) -> None: ...

    @router.on("k")
    def two(event: Event[Any]) -> None: ...

    pushed = push("k", "1", Order(orderId=3))
    pushed.assert_handled(two, one)
    push("other").assert_handled()
    with pytest.raises(AssertionError) as raised:
        push("k", "1", {"orderId": None}).assert_handled(one)

    here = "tests.testing.test_client.test_assert_handled.<locals>"
    assert str(raised.value) == (
        f"{here}.one should have handled it:\n"
        "<Pushed: 400 invalid\n"
        f"  {here}.one for 'k', '1': invalid, by InvalidEventError('invalid payload: 1 error')\n"
        f"  {here}.two for 'k', '1': handled, with the payload {{'orderId': None}}>"
    )


def test_handlers_of_one_name(router: EventRouter) -> None:
    """`assert_handled` tells functions apart that share their name, such as closures and methods of two objects."""

    def make(*, refuses: bool) -> Callable[[Event[Any]], None]:
        def handler(event: Event[Any]) -> None:
            if refuses:
                raise Reject

        return handler

    class Shop:
        def store(self, event: Event[Any]) -> None: ...

    working, refusing, shop = make(refuses=False), make(refuses=True), Shop()
    for each in (working, refusing, shop.store):
        router.on("k")(each)

    pushed = push("k")

    pushed.assert_handled(shop.store, working)
    for others in ((shop.store, refusing), (Shop().store, working), (working, working), (working, shop.store, refusing)):
        with pytest.raises(AssertionError):
            pushed.assert_handled(*others)


@pytest.mark.parametrize("form", FORMS)
def test_envelopes(router: EventRouter, send: Callable[..., Pushed], form: Form) -> None:
    """Each envelope can be asked for, and brings the same payload."""

    @router.on("order-placed")
    def store(event: Event[Order]) -> None: ...

    pushed = send("order-placed", "1", Order(orderId=3), envelope=form)

    (delivery,) = pushed.deliveries
    assert delivery.event is not None
    assert (delivery.event.payload, delivery.event.envelope.form) == (Order(orderId=3), form)


@pytest.mark.parametrize(
    ("payload", "read"),
    [({"a": 1}, {"a": 1}), ([1], [1]), ("text", "text"), (b"7", 7), (None, None), (timedelta(hours=1), "PT1H")],
)
def test_payloads(router: EventRouter, payload: object, read: object) -> None:
    """Whatever JSON can hold is sent as JSON; bytes as they are; None as nothing."""

    @router.on("k")
    def handler(event: Event[Any]) -> None: ...

    (delivery,) = push("k", "1", payload).deliveries

    assert delivery.event is not None
    assert delivery.event.payload == read


def test_declared_kinds(router: EventRouter) -> None:
    """A declared kind is sent as its type is written, and refuses what is no such payload."""
    placed = router.kind("order-placed", Order)

    @placed.on
    def store(event: Event[Order]) -> None: ...

    assert push(placed, "1", Order(orderId=1)).handled == (store,)
    with pytest.raises(ValidationError):
        push(placed, "1", cast("Order", {"orderId": "x"}))


def test_by_type(router: EventRouter) -> None:
    """Without a kind, a CloudEvent is posted to the endpoint where its type is the kind."""

    @router.on(ce_type="com.example.*")
    def store(event: Event[Order]) -> None: ...

    pushed = push(
        None, None, Order(orderId=1), ce_type="com.example.order", ce_subject="orders/4711", parameters={"a": [1, 2], "b": "é"}
    )

    assert pushed.handled == (store,)
    assert [(each.kind, each.reference) for each in pushed.deliveries] == [("com.example.order", "orders/4711")]
    event = pushed.deliveries[0].event
    assert event is not None
    assert event.parameters == {"a": "2", "b": "é"}


def test_invalid(router: EventRouter, send: Callable[..., Pushed]) -> None:
    """What is invalid is an outcome with its errors, and raises nothing."""

    @router.on("order-placed")
    def store(event: Event[Order]) -> None: ...

    pushed = send("order-placed", "1", {"orderId": "x"})

    assert (pushed.status, pushed.outcome, pushed.called, pushed.handled) == (400, Outcome.INVALID, (store,), ())
    assert [each["loc"] for each in pushed.details] == [["orderId"]]
    assert [type(each) for each in pushed.errors] == [InvalidEventError]
    assert repr(pushed).splitlines()[0] == "<Pushed: 400 invalid"


def test_answers(router: EventRouter, send: Callable[..., Pushed]) -> None:
    """What a handler answers on purpose is an outcome, too."""

    @router.on("later")
    def later(event: Event[Any]) -> None:
        raise Retry(after=timedelta(seconds=7))

    @router.on("never")
    async def never(event: Event[Any]) -> None:
        raise Reject

    assert (send("later").outcome, send("later").response["Retry-After"]) == (Outcome.RETRY, "7")
    assert (send("never").outcome, send("never").acknowledged) == (Outcome.REJECTED, True)
    assert (send("other").outcome, send("other").called) == (Outcome.UNHANDLED, ())


def test_failures_are_raised(router: EventRouter, send: Callable[..., Pushed]) -> None:
    """What a handler raises by mistake is raised, so that the test shows its traceback; unless it is not wanted."""

    @router.on("one", "both")
    def one(event: Event[Any]) -> None:
        msg = "out of order"
        raise RuntimeError(msg)

    @router.on("both")
    def two(event: Event[Any]) -> None:
        raise KeyError

    with pytest.raises(RuntimeError, match=r"^out of order$"):
        send("one")
    with pytest.raises(ExceptionGroup) as group:
        send("both")
    assert [type(each) for each in group.value.exceptions] == [RuntimeError, KeyError]
    pushed = send("one", raises=False)
    assert (pushed.status, pushed.outcome, [str(each) for each in pushed.errors]) == (400, Outcome.FAILED, ["out of order"])


def test_what_fails_before_a_handler_is_raised(send: Callable[..., Pushed], settings: Any) -> None:
    """A mistake in the settings, or a database that the test may not use, cannot pass for an answer unless it is not wanted."""
    settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [{"BACKEND": "nowhere.Door"}]}
    why = (
        "The authenticator 'nowhere.Door' cannot be imported: No module named 'nowhere'. "
        "Give the dotted path of a class as its BACKEND."
    )

    with pytest.raises(ConfigurationError) as raised:
        send("k")

    assert str(raised.value) == why
    pushed = send("k", raises=False)
    assert (pushed.status, pushed.outcome, [str(each) for each in pushed.errors]) == (400, Outcome.FAILED, [why])


def test_debug(router: EventRouter) -> None:
    """With DEBUG on, too, the handler's own exception is raised."""

    @router.on("one")
    def one(event: Event[Any]) -> None:
        raise KeyError

    with override_settings(DEBUG=True), pytest.raises(KeyError):
        push("one")


def test_malformed(router: EventRouter) -> None:
    """What is no event at all is a rejection."""
    pushed = push("k", "1", b"{", headers={"Content-Type": "application/cloudevents+json"}, envelope="plain")

    assert (pushed.outcome, pushed.called) == (Outcome.INVALID, ())
    assert [type(each) for each in pushed.errors] == [EnvelopeError]


@override_settings(GCP_EVENT_ROUTER=CLOSED)
def test_the_door_is_closed(router: EventRouter, send: Callable[..., Pushed]) -> None:
    """Without credentials nobody gets in, and the repr says what to give."""

    @router.on("k")
    def handler(event: Event[Any]) -> None: ...

    pushed = send("k")

    assert (pushed.status, pushed.outcome, pushed.called) == (401, Outcome.UNAUTHENTICATED, ())
    assert repr(pushed) == (
        "<Pushed: 401 unauthenticated\n"
        "  rejected: 'k', '1': unauthenticated, by AuthenticationError(), it has no credentials that an authenticator reads\n"
        "  The settings require credentials. Pass principal=, signed_by= or headers= to push().>"
    )
    assert send("k", path=get_event_url("k", "1", base_url="", signed=True)).handled == (handler,)


GITHUB = {"BACKEND": "gcp_event_router.auth.GitHub", "OPTIONS": {"secrets": ["a secret of sixteen letters"]}}
TOKEN = {
    "BACKEND": "gcp_event_router.auth.SharedToken",
    "OPTIONS": {"tokens": ["a-token-of-sixteen-letters"], "header": "Shop-Token"},
}


@pytest.mark.parametrize(
    ("authenticator", "options", "given", "reason"),
    [
        (TOKEN, {"headers": {"Shop-Token": "guess"}}, "headers=", "the shared token is not one of ours"),
        (
            GITHUB,
            {"signed_by": GitHub(secrets=["another secret of sixteen letters"])},
            "signed_by=",
            "no signature was made with one of our secrets",
        ),
    ],
)
def test_credentials_that_are_not_accepted(
    router: EventRouter, send: Callable[..., Pushed], authenticator: Any, options: Any, given: str, reason: str
) -> None:
    """A test that gave credentials is told why they do not suffice."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [authenticator]}):
        pushed = send("k", **options)

    with pytest.raises(AssertionError) as raised:
        pushed.assert_handled(test_principal)
    assert str(raised.value) == (
        "tests.testing.test_client.test_principal should have handled it:\n"
        "<Pushed: 401 unauthenticated\n"
        f"  rejected: 'k', '1': unauthenticated, by AuthenticationError(), {reason}\n"
        f"  The settings do not accept what {given} gave. To do without, pass principal= to push().>"
    )


@override_settings(GCP_EVENT_ROUTER=CLOSED)
def test_principal(router: EventRouter, send: Callable[..., Pushed]) -> None:
    """A principal lets its own request in, and the handler sees it; other requests meanwhile are asked as ever."""
    statuses: list[int] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer guess"}):
            posted = Client().post("/events/k/1", {}, content_type="application/json", headers=headers)
            statuses.append(posted.status_code)

    pushed = send("k", principal=SENDER)

    event = pushed.deliveries[0].event
    assert event is not None
    assert (event.principal, statuses) == (SENDER, [401, 401, 401])
    assert send("k").status == 401


@override_settings(GCP_EVENT_ROUTER=CLOSED)
def test_principals_in_threads(router: EventRouter) -> None:
    """Several threads may push at once: each is let in with its own principal, and the door is as before afterwards."""
    before = AuthenticatorChain.ask
    together = Barrier(4)

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        together.wait(100)

    def one(number: int) -> tuple[str | None, int]:
        pushed = push("k", number, principal=Principal("test", str(number)))
        event = pushed.deliveries[0].event
        return None if event is None or event.principal is None else event.principal.email, len(pushed.deliveries)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == [(str(number), 1) for number in range(4)]
    assert AuthenticatorChain.ask is before


def test_principal_is_for_tests(router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a test environment nobody is let in by his word."""
    monkeypatch.delattr(mail, "outbox")

    with pytest.raises(ConfigurationError, match=r"^principal= works only in tests, and no test environment is set up\."):
        push("k", principal=SENDER)


def test_principal_is_a_principal(router: EventRouter) -> None:
    """A name in the place of a principal is refused, before anything is sent."""
    with pytest.raises(ConfigurationError) as raised:
        push("k", principal="sender@example.com")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType] -- what is tested
    assert str(raised.value) == (
        'principal must be a Principal, such as Principal("test", "me@example.com"), not \'sender@example.com\'.'
    )


@override_settings(
    GCP_EVENT_ROUTER={
        "AUTHENTICATION": [
            {
                "BACKEND": "gcp_event_router.auth.OIDC",
                "OPTIONS": {"service_accounts": [SENDER.email], "audience": "https://shop.example"},
            }
        ]
    }
)
def test_tokens(router: EventRouter, event_signer: TokenSigner) -> None:
    """With a signed token, the request is let in by the settings themselves."""

    @router.on("k")
    def handler(event: Event[Any]) -> None: ...

    headers = event_signer.headers(email=str(SENDER.email), audience="https://shop.example")

    assert push("k", headers=headers).handled == (handler,)


def test_own_clients(router: EventRouter) -> None:
    """A client of the test's own is used."""

    @router.on("k")
    def handler(event: Event[Any]) -> None: ...

    class Counting(Client):
        posts = 0

        @override
        def post(self, *arguments: Any, **named: Any) -> Any:
            Counting.posts += 1
            return super().post(*arguments, **named)

    assert push("k", client=Counting()).handled == (handler,)
    assert Counting.posts == 1
    assert asyncio.run(apush("k", client=AsyncClient())).handled == (handler,)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ("k",),
            {"evelope": "plain", "data": {}},
            "Unknown options: data, evelope. Choose from ",
        ),
        ((7,), {}, "kind must be a string or a declared kind, not 7, of type int."),
        (("k", None), {}, "reference must be a string, an int or a UUID, not None."),
        (
            ("k",),
            {"path": "/events/k/1", "parameters": {"a": 1}},
            "path= and parameters= exclude each other. Write the parameters into the path.",
        ),
        (
            ("k",),
            {"attributes": {"n": 1}},
            "1 validation error for EventMessage\nattributes.n\n  Input should be a valid string ",
        ),
    ],
)
def test_mistakes(send: Callable[..., Pushed], arguments: Any, options: Any, message: str) -> None:
    """What would send another event than is meant, or the same without a part of it, is refused."""
    with pytest.raises((TypeError, ValueError)) as raised:
        send(*arguments, **options)

    assert str(raised.value).startswith(message)


def test_no_endpoint(settings: Any) -> None:
    """Where the endpoint is not in the URLs, what to add is said; another view at its place is named."""
    settings.ROOT_URLCONF = __name__

    with pytest.raises(ConfigurationError, match=r"^No URL pattern has the name 'gcp-events'\. Add path"):
        push("k")
    with pytest.raises(ConfigurationError, match=r"^No URL pattern has the name 'gcp-cloudevents'\. Add path"):
        push(None)
    with pytest.raises(ConfigurationError, match=r"^The answer 404 is not the events endpoint's, but a middleware's"):
        push("k", path="/elsewhere")


urlpatterns: list[Any] = []


def test_plain_receivers_fail_too(router: EventRouter) -> None:
    """What a plain receiver raises is an outcome, though no handler's."""

    def receiver(sender: object, **_: object) -> None:
        raise KeyError

    event_received.connect(receiver)

    pushed = push("k")

    assert (pushed.outcome, pushed.called, pushed.errors) == (Outcome.FAILED, (), ())
