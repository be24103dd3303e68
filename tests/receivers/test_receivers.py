"""Receivers of event_received: which are called, with which arguments, and how long they live."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# Django takes any callable for a receiver, so nothing gives a lambda its types

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.dispatch import receiver
from django.test import override_settings

from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import Envelope
from gcp_event_router.exceptions import RegistrationError
from gcp_event_router.lifecycle import handler_started
from gcp_event_router.signals import EventSignal

SENT = {"event_kind": "k", "event_reference": "r", "event_payload": {"a": 1}, "event_parameters": {"p": "1"}}


@pytest.fixture
def signal() -> EventSignal:
    """A signal that nobody listens to yet."""
    return EventSignal()


@pytest.fixture(params=[False, True], ids=["debug-off", "debug-on"])
def debug(request: pytest.FixtureRequest) -> Iterator[None]:
    """DEBUG, off and on: Django looks at receivers more closely when it is on."""
    with override_settings(DEBUG=request.param):
        yield


@pytest.mark.usefixtures("debug")
def test_receiver_with_exactly_the_documented_parameters(signal: EventSignal) -> None:
    """A receiver of five parameters, without **kwargs, is called with all of them."""
    seen: list[object] = []

    @receiver(signal)
    def receive_event(sender: Any, event_kind: Any, event_reference: Any, event_payload: Any, event_parameters: Any) -> None:
        seen.append((sender, event_kind, event_reference, event_payload, event_parameters))

    signal.send("me", **SENT)

    assert seen == [("me", "k", "r", {"a": 1}, {"p": "1"})]


@pytest.mark.usefixtures("debug")
def test_receiver_with_kwargs_gets_what_django_gives_and_no_more(signal: EventSignal) -> None:
    """A receiver with **kwargs never sees the raw event of the views."""
    seen: list[dict[str, object]] = []

    def receive(**kwargs: object) -> None:
        seen.append(kwargs)

    signal.connect(receive)
    raw_event = RawEvent(Envelope(b'{"a": 1}'), {"p": ["0", "1"]})
    signal.deliver("me", "k", "r", raw_event)

    assert seen == [{"signal": signal, "sender": "me", **SENT}]


@pytest.mark.usefixtures("debug")
def test_receiver_may_name_fewer_arguments(signal: EventSignal) -> None:
    """A receiver is called with the arguments that it names, however few."""
    seen: list[object] = []

    def receive(event_kind: str, event_payload: object = None) -> None:
        seen.append((event_kind, event_payload))

    signal.connect(receive)
    signal.send(None, **SENT)

    assert seen == [("k", {"a": 1})]


def test_argument_that_is_never_sent_is_refused(signal: EventSignal) -> None:
    """Connecting a receiver that requires another argument raises."""

    def receive(sender: object, event_type: str) -> None: ...

    with pytest.raises(RegistrationError) as refused:
        signal.connect(receive)

    assert str(refused.value) == (
        "The receiver 'test_argument_that_is_never_sent_is_refused.<locals>.receive' requires the argument 'event_type', "
        "which event_received cannot give it by name. Take any of signal, sender, event_kind, event_reference, event_payload, "
        "event_parameters, or **kwargs."
    )


@pytest.mark.parametrize(
    ("receive", "name"),
    [
        (lambda sender, kind, **kwargs: None, "kind"),
        (lambda *, event, **kwargs: None, "event"),
        (lambda event_kind, /, **kwargs: None, "event_kind"),
        (partial(lambda kind, reference, **kwargs: None, "k"), "reference"),
    ],
)
def test_argument_that_is_never_sent_is_refused_besides_kwargs(signal: EventSignal, receive: Any, name: str) -> None:
    """**kwargs does not help a receiver that requires another argument, or one by its place: every call would fail."""
    with pytest.raises(RegistrationError) as refused:
        signal.connect(receive)

    assert str(refused.value).partition("requires ")[2] == (
        f"the argument {name!r}, which event_received cannot give it by name. Take any of signal, sender, event_kind, "
        "event_reference, event_payload, event_parameters, or **kwargs."
    )
    assert signal.receivers == []


@pytest.mark.usefixtures("debug")
def test_a_decorator_may_give_more_arguments(signal: EventSignal) -> None:
    """What counts is how the decorator can be called, not the function inside."""
    seen: list[object] = []

    def in_shop(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def call(**kwargs: Any) -> None:
            function("shop", **kwargs)

        return call

    @in_shop
    def receive(shop: str, event_kind: str, **kwargs: Any) -> None:
        seen.append((shop, event_kind))

    class Receivers:
        @sync_to_async
        def receive(self, event_kind: str, **kwargs: Any) -> None:
            seen.append((type(self).__name__, event_kind))

    signal.connect(receive)
    signal.connect(Receivers().receive, weak=False)
    signal.send(None, **SENT)
    handler_started.connect(receive)
    handler_started.disconnect(receive)

    assert seen == [("shop", "k"), ("Receivers", "k")]


def test_a_receiver_that_is_only_marked_as_async_is_awaited(signal: EventSignal) -> None:
    """`sync_to_async` and a mock's autospec mark what they make, which `inspect` does not see before Python 3.12."""
    seen: list[str] = []

    async def receive(event_kind: str) -> None: ...

    @sync_to_async
    def note(event_kind: str) -> None:
        seen.append(event_kind)

    mocked = mock.create_autospec(receive)
    signal.connect(mocked, weak=False)
    signal.connect(note)
    signal.send(None, **SENT)

    assert (mocked.await_args_list, seen) == ([mock.call(event_kind="k")], ["k"])


