"""`manage.py events list` and `explain`: who handles what, and why."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from pydantic import Field

from gcp_event_router import Backoff, Event, EventRouter
from gcp_event_router.signals import event_received

HERE = "tests/management/test_list_command.py"
NAME = "tests.management.test_list_command"
FINALIZED = "google.cloud.storage.object.v1.finalized"


def one(event: Event[dict[str, int]]) -> None: ...


async def two(event: Event[Annotated[int | str, Field(description="x")], dict[str, list[str]]]) -> None: ...


def three(event: Event[bytes]) -> None: ...


def four(event: Event[int]) -> None: ...


def plain(sender: object, event_kind: str, **_: object) -> None: ...


class Receiver:
    def __call__(self, sender: object, **_: object) -> None: ...


def narrow(event_kind: str, event_reference: str) -> None: ...


@pytest.fixture
def shop(router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> EventRouter:
    """Handlers of each sort, and plain receivers."""
    monkeypatch.chdir(Path(__file__).parents[2])
    router.on("order-*", "invoice-paid", lease=timedelta(minutes=1))(one)
    router.on("gcs-*", ce_type="google.cloud.storage.*", name="storage")(two)
    router.on(ce_type="com.example.*", once=False)(three)
    router.fallback(deferred=True)(one)
    router.kind("order-placed", dict[str, int])
    router.kind("never", int)
    router._entries.pop(3)  # pyright: ignore[reportPrivateUsage] -- the fallback, so that something is handled by nobody
    router.fallback(deferred=True)(three)
    for receiver in (plain, Receiver(), narrow):
        event_received.connect(receiver, weak=False)
    return router


def run(*arguments: str) -> str:
    """What the command prints, with line numbers left out."""
    out = io.StringIO()
    try:
        call_command("events", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        out.write(f"CommandError: {error}\n")
    return re.sub(r"\.py:\d+", ".py:0", re.sub(r"where {5,}how", f"where{' ' * (len(HERE) - 1)}how", out.getvalue()))


def test_list(shop: EventRouter) -> None:
    """Each registration has its kinds, payload, handler, place and manner; plain receivers and declared kinds follow."""
    assert run("list") == (
        f"kind                                  payload         handler{' ' * (len(NAME) + 1)}where{' ' * (len(HERE) - 1)}how\n"
        f"order-*, invoice-paid                 dict[str, int]  {NAME}.one    {HERE}:0  sync\n"
        f"gcs-* ce_type=google.cloud.storage.*  int | str       storage{' ' * (len(NAME) + 1)}{HERE}:0  async\n"
        f"ce_type=com.example.*                 bytes           {NAME}.three  {HERE}:0  sync, every delivery\n"
        f"(fallback)                            bytes           {NAME}.three  {HERE}:0  sync, deferred\n"
        "\n"
        "plain receivers, which see every event\n"
        f"  tests.management.test_list_command.plain ({HERE}:0)\n"
        f"  tests.management.test_list_command.Receiver.__call__ ({HERE}:0)\n"
        f"  tests.management.test_list_command.narrow ({HERE}:0)\n"
    )


def test_list_as_json(shop: EventRouter) -> None:
    """The same for scripts."""
    found = json.loads(run("list", "--format", "json"))

    assert found["handlers"][0] == {
        "kinds": ["order-*", "invoice-paid"],
        "ce_type": None,
        "attributes": {},
        "fallback": False,
        "handler": "tests.management.test_list_command.one",
        "where": f"{HERE}:0",
        "payload": "dict[str, int]",
        "parameters": "dict[str, str]",
        "async": False,
        "once": True,
        "deferred": None,
        "lease_seconds": 60.0,
        "max_attempts": None,
        "retry": None,
        "once_key": False,
        "order_by": None,
    }
    assert [each["fallback"] for each in found["handlers"]] == [False, False, False, True]
    assert found["declared"] == {"order-placed": "dict[str, int]", "never": "int"}
    assert len(found["receivers"]) == 3


def test_topics(router: EventRouter) -> None:
    """`list` and `explain` name the topic to which a kind is published by default."""
    router.kind("order-placed", int, topic="projects/p/topics/orders").on(four)
    router.kind("never", int)

    assert run("list").endswith("\n\npublished by default\n  order-placed to projects/p/topics/orders\n")
    assert json.loads(run("list", "--format", "json"))["topics"] == {"order-placed": "projects/p/topics/orders"}
    assert run("explain", "order-placed").endswith("\npublished by default:\n  to projects/p/topics/orders\n")
    assert json.loads(run("explain", "order-placed", "--format", "json"))["topic"] == "projects/p/topics/orders"


def test_list_nothing(router: EventRouter) -> None:
    """Without handlers it says where to put one; kinds that nothing handles are named; so is a fallback under a prefix."""
    assert run("list") == "No handlers. Register one in an app's event_handlers.py.\n"
    router.kind("never", int)
    assert run("list").endswith("\n\ndeclared kinds without a handler here\n  never\n")
    inner = EventRouter()
    inner.fallback(one)
    router.include(inner, prefix="billing-")
    assert "(fallback for billing-*)" in run("list")


def test_explain(shop: EventRouter) -> None:
    """Every registration has its reason; plain receivers and authenticators follow."""
    assert run("explain", "gcs-photos", "--ce-type", FINALIZED) == (
        f"'gcs-photos' of the type {FINALIZED!r} is handled by 1 handler\n"
        f"  skips tests.management.test_list_command.one ({HERE}:0)\n"
        "        'gcs-photos' does not match 'order-*' or 'invoice-paid'\n"
        f"  runs  storage ({HERE}:0)\n"
        "        'gcs-*' and 'google.cloud.storage.*' match\n"
        f"  skips tests.management.test_list_command.three ({HERE}:0)\n"
        f"        the type {FINALIZED!r} does not match 'com.example.*'\n"
        f"  skips tests.management.test_list_command.three ({HERE}:0)\n"
        "        another handler matches\n"
        "plain receivers, which see every event:\n"
        f"  tests.management.test_list_command.plain ({HERE}:0)\n"
        f"  tests.management.test_list_command.Receiver.__call__ ({HERE}:0)\n"
        f"  tests.management.test_list_command.narrow ({HERE}:0)\n"
        "authenticators:\n"
        "  none; AUTHENTICATION is [], so everybody may send\n"
    )


def test_attributes(router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """`list` shows the attributes that a handler wants, and `explain` takes those of an event."""
    monkeypatch.chdir(Path(__file__).parents[2])
    router.on("gcs-*", attributes={"eventType": "OBJECT_*", "bucketId": "a"})(one)
    router.on(ce_type="com.*", attributes={"source": "//shop/*"})(three)
    router.kind("gcs-photos", dict[str, int])

    table = run("list").splitlines()
    assert [re.sub("  .*", "", line) for line in table] == [
        "kind",
        "gcs-* attributes={'bucketId': 'a', 'eventType': 'OBJECT_*'}",
        "ce_type=com.* attributes={'source': '//shop/*'}",
    ]
    handlers = json.loads(run("list", "--format", "json"))["handlers"]
    assert [handler["attributes"] for handler in handlers] == [{"bucketId": "a", "eventType": "OBJECT_*"}, {"source": "//shop/*"}]
    given = ("--attribute", "eventType=OBJECT_A=B", "--attribute", "bucketId=a")
    assert run("explain", "gcs-photos", *given).splitlines()[:3] == [
        "'gcs-photos' with eventType='OBJECT_A=B' and bucketId='a' is handled by 1 handler",
        f"  runs  {NAME}.one ({HERE}:0)",
        "        'gcs-*' and bucketId='a' and eventType='OBJECT_*' match",
    ]
    assert json.loads(run("explain", "gcs-photos", *given, "--format", "json"))["attributes"] == {
        "eventType": "OBJECT_A=B",
        "bucketId": "a",
    }
    with pytest.raises(CommandError, match=r"'eventType' has no name or no '='\. Write NAME=VALUE\.$"):
        call_command("events", "explain", "gcs-photos", "--attribute", "eventType")


@pytest.mark.parametrize(
    ("settings", "who"),
    [
        ({}, "none; AUTHENTICATION is not set, so nobody may send unless DEBUG is on"),
        ({"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]}, "gcp_event_router.auth.signed_url.SignedURL"),
        (
            {"AUTHENTICATION": [{"BACKEND": "nowhere.None"}]},
            "none; the settings are invalid, so nobody may send: The authenticator "
            "'nowhere.None' cannot be imported: No module named 'nowhere'. Give the dotted path of a class as its BACKEND.",
        ),
    ],
)
def test_who_is_let_in(router: EventRouter, settings: dict[str, Any], who: str) -> None:
    """The authenticators of the settings are named, also if there are none, or they cannot be made."""
    router.on("a")(one)
    with override_settings(GCP_EVENT_ROUTER=settings):
        assert run("explain", "a").splitlines()[-1] == f"  {who}"
        assert json.loads(run("explain", "a", "--format", "json"))["authenticators"] == [who]


def test_explain_what_nothing_handles(router: EventRouter) -> None:
    """It fails, for scripts that ask."""
    router.on("order-placed")(one)

    ends = [run("explain", kind).splitlines()[-1] for kind in ("weather", "ordr-placed")]

    see = "See manage.py events list."
    assert ends == [
        f"CommandError: No handler runs for 'weather'. {see}",
        f"CommandError: No handler runs for 'ordr-placed'. Did you mean 'order-placed'? {see}",
    ]


def test_explain_a_declared_kind_whose_handler_is_misspelt(router: EventRouter) -> None:
    """The glob of the handler is named, and not the kind itself."""
    router.kind("order-placed", dict[str, int])
    router.on("ordr-placed")(one)

    assert run("explain", "order-placed").splitlines()[-1] == (
        "CommandError: No handler runs for 'order-placed'. Did you mean 'ordr-placed'? See manage.py events list."
    )


def test_explain_what_no_url_holds(router: EventRouter) -> None:
    """It is a type, whose events at `/events/` have it as their kind (CloudEvents, spec.md, "type"): any handler may take it."""
    assert run("explain", "com.example/thing").splitlines()[-1] == (
        "CommandError: No handler runs for 'com.example/thing'. See manage.py events list."
    )

    router.on("com.example/*")(one)
    router.on(ce_type="com.example/t*")(three)
    assert run("explain", "com.example/thing").splitlines()[:5] == [
        "'com.example/thing' of the type 'com.example/thing' is handled by 2 handlers",
        f"  runs  tests.management.test_list_command.one ({HERE}:0)",
        "        'com.example/*' matches",
        f"  runs  tests.management.test_list_command.three ({HERE}:0)",
        "        'com.example/t*' matches",
    ]

    assert run("explain", "a/b", "--ce-type", "c.d") == (
        "CommandError: 'a/b' cannot be part of an event's URL, so it must be the type of a CloudEvent, but --ce-type is another "
        "type. Omit --ce-type, or write a kind of at most 255 characters without a slash.\n"
    )


def test_what_cannot_be_resolved(router: EventRouter) -> None:
    """A handler whose annotation is of unknown names is listed all the same, beside all others."""

    @router.on("a", name="lost")
    def lost(event: Event[Unknown]) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] -- the point

    assert run("list").splitlines()[1].split()[:3] == ["a", "?", "lost"]
    (found,) = json.loads(run("list", "--format", "json"))["handlers"]
    assert (found["payload"], found["parameters"]) == ("?", "?")


@pytest.mark.proof
def test_djangos_own_options_after_the_action() -> None:
    """As cron lines have them: `manage.py events list --settings=... --no-color -v 2`."""
    command = [sys.executable, "-m", "django", "events", "list", "--settings=shop.settings", "--no-color", "-v", "2"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    ended = subprocess.run(
        command,
        cwd=Path(__file__).parents[2] / "example",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "shop.event_handlers.record_order" in ended.stdout


@pytest.mark.proof
def test_nothing_but_the_core_is_needed() -> None:
    """Every subcommand is there without any extra, and says of what is missing only where it is asked for."""
    missing = ("jwt", "cryptography", "hypothesis", "pytest", "opentelemetry", "google.cloud", "google.auth", "requests")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing}));"
        # a system check of Django 6.1 connects to MariaDB, which does not run for this
        "from tests import settings; settings.DATABASES.pop('mariadb', None);"
        "import django; from django.core.management import call_command; django.setup();"
        "call_command('events', 'list'); call_command('events', 'check'); call_command('events', 'schema');"
        "call_command('events', 'send', 'k', data='1', format='json', expect='unhandled')"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert ended.returncode == 0, ended.stderr


def order_reference(event: Event[dict[str, int]]) -> str:
    return event.reference


by_reference: Callable[[Event[Any]], str] = lambda event: event.reference  # noqa: E731 -- what is named


@pytest.mark.parametrize(
    ("order_by", "name"),
    [("ordering_key", "ordering_key"), (order_reference, f"{NAME}.order_reference"), (by_reference, "a lambda")],
)
def test_what_orders_a_handler(router: EventRouter, order_by: Any, name: str) -> None:
    """A handler with `order_by` says by what it is ordered, in the list, in an explanation, and for scripts."""
    router.on("order-placed", order_by=order_by, name="h")(one)

    assert f"sync, ordered by {name}\n" in run("list")
    assert f"        ordered by {name}\n" in run("explain", "order-placed")
    assert json.loads(run("list", "--format", "json"))["handlers"][0]["order_by"] == name
    assert json.loads(run("explain", "order-placed", "--format", "json"))["consulted"][0]["order_by"] == name


def test_when_a_handler_is_tried_again(router: EventRouter) -> None:
    """A handler with `retry` says its policy in words, in the list, in an explanation, and for scripts."""
    router.on("order-placed", retry=Backoff(jitter=0, give_up_on=ValueError), name="h")(one)
    words = "after 10 s, doubling up to 10 min, giving up on ValueError"

    assert f"sync, retries {words}\n" in run("list")
    assert f"        retries {words}\n" in run("explain", "order-placed")
    assert json.loads(run("list", "--format", "json"))["handlers"][0]["retry"] == words
    assert json.loads(run("explain", "order-placed", "--format", "json"))["consulted"][0]["retry"] == words
