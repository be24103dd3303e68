"""Routing by attribute: globs over what an event carries besides its payload, found by an index and explained."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.handler import Handler
from gcp_event_router._dispatch.lookup import MEMORY, GivenTraits, HandlerTable, Registration
from gcp_event_router._globs.attributes import AttributeGlobs
from gcp_event_router._globs.glob import Glob
from gcp_event_router.envelopes import MESSAGE_PUBLISHED, Envelope, PubSubUnwrapped, read
from gcp_event_router.exceptions import GlobError, RegistrationError
from gcp_event_router.testing import CloudEventMessage, CloudEventRequest
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post

FINALIZED = "google.cloud.storage.object.v1.finalized"


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


def three(event: Event[Any]) -> None: ...


def four(event: Event[Any]) -> None: ...


def names(router: EventRouter, kind: str, attributes: Mapping[str, str] | None = None, ce_type: str | None = None) -> list[str]:
    return [handler.function.__name__ for handlers in router.find(kind, ce_type, attributes) for handler in handlers]


def table(router: EventRouter) -> Any:
    return router._table._index


def test_attributes_select_handlers() -> None:
    """All globs of a registration have to match, each the attribute of its name; handlers run in order of registration."""
    router = EventRouter()
    router.on("gcs-*", attributes={"eventType": "OBJECT_*"})(one)
    router.on("gcs-*")(two)
    router.on("gcs-a", attributes={"eventType": "*_DELETE", "bucketId": "photos"})(three)
    router.fallback(four)

    assert names(router, "gcs-a", {"eventType": "OBJECT_FINALIZE"}) == ["one", "two"]
    assert names(router, "gcs-a", {"eventType": "OBJECT_DELETE", "bucketId": "photos"}) == ["one", "two", "three"]
    assert names(router, "gcs-a", {"eventType": "OBJECT_DELETE", "bucketId": "videos"}) == ["one", "two"]
    assert names(router, "gcs-a", {"eventtype": "OBJECT_FINALIZE"}) == ["two"]
    assert names(router, "gcs-a") == ["two"]
    assert names(router, "other", {"eventType": "OBJECT_FINALIZE"}) == ["four"]


def test_a_missing_attribute_matches_nothing() -> None:
    """A star matches any value, also an empty one, but the attribute has to be there; else, the fallback runs."""
    router = EventRouter()
    router.on("a", attributes={"x": "*"})(one)
    router.fallback(two)

    assert names(router, "a", {"x": ""}) == ["one"]
    assert names(router, "a", {"y": "1"}) == ["two"]
    assert names(router, "a", {}) == ["two"]


def test_attributes_with_a_type() -> None:
    """A type, a kind and attributes have to match together, with or without the kind."""
    router = EventRouter()
    router.on(ce_type="google.*", attributes={"source": "//storage.*"})(one)
    router.on("gcs", ce_type="google.*", attributes={"source": "//storage.*", "subject": "objects/*"})(two)

    attributes = {"source": "//storage.googleapis.com/projects/_/buckets/b", "subject": "objects/a"}
    assert names(router, "gcs", attributes, FINALIZED) == ["one", "two"]
    assert names(router, "gcs", attributes, "com.example") == []
    assert names(router, "gcs", attributes) == []
    assert names(router, "other", attributes, FINALIZED) == ["one"]
    assert names(router, "gcs", {"source": "//pubsub"}, FINALIZED) == []


def test_a_function_that_is_registered_for_several_values_runs_once() -> None:
    """A function whose registrations match together is called once; for each value, its own registration counts."""
    router = EventRouter()
    router.on("a", attributes={"x": "1"})(one)
    router.on("a", attributes={"x": "?"}, name="later")(one)

    assert names(router, "a", {"x": "1"}) == ["one"]
    assert [handler.name for handler in router.find("a", None, {"x": "2"}).blocking] == ["later"]


def test_an_included_router_keeps_attributes() -> None:
    """Under a prefix, the attributes of a registration count as before."""
    router, inner = EventRouter(), EventRouter()
    inner.on("created", attributes={"region": "eu-*"})(one)
    inner.on(ce_type="*", attributes={"region": "eu-*"})(two)
    router.include(inner, prefix="order-")

    assert names(router, "order-created", {"region": "eu-1"}) == ["one"]
    assert names(router, "order-created", {"region": "us-1"}) == []
    assert names(router, "order-paid", {"region": "eu-1"}, "com.example") == ["two"]


def test_a_declared_kind_is_handled_in_part() -> None:
    """`Kind.on` takes attributes, too: a handler of some events of a kind."""
    router = EventRouter()
    placed = router.kind("order-placed", dict[str, int])
    placed.on(attributes={"region": "eu-*"})(one)
    placed.on(two)

    assert names(router, "order-placed", {"region": "eu-1"}) == ["one", "two"]
    assert names(router, "order-placed") == ["two"]


def test_explain() -> None:
    """Each reason names every attribute that does not match, or all that do."""
    router = EventRouter()
    router.on("gcs", attributes={"eventType": "OBJECT_*", "bucketId": "photos"})(one)
    router.on("gcs", ce_type="google.*", attributes={"eventType": "*"})(two)
    router.on("other", attributes={"eventType": "*"})(three)
    router.fallback(four)

    explanation = router.explain("gcs", None, {"eventType": "DELETE"})
    assert [entry.reason for entry in explanation.consulted] == [
        "it wants the attribute 'bucketId' to match 'photos', and the event does not have it, and "
        "the attribute 'eventType' is 'DELETE', which does not match 'OBJECT_*'",
        "it wants the type 'google.*', and the event has none",
        "'gcs' does not match 'other'",
        "it is a fallback, and nothing else matches",
    ]
    assert explanation.attributes == {"eventType": "DELETE"}
    assert str(explanation).splitlines()[0] == "'gcs' with eventType='DELETE' is handled by 1 handler"
    matching = router.explain("gcs", FINALIZED, {"eventType": "OBJECT_X", "bucketId": "photos"})
    assert [entry.reason for entry in matching.consulted] == [
        "'gcs' and bucketId='photos' and eventType='OBJECT_*' match",
        "'gcs' and 'google.*' and eventType='*' match",
        "'gcs' does not match 'other'",
        "another handler matches",
    ]
    assert str(matching).splitlines()[0] == (
        f"'gcs' of the type {FINALIZED!r} with eventType='OBJECT_X' and bucketId='photos' is handled by 2 handlers"
    )
    assert [handler.kinds for handler in (registration.handler for registration in router)] == [
        "'gcs', attributes={'bucketId': 'photos', 'eventType': 'OBJECT_*'}",
        "'gcs', ce_type='google.*', attributes={'eventType': '*'}",
        "'other', attributes={'eventType': '*'}",
        "all other events",
    ]


LABELS = st.text("ab.", min_size=1, max_size=3)
GLOBS = st.text("ab.*?", min_size=1, max_size=3)
NAMES = st.sampled_from(["x", "y", "z"])
REGISTRATIONS = st.tuples(st.none() | GLOBS, st.none() | GLOBS, st.dictionaries(NAMES, GLOBS, max_size=3))
EVENTS = st.tuples(LABELS, st.none() | LABELS, st.dictionaries(NAMES, LABELS | st.just(""), max_size=3))


@given(st.lists(REGISTRATIONS, max_size=8), st.lists(EVENTS, min_size=1, max_size=4))
def test_the_index_finds_what_a_scan_finds(
    registered: list[tuple[str | None, str | None, dict[str, str]]], sent: list[tuple[str, str | None, dict[str, str]]]
) -> None:
    """The router finds the handlers whose globs all match, in order, at first and from memory; `explain` says the same."""
    router = EventRouter()
    registrations = [
        (kind or "*", ce_type, attributes) if ce_type is None else (kind, ce_type, attributes)
        for kind, ce_type, attributes in registered
    ]
    for place, (kind, ce_type, attributes) in enumerate(registrations):

        def handler(event: Event[Any], place: int = place) -> None: ...

        handler.__name__ = str(place)
        router.on(*([] if kind is None else [kind]), ce_type=ce_type, attributes=attributes or None)(handler)  # pyright: ignore[reportCallIssue] -- one of the two is there
    for event_kind, event_type, event_attributes in sent * 2:
        expected = [
            str(place)
            for place, (kind, ce_type, attributes) in enumerate(registrations)
            if (kind is None or Glob(kind).matches(event_kind))
            and (ce_type is None or (event_type is not None and Glob(ce_type).matches(event_type)))
            and all(name in event_attributes and Glob(glob).matches(event_attributes[name]) for name, glob in attributes.items())
        ]

        assert names(router, event_kind, event_attributes, event_type) == expected
        explained = router.explain(event_kind, event_type, event_attributes).handlers
        assert [handler.function.__name__ for handler in explained] == expected


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The globs that are tried from now on."""
    tried: list[str] = []
    matches = Glob.matches

    def noted(glob: Glob, text: str) -> bool:
        tried.append(glob.pattern)
        return matches(glob, text)

    monkeypatch.setattr(Glob, "matches", noted)
    return tried


