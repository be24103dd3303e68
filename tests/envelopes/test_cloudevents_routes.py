"""Where CloudEvents go: the endpoint whose kind is the type, batches, what nobody reads, and what Eventarc sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import reverse
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject
from gcp_event_router.envelopes import MESSAGE_PUBLISHED, CloudEvent, read
from gcp_event_router.google.pubsub import MessagePublishedData
from gcp_event_router.google.storage import StorageObjectData
from gcp_event_router.inbox.models import Delivery, StoredEvent
from gcp_event_router.inbox.replay import replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.testing import CloudEventMessage, CloudEventRequest, batch
from gcp_event_router.utils import get_event_url, make_pubsub_message

from ..conftest import Post, post_wsgi
from ..support.deliveries import effects, rows, take_effect, with_databases

FINALIZED = "google.cloud.storage.object.v1.finalized"
PLACED = CloudEventMessage(id="1", source="//shop", type="com.example.placed", data={"a": 1})


class Order(BaseModel):
    a: int


def sent(post: Post, path: str, request: CloudEventRequest) -> HttpResponse:
    headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
    return post(path, request.body, request.content_type, **headers)


def labels(router: EventRouter) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = []
    router.on("*", payload=object)(lambda event: seen.append((event.kind, event.reference)))
    return seen


@pytest.mark.parametrize("path", ["/events/", "/events"])
def test_the_type_is_the_kind(router: EventRouter, post: Post, path: str) -> None:
    """Without a kind in the URL it is the type, and the reference is the subject, slashes and all; or the id."""
    seen = labels(router)
    for subject in ("objects/a b/c", None, "x" * 256, "/" * 200 + "x" * 56, "a\u200b"):
        request = CloudEventMessage(id="17", source="s", type=FINALIZED, subject=subject, data={})
        assert sent(post, path, request.binary()).status_code == 201
        assert sent(post, path, request.structured()).status_code == 201

    assert seen == [(FINALIZED, "objects/a b/c")] * 2 + [(FINALIZED, "17")] * 8
    assert reverse("gcp-cloudevents") == "/events"


NO_KIND = "The request is not a CloudEvent, so the kind of the event is unknown."


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (CloudEventRequest(b"{}", "application/json"), "The request is not a CloudEvent, so the kind of the event is unknown."),
        (
            CloudEventRequest(make_pubsub_message({}), "application/json"),
            "The request is not a CloudEvent, so the kind of the event is unknown.",
        ),
    ],
)
def test_what_says_no_kind_is_refused(
    router: EventRouter, post: Post, request_: CloudEventRequest, text: str, lines: Callable[[], list[str]]
) -> None:
    """A request that says neither what it is nor of what is the sender's fault."""
    answer = sent(post, "/events/", request_)

    assert answer.status_code == 400
    assert json.loads(answer.content) == {"error": "Unable to handle event of kind (unknown) with reference (unknown)"}
    assert [line.partition(": ")[2] for line in lines()] == [f"invalid: {text}"]


LONG = "\u00fc/\u200b" * 100


@pytest.mark.parametrize("type_", ["com.example/thing", "x" * 300, LONG, " ", "%zz", "..", "(unknown)"])
@pytest.mark.parametrize("id_", ["1", "x" * 300, LONG, "a/b?c#d"])
def test_types_and_ids_are_any_text(router: EventRouter, post: Post, type_: str, id_: str) -> None:
    """`spec.md` §type and §id: any non-empty string; so are the kind and the reference that are made of them."""
    seen = labels(router)
    by_type: list[str] = []
    router.on(ce_type="*", payload=object)(lambda event: by_type.append(event.kind))
    message = CloudEventMessage(id=id_, source="s", type=type_, data={})

    assert [sent(post, "/events/", each).status_code for each in (message.structured(), batch([message]))] == [201, 201]
    assert (seen, by_type) == ([(type_, id_)] * 2, [type_] * 2)


