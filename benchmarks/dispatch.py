"""Measures a dispatch, compared with handwritten code; run by `make bench`.

The payload is an order with five lines, about 420 bytes; as a Pub/Sub push, about 850. Handlers do nothing. It prints figures
without asserting them: on a shared machine, only the ratios mean something.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import json
import logging
import statistics
import sys
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from time import process_time
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import django
from django.conf import settings
from measure import ROUNDS, compare, header
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict, override

settings.configure(
    SECRET_KEY="not secret",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[],
    INSTALLED_APPS=["gcp_event_router"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    GCP_EVENT_ROUTER={"AUTHENTICATION": []},
)
django.setup()
logging.getLogger("gcp_event_router").setLevel(logging.WARNING)

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.test import RequestFactory
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from gcp_event_router import Event, EventRouter, events
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import read
from gcp_event_router.signals import EventSignal
from gcp_event_router.utils import make_pubsub_message

KIND = "order-placed"


class Line(BaseModel):
    """A line of an order."""

    sku: str
    quantity: int
    price: float


class OrderPlaced(BaseModel):
    """The payload."""

    order_id: str
    customer: str
    placed_at: datetime
    currency: str
    lines: list[Line]


ORDER = {
    "order_id": "ord_2KWPBgLlAfxdpx2AI54pPJ85f4W",
    "customer": "Customer 4711",
    "placed_at": "2026-01-02T03:04:05.678Z",
    "currency": "EUR",
    "lines": [{"sku": f"sku-{number:08d}", "quantity": number + 1, "price": 9.5 + number} for number in range(5)],
}
PAYLOAD = json.dumps(ORDER).encode()
MESSAGE = make_pubsub_message(ORDER, attributes={"origin": "bench"}, message_id="2070443601311540", as_dict=True)
MESSAGE["message"] |= {"message_id": "2070443601311540", "publishTime": ORDER["placed_at"], "publish_time": ORDER["placed_at"]}
PUSH = json.dumps(MESSAGE).encode()


@with_config(ConfigDict(val_json_bytes="base64"))
class Message(TypedDict, total=False):
    """The fastest handwritten envelope: one pass in pydantic's core."""

    data: bytes
    attributes: dict[str, str]
    messageId: str
    publishTime: datetime


@with_config(ConfigDict(val_json_bytes="base64"))
class Push(TypedDict):
    """As above."""

    message: Message
    subscription: str


read_order = TypeAdapter(OrderPlaced).validator.validate_json
read_push = TypeAdapter(Push).validator.validate_json


def work(order: OrderPlaced) -> None:
    """The function that handwritten code calls."""


def handler(event: Event[OrderPlaced]) -> None:
    """The handler that the library calls."""


def by_hand() -> None:
    """Read a push carefully, without any library."""
    work(read_order(read_push(PUSH)["message"].get("data", b"")))


def dispatcher(others: int) -> Callable[[], object]:
    """A dispatch by a router with one handler of the kind and many of others, nine in ten with globs."""
    router = EventRouter()
    for number in range(others):
        router.on(f"svc{number:05d}-created" if number % 10 == 9 else f"svc{number:05d}-*")(handler)
    router.on("order-*")(handler)
    signal = EventSignal()
    router.listen(signal)
    meta = {"CONTENT_TYPE": "application/json"}
    return lambda: signal.deliver(None, KIND, "1", RawEvent(read(PUSH, meta)))


@csrf_exempt
def bare(request: HttpRequest, event_kind: str, event_reference: str) -> HttpResponse:
    """A view that only reads and answers."""
    request.read()
    return HttpResponse(b"{}", status=201, content_type="application/json")


HANDLERS = {KIND: work}
LIMIT = 15 * 1024 * 1024