@pytest.mark.proof
@pytest.mark.parametrize("kind", ["github", "git*"])
def test_ten_thousand_registrations_of_a_kind_are_found_by_an_index(kind: str, tries: list[str]) -> None:
    """Only the globs of registrations that share the beginning of a value are tried, whichever name tells most of them apart."""
    handler, event = Handler(one, (Glob(kind),)), {"a": "1", "action": "opened", "event": "event-7-x"}
    tried: list[list[str]] = []
    for count in (10, 10_000):
        wanted = [{"action": "opened", "event": f"event-{number}-*", "a": "*"} for number in range(count)]
        table = HandlerTable([Registration(handler, handler.globs, attributes=AttributeGlobs.of(each)) for each in wanted])
        for _ in range(2):  # the second time from memory
            tries.clear()
            assert table.find("github", GivenTraits(routed=event)).blocking == (handler,)
            tried.append(tries.copy())

    assert tried == [["*", "opened", "event-7-*"], []] * 2


def test_memory_is_bounded() -> None:
    """A sender that invents values takes no more memory than one that invents kinds, and long values take none."""
    router = EventRouter()
    router.on("*", attributes={"x": "*"})(one)
    for number in range(3 * MEMORY):
        router.find(f"kind-{number}", None, {"x": str(number)})
    assert (len(table(router)._choices), len(table(router)._chosen)) == (MEMORY, MEMORY)

    router = EventRouter()
    router.on("a", attributes={"x": "*"})(one)
    assert names(router, "a", {"x": "1" * 2000}) == ["one"]
    assert names(router, "a", {"y": "1"}) == []
    assert len(table(router)._chosen) == 0