@with_databases
def test_long_types_and_ids_are_kept(inbox: str, router: EventRouter, post: Post) -> None:
    """The columns have the beginning of them; a handler that runs later gets all, and events that begin alike are two."""
    seen = labels(router)
    messages = [CloudEventMessage(id="x" * 300 + end, source="s", type=LONG + end, data={}) for end in "ab"]
    for message in messages:
        assert sent(post, "/events/", message.structured()).status_code == 201

    outcomes = [result.outcome.value for _, result in replay(Selection().deliveries(inbox), force=True)]

    assert outcomes == ["handled", "handled"]
    assert seen == [(each.type, each.id) for each in messages] * 2
    assert sent(post, "/events/", messages[0].structured()).status_code == 200


@pytest.mark.parametrize(
    ("method", "names"),
    [("binary", "datacontenttype, subject, time"), ("structured", "subject, time"), ("pubsub", "time, mine")],
)
def test_one_warning_names_what_cannot_be_read(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], method: str, names: str
) -> None:
    """The event is handled, and one line names the attributes, in no case their values (`spec.md` §Optional Attributes)."""
    seen = labels(router)
    core = {"id": "1", "source": "//x", "type": "com.example.placed", "specversion": "1.0"}
    headers = {f"ce-{name}": value for name, value in core.items()}
    wrong = {"time": "secret"}
    requests = {
        "binary": CloudEventRequest(
            b"{}", "application/json", {**headers, "ce-subject": "", "ce-time": "secret", "ce-datacontenttype": "text/secret"}
        ),
        "structured": CloudEventRequest(json.dumps({**core, "subject": "", **wrong}).encode(), "application/cloudevents+json"),
        "pubsub": CloudEventRequest(
            make_pubsub_message({}, attributes={**headers, "ce-time": "secret", "ce-mine": "secret\n"}), "application/json"
        ),
    }

    assert sent(post, "/events/k/r", requests[method]).status_code == 201
    assert seen == [("k", "r")]
    text = "Event of kind 'k' with reference 'r' (message '1') has malformed metadata, which is ignored"
    assert [line for line in lines() if "WARNING" in line] == [f"WARNING {text}: {names}"]
    assert "secret" not in "".join(lines())


def test_a_flood_of_malformed_names(router: EventRouter, post: Post, lines: Callable[[], list[str]]) -> None:
    """Of many names the first are told, and no name that the sender made up at length."""
    labels(router)
    wrong = {f"{'x' * 60}{number}": 1.5 for number in range(3)} | {f"x{number}": 1.5 for number in range(100)}
    event = {"id": "1", "source": "//x", "type": "t", "specversion": "1.0", **wrong}

    assert (
        sent(post, "/events/k/r", CloudEventRequest(json.dumps(event).encode(), "application/cloudevents+json")).status_code
        == 201
    )
    told = [line.partition("ignored: ")[2] for line in lines() if "WARNING" in line]
    assert told == ["an extension, x0, x1, x2, x3, x4, x5, x6 and 93 more"]


def test_a_message_that_was_published_in_every_mode(router: EventRouter, post: Post) -> None:
    """One handler of the message and one of what is in it get the same in each mode (functions-framework-conformance)."""
    whole: list[MessagePublishedData] = []
    inner: list[object] = []
    router.on("k", payload=MessagePublishedData)(lambda event: whole.append(event.payload))
    router.on("k", payload=object)(lambda event: inner.append(event.payload))
    published = {"message": {"data": "eyJvIjoxfQ==", "messageId": "7", "attributes": {"a": "b"}}}
    message = CloudEventMessage(id="7", source="//pubsub.googleapis.com/t", type=MESSAGE_PUBLISHED, data=published)

    for request in (message.binary(), message.structured(), batch([message])):
        assert sent(post, "/events/k/r", request).status_code == 201
    assert inner == [{"o": 1}] * 3
    assert {each.model_dump_json() for each in whole} == {MessagePublishedData.model_validate(published).model_dump_json()}
    assert whole[0].message is not None
    assert (whole[0].message.data, whole[0].message.attributes) == (b'{"o":1}', {"a": "b"})


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "MAX_BATCH": 2})
def test_how_many_events_a_batch_may_have(router: EventRouter, post: Post, lines: Callable[[], list[str]]) -> None:
    """The setting says it, and what comes after one too many is not looked at."""
    seen = labels(router)
    assert sent(post, "/events/", batch([PLACED, PLACED])).status_code == 201
    request = CloudEventRequest(b"[1, 1, 1, and no JSON any more", "application/cloudevents-batch+json")

    assert sent(post, "/events/", request).status_code == 400
    assert len(seen) == 2
    assert [line.partition("): invalid: ")[2] for line in lines() if "WARNING" in line] == [
        "The batch has more than 2 CloudEvents."
    ]