@csrf_exempt
def typed(request: HttpRequest, event_kind: str, event_reference: str) -> HttpResponse:
    """A careful handwritten view: exempt from CSRF, POST only, a limit for the body, one typed pass each, a dict of handlers.

    It answers 405, 413 or 400 to what it does not take, and 201 with JSON. It does not authenticate, log, catch what a handler
    raises, or read any other form of event than a wrapped push.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if int(request.META.get("CONTENT_LENGTH") or 0) > LIMIT:
        return HttpResponse(status=413)
    try:
        order = read_order(read_push(request.read())["message"].get("data", b""))
    except ValidationError:
        return HttpResponse(b'{"error": "invalid"}', status=400, content_type="application/json")
    handle = HANDLERS.get(event_kind)
    if handle is not None:
        handle(order)
    return HttpResponse(b"{}", status=201, content_type="application/json")


@csrf_exempt
def legacy(request: HttpRequest, event_kind: str, event_reference: str) -> HttpResponse:
    """A typical handwritten view: it decodes, decodes again and validates."""
    message = json.loads(request.body)["message"]
    work(OrderPlaced.model_validate(json.loads(b64decode(message["data"]))))
    return HttpResponse(json.dumps({}), status=201, content_type="application/json")


urlpatterns = [path("", include("gcp_event_router.urls"))]


class Site(WSGIHandler):
    """A project that includes the URLs of one app, as Django's documentation and this library's tell it to.

    Each contestant has its own, so that no request is compared with the patterns of another one.
    """

    def __init__(self, view: Callable[..., HttpResponse] | None = None) -> None:
        super().__init__()
        self._patterns = tuple(urlpatterns)
        if view is not None:
            self._patterns = (path("", include([path("events/<event_kind>/<event_reference>", view)])),)

    @override
    def resolve_request(self, request: HttpRequest) -> Any:
        """Resolve the URL in this project."""
        setattr(request, "urlconf", self._patterns)  # noqa: B010 -- as a middleware may do
        return super().resolve_request(request)


def request(view: Callable[..., HttpResponse] | None = None) -> Callable[[], object]:
    """A whole request cycle of Django with a view, or with the library's own; without a server and without middleware."""
    application = Site(view)
    environ = RequestFactory().post(f"/events/{KIND}/1", PUSH, content_type="application/json").environ

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        if not status.startswith("201"):
            raise AssertionError(status)

    def cycle() -> None:
        response = application({**environ, "wsgi.input": BytesIO(PUSH)}, start_response)
        b"".join(response)
        response.close()

    return cycle


def registration() -> None:
    """Print the cost of ten thousand registrations, and of the first look-up, in CPU time: of one function, and of as many."""
    many: list[Callable[[Event[OrderPlaced]], None]] = [eval("lambda event: None") for _ in range(10_000)]
    for function in many:
        function.__annotations__["event"] = "Event[OrderPlaced]"
    for title, functions in (("one function", [handler] * len(many)), (f"{len(many):,} functions", many)):
        rounds: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            router = EventRouter()
            start = process_time()
            for number, function in enumerate(functions):
                router.on(f"svc{number:05d}-*")(function)
            registered = process_time()
            router.find(KIND)
            rounds.append((registered - start, process_time() - registered))
        made, found = (statistics.median(part) * 1e3 for part in zip(*rounds, strict=True))
        print(f"10,000 registrations of {title}: {made:.0f} ms of CPU, and {found:.0f} ms for the first look-up")


def main() -> None:
    """Print all tables."""
    header()
    compare(
        "From the bytes of a push to the handler's call, kind seen before",
        {
            "by hand: envelope and payload with validate_json, call": by_hand,
            "by hand: the payload alone, already unwrapped": lambda: work(read_order(PAYLOAD)),
            "this library, 10 other handlers": dispatcher(10),
            "this library, 10,000 other handlers": dispatcher(10_000),
        },
        process_time,
    )
    events.on("order-*")(handler)
    compare(
        "A whole request through Django's WSGI handler",
        {
            "by hand: a typed view": request(typed),
            "a view that only reads and answers": request(bare),
            "a view with json.loads, b64decode, json.loads, model_validate": request(legacy),
            "this library": request(),
        },
        process_time,
    )
    registration()


if __name__ == "__main__":
    main()