@pytest.mark.usefixtures("debug")
def test_optional_arguments_besides_kwargs(signal: EventSignal) -> None:
    """A receiver with **kwargs may have arguments of its own if they are not required."""
    seen: list[object] = []

    def receive(event_kind: str, *places: object, loud: bool = False, **kwargs: object) -> None:
        seen.append((event_kind, places, loud, sorted(kwargs)))

    signal.connect(receive)
    signal.connect(partial(lambda mine, **kwargs: seen.append(mine), mine=1), weak=False)
    signal.send(None, **SENT)

    assert seen == [("k", (), False, ["event_parameters", "event_payload", "event_reference", "sender", "signal"]), 1]


class Listener:
    """Receivers of all sorts; falsy, as a container may be."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def __bool__(self) -> bool:
        return False

    def method(self, event_kind: str) -> None:
        self.seen.append("method")

    def open_method(self, **kwargs: object) -> None:
        self.seen.append("open_method")

    def __call__(self, event_kind: str) -> None:
        self.seen.append("object")


@pytest.mark.usefixtures("debug")
def test_methods_objects_partials_and_lambdas(signal: EventSignal) -> None:
    """Every kind of callable is called once, in order of connection."""
    seen: list[str] = []
    listener = Listener(seen)
    named = partial(lambda event_kind, extra: seen.append(extra), extra="partial")
    short = lambda event_kind: seen.append("lambda")  # noqa: E731 -- a lambda is what is tested

    for each in (listener.method, listener.open_method, listener, named, short, listener.method):
        signal.connect(each, weak=False)
    signal.send(None, **SENT)

    assert seen == ["method", "open_method", "object", "partial", "lambda"]


def test_weak_references_stay_weak(signal: EventSignal) -> None:
    """The signal forgets a receiver without other references, with and without **kwargs."""
    seen: list[str] = []
    listener: Listener | None = Listener(seen)
    assert listener is not None

    def function(event_kind: str) -> None: ...

    signal.connect(function)
    signal.connect(listener.method)
    signal.connect(listener.open_method)
    assert len(signal.send(None, **SENT)) == 3

    del function
    listener = None
    gc.collect()

    assert signal.send(None, **SENT) == []
    assert seen == ["method", "open_method"]
    assert signal.has_listeners() is False


def test_strong_references_stay_strong(signal: EventSignal) -> None:
    """A receiver connected with weak=False lives as long as its connection, even if it was connected weakly before."""
    seen: list[str] = []

    def connect() -> None:
        def function(event_kind: str) -> None:
            seen.append(event_kind)

        signal.connect(function)
        signal.connect(function, weak=False, dispatch_uid="strong")

    connect()
    gc.collect()
    signal.send(None, **SENT)

    assert "k" in seen


def test_disconnect(signal: EventSignal) -> None:
    """A function, a bound method and a uid disconnect what they connected."""
    listener = Listener([])

    def function(event_kind: str) -> None: ...

    signal.connect(function)
    signal.connect(listener.method)
    signal.connect(function, dispatch_uid="uid")

    assert [signal.disconnect(function), signal.disconnect(function)] == [True, False]
    assert [signal.disconnect(listener.method), signal.disconnect(dispatch_uid="uid")] == [True, True]
    assert signal.receivers == []


def test_dispatch_uid_connects_once(signal: EventSignal) -> None:
    """A second receiver with the same uid is not connected."""
    seen: list[str] = []

    for name in ("first", "second"):
        signal.connect(lambda event_kind, name=name: seen.append(name), weak=False, dispatch_uid="uid")
    signal.send(None, **SENT)

    assert seen == ["first"]


def test_sender_is_heeded(signal: EventSignal) -> None:
    """A receiver connected to one sender does not hear another, and is disconnected for one sender at a time."""
    seen: list[str] = []

    def function(sender: str) -> None:
        seen.append(sender)

    mine, yours = "mine", "yours"
    signal.connect(function, sender=mine, weak=False)
    signal.connect(function, sender=yours, weak=False)
    for sender in (mine, yours, None):
        signal.send(sender, **SENT)
    assert signal.disconnect(function, sender=mine)
    signal.send(yours, **SENT)
    assert signal.disconnect(function, sender=yours)

    assert seen == ["mine", "yours", "yours"]