def test_a_batch_is_answered_for_its_worst_event(router: EventRouter, post: Post) -> None:
    """All events are handled, whatever becomes of the others, and the answer is that for the worst of them."""
    seen: list[int] = []

    @router.on("k")
    def _(event: Event[Order]) -> None:
        seen.append(event.payload.a)
        if event.payload.a == 1:
            raise Reject

    def answer(*payloads: object) -> int:
        messages = [CloudEventMessage(id=str(n), source="s", type="t", data=data) for n, data in enumerate(payloads)]
        return sent(post, "/events/k/r", batch(messages)).status_code

    assert answer({"a": 0}, {"a": 2}) == 201
    assert answer({"a": 1}, {"a": 2}) == 200
    assert answer({"a": "x"}, {"a": 3}, {"a": "y"}) == 400
    assert answer() == 201
    assert seen == [0, 2, 1, 2, 3]


def test_a_batch_by_types(router: EventRouter, post: Post) -> None:
    """Each event of a batch has a kind of its own."""
    seen = labels(router)
    messages = [PLACED, CloudEventMessage(id="2", source="s", type="com.example.paid")]

    assert sent(post, "/events/", batch(messages)).status_code == 201
    assert seen == [("com.example.placed", "1"), ("com.example.paid", "2")]


@with_databases
def test_of_a_batch_only_what_is_not_done_runs_again(inbox: str, router: EventRouter, post: Post) -> None:
    """With the inbox a sender may repeat a batch until all of it is done; each event has its effect once."""
    broken = [True]

    @router.on("k", name="h")
    def _(event: Event[Order]) -> None:
        if broken and event.payload.a == 1:
            raise RuntimeError
        take_effect(inbox, "h", str(event.payload.a))

    request = batch(CloudEventMessage(id=str(n), source="s", type="t", data={"a": n}) for n in range(3))
    assert sent(post, "/events/k/r", request).status_code == 400
    broken.clear()
    assert [sent(post, "/events/k/r", request).status_code for _ in range(2)] == [200, 200]

    assert rows(inbox) == [("h", "done", 1), ("h", "done", 2), ("h", "done", 1)]
    assert effects(inbox) == ["h", "h", "h"]


@with_databases
@pytest.mark.parametrize("path", ["/events/k/r", "/events/"])
def test_an_unreadable_batch_is_kept(inbox: str, router: EventRouter, post: Post, path: str) -> None:
    """With the inbox it is kept whole and acknowledged, and a replay finds it as unreadable as before."""
    request = CloudEventRequest(b"[{}", "application/cloudevents-batch+json")

    assert [sent(post, path, request).status_code for _ in range(2)] == [200, 200]
    event = StoredEvent.objects.using(inbox).get()
    assert (bytes(event.body), event.form, event.kind) == (b"[{}", "unread", "k" if path != "/events/" else "(unknown)")
    assert [result.outcome.value for _, result in replay(Selection().deliveries(inbox))] == ["rejected"]


MIXED = CloudEventRequest(b"[%s]" % b",".join([b"{}", PLACED.structured().body, b"1"]), "application/cloudevents-batch+json")


def test_an_unreadable_event_of_a_batch(router: EventRouter, post: Post, lines: Callable[[], list[str]]) -> None:
    """The others are handled, and the answer is for it."""
    seen = labels(router)

    assert sent(post, "/events/", MIXED).status_code == 400
    assert seen == [("com.example.placed", "1")]
    assert [line.partition("): invalid: ")[2] for line in lines() if "WARNING" in line] == [
        "The CloudEvent lacks id.",
        "The CloudEvent is not a JSON object.",
    ]


