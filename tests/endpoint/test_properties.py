"""Whatever arrives: the status is one that the design knows, and nothing secret is answered or logged."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import NoneType
from typing import Annotated, Any, Literal
from urllib.parse import quote

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import HttpResponse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict, override

from gcp_event_router import Event, EventRouter, Reject, Retry, events
from gcp_event_router.event import is_label
from gcp_event_router.exceptions import UnavailableError

from ..conftest import post_asgi, post_wsgi

MARK = "s3cr3tMARKER"
STATUSES = {200, 201, 400, 503}
FORMATTER = logging.Formatter("%(levelname)s %(name)s %(message)s")


def refuse(value: str) -> str:
    if MARK in value:
        msg = f"{value} is refused"
        raise ValueError(msg)
    return value


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int
    text: Annotated[str, AfterValidator(refuse)] = ""


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    toys: dict[str, int] = {}


class Size(TypedDict):
    width: float


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")
    many: list[int] = []


@dataclass
class Point:
    x: int


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
TYPES: list[Any] = [Model, Point, Size, list[Model], dict[str, int], Pet, bytes, str, NoneType, Any, Model | None]


class OwnError(Exception):
    @override
    def __repr__(self) -> str:
        return MARK


ERRORS: list[Callable[[], BaseException | None]] = [
    lambda: None,
    lambda: KeyError(MARK),
    lambda: OSError(2, MARK, MARK),
    lambda: UnicodeDecodeError("utf-8", MARK.encode(), 0, 1, MARK),
    lambda: Retry(MARK, after=timedelta(seconds=1)),
    lambda: Reject(MARK),
    lambda: OperationalError(MARK),
    lambda: UnavailableError(MARK),
    lambda: ValidationError("%(value)s", params={"value": MARK}),
    lambda: ExceptionGroup(MARK, [ValueError(MARK), Reject(MARK), Retry(MARK)]),
    lambda: OwnError(MARK),
]


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Bytes, or JSON that comes near what the handlers declare, with the marker anywhere in it."""
    leaf = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.just(MARK),
        st.sampled_from(["cat", "dog", MARK + "\n"]),
    )
    names = st.one_of(st.sampled_from(["number", "text", "kind", "toys", "width", "x", MARK]), st.text())
    documents = st.recursive(leaf, lambda inner: st.one_of(st.lists(inner), st.dictionaries(names, inner)), max_leaves=9)
    return draw(
        st.one_of(
            st.binary(),
            st.binary().map(lambda before: before + MARK.encode()),
            st.binary().map(lambda after: MARK.encode() + after),
            documents.map(json.dumps).map(str.encode),
        )
    )


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A payload as it is, or in a push whose other fields are right, wrong or missing."""
    payload = draw(payloads())
    if draw(st.booleans()):
        return payload
    data = draw(st.one_of(st.just(base64.b64encode(payload).decode()), st.text(), st.just(MARK), st.integers()))
    message: dict[str, object] = {"data": data}
    wild = st.one_of(st.none(), st.integers(), st.just([MARK]), st.just({MARK: MARK}), st.just({MARK: 1}))
    for name in draw(st.sets(st.sampled_from(["attributes", "publishTime", "orderingKey", MARK]))):
        message[name] = draw(wild)
    return json.dumps({"message": message, "subscription": "s", "deliveryAttempt": draw(st.one_of(st.just(1), wild))}).encode()


CONTENT_TYPES = ["application/json", "text/plain", "", "multipart/form-data", "application/x-www-form-urlencoded", MARK]
HEADERS: list[dict[str, str]] = [
    {},
    {"x-goog-pubsub-message-id": "1", "a": MARK},
    {"x-goog-pubsub-message-id": "1", "x-goog-pubsub-publish-time": MARK},
    {"authorization": f"Bearer {MARK}", "cookie": f"a={MARK}"},
]
LABELS = st.one_of(st.sampled_from(["k", "a\nb", "..", "x" * 256]), st.text(min_size=1, max_size=300))


class Recorder(logging.Handler):
    """Keeps what any formatter could write of the records at INFO and above."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.text = ""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        own = {key: value for key, value in record.__dict__.items() if key not in {"request", "exc_info"}}
        self.text += f"{FORMATTER.format(record)}\n{record.exc_text} {record.stack_info} {own!r}\n"


@contextmanager
def recorded() -> Generator[Recorder]:
    recorder = Recorder()
    root = logging.getLogger()
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.INFO)
    try:
        yield recorder
    finally:
        root.removeHandler(recorder)
        root.setLevel(level)


def register(router: EventRouter, declared: Any, error: Callable[[], BaseException | None]) -> None:
    """Handle everything, in a sync and in an async handler, with and without typed parameters."""

    def fail() -> None:
        raised = error()
        if raised is not None:
            raise raised

    def plain(event: Any) -> None:
        fail()

    plain.__annotations__["event"] = Event[declared]
    router.on("*")(plain)

    @router.on("*")
    async def typed(event: Event[bytes, Query]) -> None:
        fail()


@pytest.mark.proof
@pytest.mark.parametrize("send", [post_wsgi, post_asgi], ids=["wsgi", "asgi"])
@settings(max_examples=150)
@given(
    kind=LABELS,
    reference=LABELS,
    query=st.one_of(st.sampled_from(["", f"many={MARK}", f"{MARK}=1", f"many={MARK}&many=%ff"]), st.text()),
    body=bodies(),
    content_type=st.sampled_from(CONTENT_TYPES),
    headers=st.sampled_from(HEADERS),
    declared=st.sampled_from(TYPES),
    error=st.sampled_from(ERRORS),
)
@example("k", "r", "", b"[" * 100_000, "application/json", {}, Any, ERRORS[0])
@example("k", "r", "", f'{{"kind": "{MARK}"}}'.encode(), "application/json", {}, Pet, ERRORS[0])
@example(
    "k", "r", "", f'{{"number": "{MARK}", "text": "{MARK}", "{MARK}": 1}}'.encode(), "application/json", {}, Model, ERRORS[0]
)
def test_nothing_unforeseen_is_answered_and_nothing_secret_told(
    send: Callable[..., HttpResponse],
    kind: str,
    reference: str,
    query: str,
    body: bytes,
    content_type: str,
    headers: dict[str, str],
    declared: Any,
    error: Callable[[], BaseException | None],
) -> None:
    """Any bytes, any kind, any query, any type and any failure: a known status, and the marker in no answer and no log."""
    url = f"/events/{quote(kind, safe='')}/{quote(reference, safe='')}?{quote(query, safe='=&%')}"
    with events.isolated(empty=True) as router, recorded() as log:
        register(router, declared, error)
        response = send(url, body, content_type, **headers)

    seen = [
        text.encode().decode("latin-1") if send is post_asgi else text for text in (kind, reference.removesuffix("/"))
    ]  # AsyncClient's way
    assert response.status_code in (STATUSES if all(map(is_label, seen)) else {404})
    answer = response.content.decode() + repr(response.headers)
    assert (MARK in answer, MARK in log.text) == (False, False)
    if response.status_code != 404:
        assert response.headers["Content-Type"] == "application/json"
        assert sorted(json.loads(response.content)) in ([], ["error"], ["error", "errors"])
