"""A site that other software watches, run as a process of its own by `test_sentry`: prints what handlers were given.

Its arguments say when Sentry is initialised, whether signals and middleware have spans, and by which door events come; instead of
spans, "opentelemetry" has OpenTelemetry's instrumentation watch the site.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import django
import sentry_sdk
from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path
from opentelemetry.instrumentation.django import DjangoInstrumentor  # pyright: ignore[reportMissingTypeStubs] -- it has none
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.transport import Transport

when, spans, door = sys.argv[1:]
seen_spans: set[str] = set()


class Collector(Transport):
    """Keeps the names of spans, and sends nothing."""

    def capture_envelope(self, envelope: Envelope) -> None:  # type: ignore[explicit-override]  # Sentry's own name
        transaction: Any = envelope.get_transaction_event() or {}
        seen_spans.update(span["op"] for span in transaction.get("spans", []))


def watch() -> None:
    if spans == "opentelemetry":
        DjangoInstrumentor().instrument(tracer_provider=provider)
        return
    on = spans == "on"
    sentry_sdk.init(
        dsn="http://public@127.0.0.1:9/1",
        transport=Collector,
        traces_sample_rate=1.0,
        integrations=[] if spans == "default" else [DjangoIntegration(signals_spans=on, middleware_spans=on)],
    )


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter := InMemorySpanExporter()))

if when == "before":
    watch()

settings.configure(
    SECRET_KEY="not secret",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=["gcp_event_router"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    GCP_EVENT_ROUTER={
        "AUTHENTICATION": [
            {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"tokens": ["s" * 32], "header": "X-Token"}}
        ]
    },
)
django.setup()

if when == "after":
    watch()

from django.test import AsyncClient, Client  # noqa: E402 -- Django is set up

from gcp_event_router import Event, events  # noqa: E402
from gcp_event_router.utils import make_pubsub_message  # noqa: E402

urlpatterns = [path("", include("gcp_event_router.urls" if door == "wsgi" else "gcp_event_router.urls_async"))]
got: list[list[object]] = []


def note(name: str, event: Event[bytes]) -> None:
    got.append([name, event.principal is not None, event.envelope.message_id, event.payload.decode()])


@events.on("order-*")
def handle(event: Event[bytes]) -> None:
    note("sync", event)


@events.on("order-*")
async def handle_async(event: Event[bytes]) -> None:
    note("async", event)


@events.on(ce_type="com.example.*")
def handle_type(event: Event[bytes]) -> None:
    note("type", event)


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    async def send() -> HttpResponse:
        response = await AsyncClient().generic("POST", url, body, "application/json", headers=headers)
        assert isinstance(response, HttpResponse)
        return response

    with sentry_sdk.start_transaction(name=url):  # which a server's handler would begin
        if door == "wsgi":
            return Client().generic("POST", url, body, "application/json", headers=headers).status_code
        return asyncio.run(send()).status_code


TOKEN = {"x-token": "s" * 32}
CLOUDEVENT = {"ce-id": "77", "ce-source": "//x", "ce-type": "com.example.placed", "ce-specversion": "1.0"}
if when == "running":
    post("/events/order-placed/1", b"{}", TOKEN)
    got.clear()
    watch()
statuses = [
    post("/events/order-placed/1", make_pubsub_message({"a": 1}, message_id="17"), TOKEN),
    post("/events/order-placed/1", b'{"b": 1,  "a": 2.50}', TOKEN),
    post("/events/", b"{}", TOKEN | CLOUDEVENT),
]
sentry_sdk.flush()
seen_spans.update(span.name for span in exporter.get_finished_spans())
print(json.dumps({"statuses": statuses, "got": got, "spans": sorted(seen_spans)}))