@pytest.mark.parametrize("attributes", [None, {"x": "1"}], ids=["any", "some"])
@pytest.mark.parametrize(("kind", "ce_type"), [("k" * 1025, "t"), ("k", "t" * 1025)], ids=["kind", "type"])
def test_long_kinds_and_types_take_no_memory(kind: str, ce_type: str, attributes: dict[str, str] | None) -> None:
    """A body can hold a type of many megabytes, which is looked up each time, and not kept."""
    router = EventRouter()
    router.on("*", ce_type="*", attributes=attributes)(one)
    found = router.find(kind, ce_type, {"x": "1"})
    assert (len(found.blocking), router.find(kind, ce_type, {"x": "1"})) == (1, found)
    index = table(router)
    assert (index.memory, index._choices, index._chosen) == ({}, {}, {})


class Unrouted(Envelope):
    """An envelope whose attributes are not to be read."""

    @property
    @override
    def routed(self) -> Mapping[str, str]:
        raise AssertionError


def test_attributes_are_read_only_for_kinds_for_which_they_count() -> None:
    """Events of another kind do without, even beside registrations with attributes; so do all events if there are none."""
    router = EventRouter()
    router.on("a")(one)
    router.on("b", attributes={"x": "*"})(two)

    assert router.find_for("a", Unrouted()).blocking[0].function is one
    assert router.find_for("c", Unrouted()).blocking == ()
    with pytest.raises(AssertionError):
        router.find_for("b", Unrouted())


def seen_by(router: EventRouter, **attributes: str) -> list[str]:
    seen: list[str] = []
    router.on("*", payload=object, attributes=attributes)(lambda event: seen.append(event.reference))
    return seen


def test_pushes_are_routed_by_their_attributes(router: EventRouter, post: Post) -> None:
    """The attributes of a wrapped push count; those of an unwrapped one in any case, since headers lose it."""
    seen = seen_by(router, eventType="OBJECT_*", event_source="gcs")
    attributes = {"eventType": "OBJECT_FINALIZE", "event_source": "gcs"}
    headers = {"X_Goog_Pubsub_Message_Id": "1", "eventType": "OBJECT_FINALIZE", "event_source": "gcs"}

    assert post("/events/a/wrapped", make_pubsub_message({}, attributes=attributes)).status_code == 201
    assert post("/events/a/other", make_pubsub_message({}, attributes={**attributes, "eventType": "X"})).status_code == 201
    assert post("/events/a/none", make_pubsub_message({})).status_code == 201
    assert post("/events/a/unwrapped", b"{}", **headers).status_code == 201
    assert post("/events/a/no-push", b"{}", eventType="OBJECT_FINALIZE", event_source="gcs").status_code == 201
    assert seen == ["wrapped", "unwrapped"]


def test_cloudevents_are_routed_by_their_attributes(router: EventRouter, post: Post) -> None:
    """The attributes and extensions of a CloudEvent count, as text, in every mode."""
    seen = seen_by(router, source="//shop/*", priority="1?", type="com.example.*")
    message = CloudEventMessage(id="1", source="//shop/eu", type="com.example.placed", data={}, extensions={"priority": "17"})
    structured = message.structured()
    number = CloudEventRequest(structured.body.replace(b'"17"', b"17"), structured.content_type, structured.headers)
    for request in (message.binary(), structured, number):
        headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
        assert post("/events/a/1", request.body, request.content_type, **headers).status_code == 201
    pushed = {f"ce-{name}": value for name, value in {"id": "1", "source": "//shop/us", "type": "com.example.x"}.items()}
    assert (
        post(
            "/events/a/2", make_pubsub_message({}, attributes={**pushed, "ce-specversion": "1.0", "ce-priority": "10"})
        ).status_code
        == 201
    )

    assert seen == ["1", "1", "1", "2"]


