"""A site that is sent long payloads of wrong items, run as a process of its own by `test_memory`: prints its memory in MiB."""

from __future__ import annotations

import gc
import json
import logging
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.urls import include, path
from pydantic import BaseModel

settings.configure(
    SECRET_KEY="not secret",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["gcp_event_router"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    GCP_EVENT_ROUTER={"AUTHENTICATION": []},
)
django.setup()
logging.disable()

from django.test import Client  # noqa: E402 -- Django is set up

from gcp_event_router import Event, events  # noqa: E402

urlpatterns = [path("", include("gcp_event_router.urls"))]
LENGTH = 13 << 20


class Line(BaseModel):
    sku: int
    lines: list[Line] | None = None


def items(item: bytes) -> bytes:
    return b"[" + item + (b"," + item) * ((LENGTH - len(item)) // (len(item) + 1) - 1) + b"]"


def pairs(item: bytes) -> bytes:
    return b"{" + b",".join(b'"%d":%s' % (number, item) for number in range(LENGTH // (len(item) + 12))) + b"}"


CASES: dict[str, tuple[Any, bytes]] = {
    "list": (list[int], items(b'"x"')),
    "tuple": (tuple[int, ...], items(b'"x"')),
    "set": (set[int], items(b'"x"')),
    "frozenset": (frozenset[int], items(b'"x"')),
    "dict": (dict[str, int], pairs(b'"x"')),
    "models": (list[Line], items(b'{"sku":"x"}')),
    "nested models": (Line, b'{"sku":1,"lines":' + items(b'{"sku":"x"}') + b"}"),
    "nested lists": (list[list[int]], items(b'["x"]')),
    "union": (list[int] | dict[str, int], items(b'"x"')),
}


def memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name))) >> 10


def handler(event: Event[Any]) -> None:
    raise AssertionError


any_event: Any = Event
declared, body = CASES[sys.argv[1]]
handler.__annotations__["event"] = any_event[declared]
events.on("order-*")(handler)
Client().post("/events/order-placed/1", b"[]" if body[:1] == b"[" else b"{}", "application/json")
gc.collect()
gc.disable()
before = memory("VmRSS")
said: list[tuple[int, int]] = []
for _ in range(4):
    answer = Client().post("/events/order-placed/1", body, "application/json")
    said.append((answer.status_code, len(answer.content)))
print(json.dumps({"peak": memory("VmHWM") - before, "left": memory("VmRSS") - before, "said": said}))
