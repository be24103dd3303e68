"""The log: one line for each event, with fields for machines, and no text of a payload or an exception."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router._dispatch.dispatch import warned
from gcp_event_router._log import log_event, trail
from gcp_event_router.exceptions import BodyTooLargeError, EnvelopeError, InvalidEventError
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message

from .conftest import Post

SECRET = "s3cr3t"
FIELDS = ("event_kind", "event_reference", "event_message_id", "event_outcome", "event_handlers", "event_trace")


class Order(BaseModel):
    order_id: int


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "gcp_event_router"]


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in FIELDS}


def message(record: logging.LogRecord) -> str:
    """The line, without values that differ from run to run."""
    text = re.sub(r"in \d+\.\d ms", "in N ms", record.getMessage())
    return re.sub(r"at .+:\d+ in \w+", "at PLACE", text).replace(f"{__name__}.", "")


HINT = "; the body would be a Pub/Sub push if it had a `subscription` beside its `message`, and was read as plain JSON"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"message": {"data": SECRET}}, HINT),
        ({"message": {"attributes": {"a": SECRET}}}, HINT),
        ({"message": {"text": SECRET}}, ""),
        ({"message": {"data": SECRET}, "subscription": 5}, ""),
        ({"message": SECRET}, ""),
    ],
)
def test_a_push_without_a_subscription(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture, body: object, hint: str
) -> None:
    """A handwritten push without a subscription is plain JSON, and the line of its refusal says so."""
    register(router, None)

    post("/events/k/r", json.dumps(body).encode())

    (record,) = ours(caplog)
    assert message(record).partition("first ")[2] == f"missing at order_id{hint}"


@pytest.mark.parametrize(
    ("error", "body", "level", "outcome", "problem"),
    [
        (None, {"order_id": 1}, "INFO", "handled", ""),
        (Retry(SECRET, after=timedelta(1)), {"order_id": 1}, "INFO", "retry", ": register.<locals>.handler asked to retry"),
        (Reject(SECRET), {"order_id": 1}, "WARNING", "rejected", ": register.<locals>.handler rejected: Reject at PLACE"),
        (
            None,
            {"order_id": SECRET},
            "WARNING",
            "invalid",
            ": register.<locals>.handler got an invalid payload: 1 error, first int_parsing at order_id",
        ),
        (
            None,
            [SECRET],
            "WARNING",
            "invalid",
            ": register.<locals>.handler got an invalid payload: 1 error, first model_type at its root",
        ),
        (
            InvalidEventError("payload", [], 0),
            {"order_id": 1},
            "WARNING",
            "invalid",
            ": register.<locals>.handler invalid: InvalidEventError at PLACE",
        ),
        (KeyError(SECRET), {"order_id": 1}, "ERROR", "failed", ": register.<locals>.handler failed: KeyError at PLACE"),
    ],
)
def test_each_event_is_one_line(
    router: EventRouter,
    post: Post,
    caplog: pytest.LogCaptureFixture,
    error: Exception | None,
    body: object,
    level: str,
    outcome: str,
    problem: str,
) -> None:
    """The line has the event, its outcome, its handlers and the reason; the record has them as fields."""
    register(router, error)

    with caplog.at_level("INFO"):
        post("/events/k/r", make_pubsub_message(body, message_id="17"))

    (record,) = ours(caplog)
    name = f"{__name__}.register.<locals>.handler"
    assert fields(record) == {
        "event_kind": "k",
        "event_reference": "r",
        "event_message_id": "17",
        "event_outcome": outcome,
        "event_handlers": [name],
        "event_trace": "",
    }
    assert isinstance(record.__dict__["event_duration_ms"], float)
    assert (record.levelname, message(record)) == (
        level,
        f"Event of kind 'k' with reference 'r' (message '17'): {outcome} by register.<locals>.handler in N ms{problem}",
    )


def register(router: EventRouter, error: Exception | None) -> None:
    @router.on("k")
    def handler(event: Event[Order]) -> None:
        if error is not None:
            raise error.with_traceback(None)  # another test may have raised it before


@pytest.mark.parametrize(
    ("body", "outcome", "problem"),
    [
        (b"{}", "unhandled", ""),
        (b"{", "invalid", ": The body is not JSON, although its Content-Type says so."),
        (
            b'{"message": {"data": "#"}, "subscription": "s"}',
            "invalid",
            ": The body is a Pub/Sub push, but its message.data is not base64.",
        ),
    ],
)
@pytest.mark.parametrize("listening", [True, False])
def test_an_event_without_handlers_is_one_line_too(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture, body: bytes, outcome: str, problem: str, listening: bool
) -> None:
    """An unhandled or unreadable event has one line, even if a plain receiver listens."""

    def receiver() -> None: ...

    if listening:
        event_received.connect(receiver, weak=False)
    try:
        with caplog.at_level("INFO"):
            post("/events/k/r", body)
    finally:
        event_received.disconnect(receiver)

    (record,) = ours(caplog)
    assert fields(record) == {
        "event_kind": "k",
        "event_reference": "r",
        "event_message_id": "",
        "event_outcome": outcome,
        "event_handlers": [],
        "event_trace": "",
    }
    assert message(record) == f"Event of kind 'k' with reference 'r' (message None): {outcome}{problem}"


@pytest.mark.parametrize(
    ("body", "error"),
    [(b'{"message": {"data": 7}, "subscription": ""}', EnvelopeError), (b"{}" * 50, BodyTooLargeError)],
)
@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "MAX_BODY_SIZE": 64})
def test_a_request_that_is_refused_is_one_line(
    post: Post, caplog: pytest.LogCaptureFixture, body: bytes, error: type[Exception]
) -> None:
    """It has the trace of the request; at DEBUG, and only there, the exception follows."""
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with caplog.at_level("DEBUG", "gcp_event_router"):
        post("/events/k/r", body, traceparent=traceparent)

    line, debug = ours(caplog)
    assert (line.__dict__["event_trace"], line.exc_info) == (traceparent, None)
    assert (debug.levelname, debug.getMessage()) == ("DEBUG", "The request was refused")
    assert debug.exc_info is not None
    assert debug.exc_info[0] is error


def test_a_body_that_is_too_long_names_the_limit(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """The line has the limit that applied, since a signature has one of its own."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "MAX_BODY_SIZE": 32}), caplog.at_level("INFO"):
        assert post("/events/k/r", b"{}" * 20).status_code == 413

    assert [message(record) for record in ours(caplog)] == [
        "Event of kind 'k' with reference 'r' (message None): too large: "
        "The body is longer than 32 bytes: see MAX_BODY_SIZE, and max_body of a signature."
    ]