@with_databases
def test_an_unreadable_event_of_a_batch_is_kept(inbox: str, router: EventRouter, post: Post) -> None:
    """With the inbox it is kept by itself, and the others have their effects, once, however often the batch comes."""

    @router.on("com.example.*", name="h")
    def _(event: Event[Order]) -> None:
        take_effect(inbox, "h", event.reference)

    assert [sent(post, "/events/", MIXED).status_code for _ in range(2)] == [200, 200]
    assert sorted(rows(inbox)) == [("", "rejected", 0), ("", "rejected", 0), ("h", "done", 1)]
    assert effects(inbox) == ["h"]
    kept = StoredEvent.objects.using(inbox).filter(form="unread").values_list("body", flat=True)
    assert sorted(bytes(each) for each in kept) == [b"1", b"{}"]


@with_databases
def test_what_can_be_read_now_finds_its_kind(inbox: str, router: EventRouter, post: Post) -> None:
    """An event whose URL said no kind is replayed under its type, once it can be read."""

    @router.on("com.example.*", name="h")
    def _(event: Event[Order]) -> None:
        take_effect(inbox, "h", event.reference)

    sent(post, "/events/", CloudEventRequest(b"{}", "application/cloudevents+json"))
    StoredEvent.objects.using(inbox).update(body=PLACED.structured().body)

    assert [result.outcome.value for _, result in replay(Selection().deliveries(inbox))] == ["handled"]
    assert effects(inbox) == ["h"]
    assert sent(post, "/events/", PLACED.binary()).status_code == 200


@with_databases
@pytest.mark.parametrize("mode", ["binary", "structured", "pubsub"])
def test_each_form_is_replayed(inbox: str, router: EventRouter, post: Post, mode: str) -> None:
    """What a handler is given again is what it was given first, found by its type."""
    seen: list[Event[Order]] = []

    @router.on(ce_type="com.example.*")
    def _(event: Event[Order]) -> None:
        seen.append(event)

    attributes = {"ce-id": "1", "ce-source": "//shop", "ce-type": PLACED.type, "ce-specversion": "1.0"}
    pushed = CloudEventRequest(make_pubsub_message({"a": 1}, attributes=attributes, message_id="7"), "application/json")
    request = {"binary": PLACED.binary(), "structured": PLACED.structured(), "pubsub": pushed}[mode]
    assert sent(post, "/events/k/r", request).status_code == 201

    assert [result.outcome.value for _, result in replay(Selection().deliveries(inbox), force=True)] == ["handled"]
    assert seen[0] == seen[1]
    assert isinstance(seen[1].envelope, CloudEvent)
    assert seen[1].envelope.form == f"cloudevents-{mode}"