def test_a_cloudevents_attributes_hide_those_of_its_carrier() -> None:
    """Eventarc's event has the message's attributes below its own; a name that both have is the CloudEvent's."""
    message = make_pubsub_message({}, attributes={"eventType": "OBJECT_FINALIZE", "source": "message"})
    event = CloudEventMessage(id="1", source="//pubsub", type=MESSAGE_PUBLISHED).structured()
    body = event.body[:-1] + b', "data": ' + message + b"}"
    envelope = read(body, {"CONTENT_TYPE": event.content_type})

    assert {name: envelope.routed.get(name) for name in ("eventType", "source", "type", "other")} == {
        "eventType": "OBJECT_FINALIZE",
        "source": "//pubsub",
        "type": MESSAGE_PUBLISHED,
        "other": None,
    }


def test_what_the_inbox_does_not_store_selects_nothing() -> None:
    """An unwrapped push is routed by headers that the inbox stores: a stored delivery finds the handler that a live one found."""
    meta = {"HTTP_X_GOOG_PUBSUB_MESSAGE_ID": "1", "HTTP_X_MINE": "1", "HTTP_MY_TOKEN": "1", "HTTP_MINE": "1"}
    envelope = read(b"", meta)

    assert isinstance(envelope, PubSubUnwrapped)
    assert dict(envelope.routed) == {"mine": "1"}
    assert dict(envelope.attributes) == {"x-mine": "1", "my-token": "1", "mine": "1"}


HOW = 'Write a glob for each name: `attributes={"eventType": "OBJECT_*"}`.'


@pytest.mark.parametrize(
    ("attributes", "error", "message"),
    [
        (
            "eventType=*",
            RegistrationError,
            f"attributes='eventType=*' does not say which attribute has to match which glob. {HOW}",
        ),
        ([("a", "b")], RegistrationError, f"attributes=[('a', 'b')] does not say which attribute has to match which glob. {HOW}"),
        ({}, GlobError, f"attributes={{}} names no attribute, so it selects no events. {HOW} Or leave it out."),
        ({1: "a"}, RegistrationError, f"1 cannot be the name of an attribute, which is a text of one character or more. {HOW}"),
        ({"": "a"}, RegistrationError, f"'' cannot be the name of an attribute, which is a text of one character or more. {HOW}"),
        ({"a": 1}, RegistrationError, f"The attribute 'a' cannot be 1, of type int: attributes are texts. {HOW}"),
        ({"a": ["b"]}, RegistrationError, f"The attribute 'a' cannot be ['b'], of type list: attributes are texts. {HOW}"),
        (
            {"a": ""},
            GlobError,
            "The glob of the attribute 'a' is empty, as if a setting was missing. Write '*' for any value.",
        ),
        (
            {"a": "\n"},
            GlobError,
            "The glob '\\n' of the attribute 'a' holds a character that cannot be printed, so nobody could read it. "
            "Write '?' in its place.",
        ),
        (
            {"a": "x["},
            GlobError,
            "The glob 'x[' of the attribute 'a' opens a '[' that is never closed, so it would match nothing. "
            "Close the sequence, as in '[ab]', or write '[[]' for the character itself.",
        ),
        (
            {"a": "[z-a]"},
            GlobError,
            "The glob '[z-a]' of the attribute 'a' contains the range 'z-a', which runs backwards and matches nothing. "
            "Write 'a-z'.",
        ),
    ],
)
def test_wrong_attributes_are_refused(attributes: Any, error: type[Exception], message: str) -> None:
    """A registration, of a kind or of a declared one, refuses attributes that could never match."""
    router = EventRouter()
    for on in (lambda: router.on("a", attributes=attributes), lambda: router.kind("a", int).on(attributes=attributes)):
        with pytest.raises(error) as caught:
            on()
        assert str(caught.value) == message
    assert list(router) == []


def test_attributes_need_a_kind() -> None:
    """Attributes alone are refused, since they would select among the events of all senders."""
    with pytest.raises(GlobError) as caught:
        EventRouter().on(attributes={"a": "b"})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue] -- what is tested
    assert str(caught.value) == (
        'Without a kind, no event would ever reach the function. Name one: `@events.on("order-placed")`.'
    )


def test_a_fallback_takes_no_attributes() -> None:
    """A fallback is for what nothing else takes, whatever it carries."""
    with pytest.raises(RegistrationError) as caught:
        EventRouter().fallback(attributes={"a": "b"})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue] -- what is tested
    assert str(caught.value) == (
        "Unknown option attributes=. The options are name=, once=, deferred=, lease=, max_attempts=, retry=, once_key=, "
        "once_for=, order_by=."
    )