def plain(**_: Any) -> None: ...


def levels(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, getattr(record, "event_kind", "")) for record in ours(caplog)]


def test_the_first_event_of_a_kind_that_nothing_takes_is_a_warning(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    """The first event of an unhandled kind is a WARNING, later ones are INFO; an audit changes nothing."""
    event_received.connect(plain, weak=False)
    register(router, None)

    with caplog.at_level("INFO"):
        for kind in ("q", "q", "p", "q", "k"):
            post(f"/events/{kind}/r", b'{"order_id": 1}')

    assert levels(caplog) == [("WARNING", "q"), ("INFO", "q"), ("WARNING", "p"), ("INFO", "q"), ("INFO", "k")]


@pytest.mark.parametrize("unhandled", ["accept", "error"])
def test_the_warning_names_the_attributes_that_handlers_want(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture, unhandled: str
) -> None:
    """The log names the attributes that handlers of an unhandled kind want, which a webhook in a wrong format lacks."""
    router.on("k", attributes={"action": "opened", "event": "pull_*"}, payload=bytes)(lambda event: None)

    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "UNHANDLED": unhandled}), caplog.at_level("INFO"):
        for kind in ("k", "k", "other"):
            post(f"/events/{kind}/r", b"{}")

    because = ": its handlers want attributes, such as action=opened and event=pull_*"
    assert [message(record) for record in ours(caplog)] == [
        f"Event of kind 'k' with reference 'r' (message None): unhandled{because}",
        "Event of kind 'k' with reference 'r' (message None): unhandled",
        "Event of kind 'other' with reference 'r' (message None): unhandled",
    ]


