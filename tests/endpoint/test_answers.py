"""What the sender is answered: every outcome that the endpoint knows, whole, under WSGI and ASGI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.test import Client, override_settings
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.exceptions import UnavailableError
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post

UNABLE = "Unable to handle event of kind k with reference r"
RETRY_IN_3 = {"Retry-After": "3"}


class Order(BaseModel):
    order_id: int


class Page(BaseModel):
    number: int = 1


@dataclass(frozen=True)
class Case:
    """A handler of `Event[Order, Page]` that may raise, a request, and the answer."""

    name: str
    status: int
    body: bytes = b'{"order_id": 1}'
    query: str = ""
    error: BaseException | None = None
    errors: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    handled: bool = True

    @property
    def answer(self) -> tuple[int, Any, dict[str, str]]:
        content: dict[str, Any] = {} if self.status < 300 else {"error": UNABLE}
        if self.errors:
            content["errors"] = self.errors
        return self.status, content, {"Content-Type": "application/json", **self.headers}


def invalid(loc: list[Any], msg: str, kind: str) -> list[dict[str, Any]]:
    return [{"loc": loc, "msg": msg, "type": kind}]


def push(data: str) -> bytes:
    return json.dumps({"message": {"data": data}, "subscription": "s"}).encode()


NO_INTEGER = "Input should be a valid integer, unable to parse string as an integer"
NULL = "Input should be an object"
CASES = [
    Case("handled", 201),
    Case("handled, wrapped", 201, make_pubsub_message({"order_id": 1})),
    Case("nothing to handle", 201, handled=False),
    Case("rejected", 200, error=Reject("why")),
    Case("rejected in a group", 200, error=ExceptionGroup("of a task group", [Reject("why"), Reject("too")])),
    Case(
        "no JSON", 400, b"{", errors=invalid([], "Invalid JSON: EOF while parsing an object at line 1 column 1", "json_invalid")
    ),
    Case("no JSON, nobody there", 400, b"{", handled=False),
    Case("no base64", 400, push("#")),
    Case("no base64, nobody there", 400, push("#"), handled=False),
    Case("invalid payload", 400, b'{"order_id": "x"}', errors=invalid(["order_id"], NO_INTEGER, "int_parsing")),
    Case("no payload", 400, b"", errors=invalid([], NULL, "model_type")),
    Case("invalid parameters", 400, query="?number=x", errors=invalid(["number"], NO_INTEGER, "int_parsing")),
    Case("too many parameters", 400, query="?" + "&".join(f"p{number}=1" for number in range(1001))),
    Case("django's validation", 400, error=ValidationError("Bad", code="bad"), errors=invalid([], "Bad", "bad")),
    Case("retry", 503, error=Retry("why")),
    Case("retry later", 503, error=Retry("why", after=timedelta(seconds=2.5)), headers=RETRY_IN_3),
    Case(
        "retry in a group",
        503,
        error=ExceptionGroup("of a task group", [Retry(after=timedelta(seconds=1)), Retry(after=timedelta(seconds=3))]),
        headers=RETRY_IN_3,
    ),
    Case("database away", 503, error=OperationalError("text")),
    Case("connection away", 503, error=InterfaceError("text")),
    Case("something away", 503, error=UnavailableError("text")),
    Case("failed", 400, error=KeyError("text")),
    Case("failed at depth", 400, error=RecursionError("text")),
    Case("failed with a group", 400, error=ExceptionGroup("of a task group", [Retry("why"), Reject("why"), KeyError("text")])),
]


def whole(response: HttpResponse) -> tuple[int, Any, dict[str, str]]:
    return response.status_code, json.loads(response.content), dict(response.headers)


def register(router: EventRouter, error: BaseException | None) -> None:
    @router.on("k")
    def handler(event: Event[Order, Page]) -> None:
        if error is not None:
            raise error


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_outcome_has_one_answer(router: EventRouter, post: Post, case: Case) -> None:
    """Status, body and headers say what became of the event, and no more."""
    if case.handled:
        register(router, case.error)

    assert whole(post(f"/events/k/r{case.query}", case.body)) == case.answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_debug_changes_no_answer_but_that_of_a_failure(router: EventRouter, post: Post, case: Case) -> None:
    """With DEBUG on, an unexpected exception is raised, and all other answers are the same."""
    if case.handled:
        register(router, case.error)
    failed = case.name.startswith("failed")

    with override_settings(DEBUG=True):
        if failed:
            with pytest.raises(type(case.error) if case.error else Exception) as caught:
                post(f"/events/k/r{case.query}", case.body)
            assert caught.value is case.error
        else:
            assert whole(post(f"/events/k/r{case.query}", case.body)) == case.answer


@pytest.mark.parametrize(
    ("setting", "error", "status"),
    [
        (500, KeyError(), 500),
        (599, KeyError(), 599),
        (500, Retry(), 503),
        (500, Reject(), 200),
        (500, ValidationError("Bad"), 400),
    ],
)
def test_failure_status_is_for_failures_only(
    router: EventRouter, post: Post, setting: int, error: Exception, status: int
) -> None:
    """FAILURE_STATUS is answered to an unexpected exception, and to nothing else."""
    register(router, error)

    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "FAILURE_STATUS": setting}):
        response = post("/events/k/r", b'{"order_id": 1}')

    assert response.status_code == status


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "UNHANDLED": "error"})
def test_a_kind_that_nothing_handles_may_be_an_error(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """With UNHANDLED set to "error", an unknown kind is answered 400 and logged as a warning, and a known one is handled."""
    register(router, None)

    unknown = post("/events/other/r", b"{}")
    known = post("/events/k/r", b'{"order_id": 1}')

    error = {"error": "Unable to handle event of kind other with reference r"}
    assert (whole(unknown), known.status_code) == ((400, error, {"Content-Type": "application/json"}), 201)
    assert [(each.levelname, getattr(each, "event_outcome", None)) for each in caplog.records if each.levelname == "WARNING"] == [
        ("WARNING", "unhandled")
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/events/k/r", "/events/k/r/", "/async/events/k/r", "/async/events/k/r/"])
def test_post_is_the_only_method(router: EventRouter, method: str, path: str) -> None:
    """Other methods are answered 405, with the one that is allowed and nothing else."""
    response = Client().generic(method, path)

    assert (response.status_code, response.content, response.headers["Allow"]) == (405, b"", "POST")


def test_all_handlers_run_although_several_fail(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """Handlers that fail keep no other one from running; each failure is in the one line, and there is one answer."""
    ran: list[str] = []

    def failing(name: str, error: Exception) -> Callable[[Event[Any]], None]:
        def handler(event: Event[Any]) -> None:
            ran.append(name)
            raise error

        handler.__qualname__ = name
        return handler

    router.on("k")(failing("first", KeyError("text")))
    router.on("k")(failing("second", Retry("text", after=timedelta(seconds=9))))
    router.on("k")(failing("third", Reject("text")))

    @router.on("k")
    async def fourth(event: Event[Any]) -> None:
        ran.append("fourth")
        raise ValueError

    @router.on("k")
    def fifth(event: Event[Any]) -> None:
        ran.append("fifth")

    response = post("/events/k/r")

    assert (response.status_code, json.loads(response.content)) == (400, {"error": UNABLE})
    assert ran == ["first", "second", "third", "fifth", "fourth"]
    (record,) = [each for each in caplog.records if each.name == "gcp_event_router"]
    problems = record.getMessage().partition(" ms: ")[2].split("; ")
    assert [problem.partition(" at ")[0].rpartition(f"{__name__}.")[2].rpartition("<locals>.")[2] for problem in problems] == [
        "first failed: KeyError",
        "second asked to retry",
        "third rejected: Reject",
        "fourth failed: ValueError",
    ]


def test_a_retry_is_no_error_in_any_log(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """A Retry leaves one line at INFO, without its reason, and Django adds none for the 503."""
    register(router, Retry("secret reason"))

    with caplog.at_level("INFO"):
        assert post("/events/k/r", b'{"order_id": 1}').status_code == 503

    assert [(each.name, each.levelname) for each in caplog.records if each.name != "asyncio"] == [("gcp_event_router", "INFO")]
    assert "secret reason" not in caplog.text


@pytest.fixture
def receiver() -> Iterator[list[object]]:
    """What a plain receiver was sent, before it failed."""
    payloads: list[object] = []

    def failing(event_payload: object) -> NoReturn:
        payloads.append(event_payload)
        msg = "secret text"
        raise LookupError(msg)

    event_received.connect(failing, weak=False)
    yield payloads
    event_received.disconnect(failing)


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [(Reject("why"), 200, {}), (Retry("why"), 503, {"error": UNABLE})],
)
def test_a_plain_receiver_may_answer_too(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture, error: Exception, status: int, body: object
) -> None:
    """Retry and Reject of a plain receiver are answered as a handler's, and are no errors in the log."""

    def receiver(**_: object) -> NoReturn:
        raise error

    event_received.connect(receiver)
    with caplog.at_level("INFO"):
        response = post("/events/k/r")

    assert (response.status_code, json.loads(response.content)) == (status, body)
    assert {record.levelname for record in caplog.records if record.name == "gcp_event_router"} == {"INFO"}


def test_a_failing_receiver_and_a_handler_do_not_stop_each_other(router: EventRouter, post: Post, receiver: list[object]) -> None:
    """A plain receiver fails and the handler runs all the same, and the answer tells neither text."""
    register(router, KeyError("another text"))

    assert whole(post("/events/k/r", b'{"order_id": 1}')) == (400, {"error": UNABLE}, {"Content-Type": "application/json"})
    assert receiver == [{"order_id": 1}]
