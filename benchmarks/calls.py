"""Counts the functions of this package that a push calls, and their files; run by `make bench`.

A Pub/Sub push through Django's test client, a shared token, one sync handler, logging at WARNING; plain, with the inbox on
SQLite, and traced. `sys.setprofile` counts once everything is built, so the figures are the same on any machine.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import logging
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import django
from django.conf import settings
from django.urls import include, path

TOKEN = "not a secret, but as long as one of them"
SETTINGS = {
    "AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"tokens": [TOKEN], "header": "X-Token"}}]
}
settings.configure(
    SECRET_KEY="not secret",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[],
    INSTALLED_APPS=["gcp_event_router", "gcp_event_router.inbox"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    GCP_EVENT_ROUTER=SETTINGS,
)
django.setup()
logging.getLogger("gcp_event_router").setLevel(logging.WARNING)

from django.core.management import call_command
from django.test import Client
from django.test.utils import override_settings
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import gcp_event_router
from gcp_event_router import Event, events
from gcp_event_router._dispatch.store import EventStore, set_store
from gcp_event_router.inbox.store import InboxStore
from gcp_event_router.utils import make_pubsub_message

OURS = str(Path(gcp_event_router.__file__).parent)
#: Python 3.11 calls these, newer releases do not.
COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"}
#: The maximum of calls and, if it has one, of files.
BARS = {"plain": (40, 16), "with the inbox": (95, None), "traced": (90, None)}
urlpatterns = [path("", include("gcp_event_router.urls"))]


@events.on("order-placed")
def handle(event: Event[dict[str, int]]) -> None:
    """Do nothing."""


def push(number: int) -> Callable[[], object]:
    """Return a request with a new message id, so that the inbox treats it as a new event."""
    body = make_pubsub_message({"order": number}, message_id=f"{number:016d}")
    client, headers = Client(), {"X-Token": TOKEN}

    def post() -> None:
        response = client.post("/events/order-placed/1", body, content_type="application/json", headers=headers)
        if response.status_code != 201:
            raise AssertionError(response.status_code, response.content)

    return post


def count(post: Callable[[], object]) -> Counter[str]:
    """Count the calls of our functions, by their files."""
    calls: Counter[str] = Counter()

    def profile(frame: FrameType, happened: str, _argument: Any) -> None:
        code = frame.f_code
        if happened == "call" and code.co_filename.startswith(OURS) and code.co_name not in COMPREHENSIONS:
            calls[f"{code.co_filename.removeprefix(OURS + '/')}:{code.co_qualname}"] += 1

    sys.setprofile(profile)
    try:
        post()
    finally:
        sys.setprofile(None)
    return calls


def measure(name: str, store: EventStore | None, **changed: object) -> None:
    """Print one line, and with `-v` each function that was called."""
    set_store(store)
    with override_settings(GCP_EVENT_ROUTER=SETTINGS | changed):
        for number in range(3):  # everything is built by the first
            push(number)()
        calls = count(push(1000))
    files = {called.partition(":")[0] for called in calls}
    most_calls, most_files = BARS[name]
    bar = f"{most_calls} calls" + (f" in {most_files} files" if most_files else "")
    print(f"{name:15}  {calls.total():4} calls in {len(files):3} files; the bar is {bar}")
    if "-v" in sys.argv:
        print(*(f"    {times} {called}" for called, times in sorted(calls.items())), sep="\n")


def main() -> None:
    """Print all lines."""
    call_command("migrate", verbosity=0)
    trace.set_tracer_provider(TracerProvider())
    measure("plain", None)
    measure("with the inbox", InboxStore())
    measure("traced", None, TRACING=True)


if __name__ == "__main__":
    main()