def test_strangers_cannot_fill_the_log_with_warnings(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """After 1,024 warnings, further kinds are logged at INFO, since senders choose the kinds."""
    register(router, None)
    warned.update(map(str, range(1024)))

    with caplog.at_level("INFO"):
        post("/events/q/r", b"{}")

    assert (levels(caplog), len(warned)) == ([("INFO", "q")], 1024)


def test_what_another_router_takes_is_no_warning(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """Of two routers at one signal, one does not warn of a kind that the other handles."""
    other = EventRouter(signal=event_received)
    register(other, None)

    with caplog.at_level("INFO"):
        post("/events/k/r", b'{"order_id": 1}')
    other.ignore(event_received)

    assert sorted(levels(caplog)) == [("INFO", "k"), ("INFO", "k")]


def test_plain_receivers_alone_may_take_everything(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """A project with plain receivers only, as with django-gcp, gets no warnings of unhandled kinds."""
    event_received.connect(plain, weak=False)

    with caplog.at_level("INFO"):
        post("/events/k/r", b"{}")

    assert levels(caplog) == [("INFO", "k")]


def test_a_handler_that_reads_a_broken_document_is_one_line(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that a handler cannot decode is in its event's line, and in no second one."""

    @router.on("k")
    def handler(event: Event[bytes]) -> None:
        event.envelope.document()

    with caplog.at_level("INFO"):
        assert post("/events/k/r", b"{").status_code == 400

    assert [record.__dict__["event_outcome"] for record in ours(caplog)] == ["invalid"]


CONTROL = "a\nb\r\x00\x1b[31m\u202e\u2028"


def test_names_cannot_forge_a_line(router: EventRouter, caplog: pytest.LogCaptureFixture) -> None:
    """A kind, a reference or a message id with control characters stays on its line, and is complete in the fields."""
    body = json.loads(make_pubsub_message(message_id=CONTROL))

    with caplog.at_level("INFO"):
        event_received.send(None, event_kind=CONTROL, event_reference=CONTROL, event_payload=body, event_parameters={})

    (record,) = ours(caplog)
    assert record.getMessage().isprintable()
    assert [record.__dict__[name] for name in ("event_kind", "event_reference", "event_message_id")] == [CONTROL] * 3


def test_a_long_message_id_makes_no_long_line(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """A message id of any length does not fill the log: a line stays under 4 KB."""
    with caplog.at_level("INFO"):
        post("/events/k/r", make_pubsub_message(message_id="7" * 10_000))

    assert [len(record.getMessage()) < 4096 for record in ours(caplog)] == [True]


class SecretError(Exception):
    """Reveals a secret in its text, its repr and its notes."""

    def __init__(self) -> None:
        super().__init__(SECRET)
        self.add_note(SECRET)


def raised(error: Exception, cause: BaseException | None = None) -> Exception:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def chained() -> Exception:
    try:
        try:
            raise SecretError
        except SecretError:
            raise KeyError(SECRET)  # noqa: B904 -- as above
    except KeyError as caught:
        return caught


def looped() -> Exception:
    first, second = SecretError(), KeyError(SECRET)
    first.__cause__, second.__cause__ = second, first
    return first


def long() -> Exception:
    error: Exception = SecretError()
    for _ in range(100):
        error = raised(SecretError(), error)
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SecretError(), "SecretError"),
        (raised(SecretError()), "SecretError at PLACE"),
        (raised(SecretError(), KeyError(SECRET)), "SecretError from KeyError at PLACE"),
        (chained(), "KeyError from SecretError at PLACE"),
        (looped(), "SecretError from KeyError"),
        (long(), " from ".join(["SecretError"] * 6) + " at PLACE"),
        (raised(ExceptionGroup(SECRET, [SecretError()])), "ExceptionGroup of SecretError at PLACE"),
    ],
)
def test_a_trail_tells_types_and_places(error: Exception, text: str) -> None:
    """The line shows an exception by its type, those of its causes, and its places; never by its text."""
    assert re.sub(r"at .+:\d+ in \w+$", "at PLACE", trail(error)) == text


def test_a_suppressed_context_is_not_told() -> None:
    """A cause that `raise ... from None` hides stays hidden."""
    error = chained()
    error.__suppress_context__ = True

    assert trail(error).startswith("KeyError at ")


def test_debug_has_the_traceback(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG, and only there, the exception follows with its text."""
    error = SecretError()
    register(router, error)

    with caplog.at_level("DEBUG", "gcp_event_router"):
        post("/events/k/r", b'{"order_id": 1}')

    line, debug = ours(caplog)
    name = f"{__name__}.register.<locals>.handler"
    assert (line.levelname, line.exc_info, SECRET in line.getMessage()) == ("ERROR", None, False)
    assert (debug.levelname, debug.getMessage()) == ("DEBUG", f"Handler {name} did not finish")
    assert debug.exc_info is not None
    assert debug.exc_info[1] is error


def test_a_level_that_is_off_costs_no_record(caplog: pytest.LogCaptureFixture) -> None:
    """Above its level, the logger writes nothing."""
    with caplog.at_level("WARNING", "gcp_event_router"):
        log_event(logging.INFO, "handled", kind="k", reference="r")
        log_event(logging.WARNING, "invalid", kind="k", reference="r")

    assert [record.levelname for record in ours(caplog)] == ["WARNING"]