@pytest.mark.parametrize("content_type", ["application/protobuf", "text/plain"])
def test_data_in_another_format(
    router: EventRouter, post: Post, content_type: str, lines: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """Protobuf reaches a handler of bytes; to one of a model it is 415, and not the sender's broken JSON."""
    message = CloudEventMessage(id="1", source="s", type="t", data=b"\n\x01", datacontenttype=content_type)
    seen: list[bytes] = []
    router.on("bytes", payload=bytes)(lambda event: seen.append(event.payload))
    router.on("model", payload=Order)(lambda event: seen.append(b"never"))

    assert sent(post, "/events/bytes/r", message.binary()).status_code == 201
    assert sent(post, "/events/bytes/r", message.structured()).status_code == 201
    answer = sent(post, "/events/model/r", message.binary())

    assert (answer.status_code, seen) == (415, [b"\n\x01"] * 2)
    assert json.loads(answer.content) == {"error": "Unable to handle event of kind model with reference r"}
    assert lines()[-1].startswith("WARNING Event of kind 'model' with reference 'r' (message '1'): unsupported by ")
    problem = "The handler reads its payload from JSON, but the sender says that the payload has another format."
    assert f"UnsupportedMediaTypeError: {problem}\n" in caplog.text  # at DEBUG


@with_databases
def test_data_in_another_format_is_kept(inbox: str, router: EventRouter, post: Post) -> None:
    """With the inbox it is rejected and acknowledged, as everything that cannot succeed; a format nobody reads is, too."""
    router.on("k", payload=Order, name="h")(lambda event: None)
    message = CloudEventMessage(id="1", source="s", type="t", data=b"\n\x01", datacontenttype="application/protobuf")

    assert sent(post, "/events/k/r", message.binary()).status_code == 200
    assert sent(post, "/events/k/r", CloudEventRequest(b"x", "application/cloudevents+avro")).status_code == 200
    states = Delivery.objects.using(inbox).order_by("pk").values_list("handler", "state", "error_type")
    name = "gcp_event_router.exceptions.UnsupportedMediaTypeError"
    assert list(states) == [("h", "rejected", name), ("", "rejected", name)]


PUSH = make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", message_id="7")
PUBLISHED = {
    "ce_id": "7",
    "ce_source": "//pubsub.googleapis.com/projects/p/topics/t",
    "ce_type": "google.cloud.pubsub.topic.v1.messagePublished",
    "ce_specversion": "1.0",
}


@pytest.mark.parametrize("headers", [PUBLISHED, {}], ids=["Eventarc", "push"])
def test_a_published_message(router: EventRouter, post: Post, headers: dict[str, str]) -> None:
    """Whether Eventarc brings it or Pub/Sub itself, a handler gets what is in it, or all of it if it says so."""
    inner: list[Order] = []
    whole: list[MessagePublishedData] = []
    router.on("k", payload=Order)(lambda event: inner.append(event.payload))
    router.on("k", payload=MessagePublishedData)(lambda event: whole.append(event.payload))

    assert post("/events/k/r", PUSH, "application/json", **headers).status_code == 201
    assert inner == [Order(a=1)]
    assert [(each.message and each.message.data, each.subscription) for each in whole] == [
        (b'{"a": 1}', "projects/p/subscriptions/s")
    ]


def test_eventarcs_own_parameter(router: EventRouter) -> None:
    """What Eventarc adds to a URL is no parameter of the event, and does not break a signature."""
    seen: list[dict[str, str]] = []

    @router.on("k")
    def _(event: Event[object]) -> None:
        seen.append(event.parameters)

    entry = {"BACKEND": "gcp_event_router.auth.SignedURL"}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        url = get_event_url("k", "r", {"a": "1"}, base_url="", signed=True, max_age=timedelta(days=1))
        assert post_wsgi(f"{url}&__GCP_CloudEventsMode=GCS_NOTIFICATION", b"{}").status_code == 201

    assert seen == [{"a": "1"}]


def test_a_storage_event_by_its_type(router: EventRouter, post: Post) -> None:
    """The type and Google's model are all that a handler says."""
    seen: list[tuple[str, int]] = []

    @router.on(ce_type="google.cloud.storage.object.v1.*")
    def _(event: Event[StorageObjectData]) -> None:
        seen.append((event.payload.name, event.payload.size))

    data = {"name": "cat.jpg", "bucket": "b", "size": "352"}
    message = CloudEventMessage(id="1", source="//storage.googleapis.com/projects/_/buckets/b", type=FINALIZED, data=data)

    assert sent(post, "/events/", message.binary()).status_code == 201
    assert sent(post, "/events/gcs-photos/new", message.structured()).status_code == 201
    assert seen == [("cat.jpg", 352)] * 2


def test_text_that_is_none(router: EventRouter, post: Post) -> None:
    """Text in a structured event that no encoding holds is refused; JSON is left to who reads it."""
    members = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": "\ud800"}
    router.on("k", payload=bytes)(lambda _: None)
    statuses: list[int] = []
    for content_type in ("text/plain", "application/json"):
        body = json.dumps({**members, "datacontenttype": content_type}).encode()
        statuses.append(post("/events/k/r", body, "application/cloudevents+json").status_code)

    assert statuses == [400, 201]


def test_attributes_are_all_there() -> None:
    """`context` has all attributes by their names, those of the specification and extensions."""
    request = CloudEventMessage(id="1", source="s", type="t", subject="x", extensions={"mine": "y"}).structured()
    event = read(request.body, {"CONTENT_TYPE": request.content_type})

    assert isinstance(event, CloudEvent)
    assert event.context == {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "subject": "x", "mine": "y"}
