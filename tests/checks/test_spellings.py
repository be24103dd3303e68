"""W031 and W032: kinds that look like something other than a glob, and types that look like one of Google's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.checks import Warning as Warn

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_router
from gcp_event_router.google.catalogue import types

from .test_checks import told

#: Of event types that google-cloudevents does not describe, and that Eventarc's documentation lists all the same.
OTHERS = (
    "google.cloud.alloydb.cluster.v1.created",
    "google.cloud.apigeeregistry.api.v1.created",
    "google.cloud.batch.job.v1.created",
    "google.cloud.datastore.entity.v1.created",
    "google.cloud.functions.function.v2.created",
    "google.firebase.dataconnect.connector.v1.mutationExecuted",
)
REGEX = "These are globs: `*` stands for any text, `?` for one character, `[abc]` for one of those, `[!abc]` for any other."


def handle(event: Event[Any]) -> None: ...


def ids(router: EventRouter) -> list[str]:
    return [identifier for _, identifier, _, _ in told(check_router(router))]


@pytest.mark.parametrize(
    "pattern",
    [
        *("^order", "order$", "order-.*", ".*", ".+", r"order-\d", "order.*placed", "order-(placed|paid)", "placed|paid"),
        *("order[0-9]+", "[^a]*", "(?i)order", "(ab)*", "a.*[b]"),
    ],
)
def test_regular_expression(router: EventRouter, pattern: str) -> None:
    """A kind that is written as a regular expression is no error, and matches next to nothing: a warning says so."""
    router.on(pattern, name="shop.handle")(handle)

    (message,) = told(check_router(router))

    assert message[:3] == (Warn, "gcp_event_router.W031", REGEX)
    assert message[3].startswith("shop.handle (")
    assert message[3].endswith(f" is registered for {pattern!r}, which looks like a regular expression.")


@pytest.mark.parametrize(
    "pattern",
    [
        *("order-placed", "order-*", "order.*", "*.placed", "google.cloud.*.v1.*", "a.*.b.*", "v1.*.*", "[!a]*", "order-v[12]*"),
        *("a+b", "a(b)", "caf\u00e9-*", "price-$-up", "a^b", "[*]", "[[]x", "order?", "??-*", "a.b", "#1", "a@b", "a:b", "a=b"),
    ],
)
def test_glob(router: EventRouter, pattern: str) -> None:
    """Globs and odd but possible kinds pass without a word."""
    router.on(pattern)(handle)

    assert ids(router) == []


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("order-{placed,paid}", "holds braces, which stand for themselves in a glob"),
        ("{kind}", "holds braces, which stand for themselves in a glob"),
        ("order-<str:kind>", "holds a part in angle brackets, as in a URL pattern, which stands for itself in a glob"),
        ("order-placed ", "holds white space, which hardly any kind has"),
        (" order-*", "holds white space, which hardly any kind has"),
        ("order placed", "holds white space, which hardly any kind has"),
        ("order-placed, order-paid", "holds white space, which hardly any kind has"),
    ],
)
def test_foreign(router: EventRouter, pattern: str, problem: str) -> None:
    """What means something in a shell, a URL pattern or a list stands for itself in a glob: a warning says so."""
    router.on(pattern, name="shop.handle")(handle)

    (message,) = told(check_router(router))

    assert message[:2] == (Warn, "gcp_event_router.W031")
    assert message[3].endswith(f" is registered for {pattern!r}, which {problem}.")


@pytest.mark.parametrize("pattern", ["order/placed", "order/*", "*/[ab]"])
def test_slash(router: EventRouter, pattern: str) -> None:
    """No URL of an event has a slash in its kind, so only the type of a CloudEvent could match."""
    router.on(pattern, name="shop.handle")(handle)

    ((kind, identifier, hint, message),) = told(check_router(router))

    assert (kind, identifier) == (Warn, "gcp_event_router.W031")
    assert hint == f"Write {pattern.replace('/', '-')!r}, and send such a kind; or ce_type={pattern!r}, if a type is meant."
    assert re.sub(r" \(.*?\)", "", message) == (
        f"shop.handle is registered for {pattern!r}, but a kind in an event's URL has no slash: only CloudEvents of such a type "
        "match."
    )


def test_slash_of_a_type(router: EventRouter) -> None:
    """A slash passes in a pattern of types, in what looks like a type, and where another character may stand for it."""
    router.on(ce_type="order/placed")(handle)
    router.on("com.example/order", "order[/-]placed")(handle)

    assert ids(router) == []


def test_declared_glob(router: EventRouter) -> None:
    """A glob is declared by its text, so that no event of the kinds that it would match has the declaration."""
    kind = router.kind("order-*", int)
    kind.on(handle)
    router.kind("order-.*", int).on(handle)

    assert told(check_router(router)) == [
        (
            Warn,
            "gcp_event_router.W031",
            "Declare each kind by its name; a glob such as 'order-*' belongs in `events.on`.",
            f"{kind!r} is declared, and a declared kind is a name, in which the signs of globs stand for themselves.",
        ),
        (Warn, "gcp_event_router.W031", REGEX, "<Kind 'order-.*' of int> is declared, which looks like a regular expression."),
    ]


def test_type_and_declared_kind(router: EventRouter) -> None:
    """Patterns of types and names of declared kinds are looked at as well."""
    router.on(ce_type="com.example.{a,b}")(handle)
    router.kind("order placed", int).on(lambda event: None)

    assert sorted(set(ids(router))) == ["gcp_event_router.W031"]
    assert [message for *_, message in told(check_router(router)) if "is declared" in message] == [
        f"{router.kinds['order placed']!r} is declared, which holds white space, which hardly any kind has."
    ]


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("google.cloud.storage.object.v1.finalised", "google.cloud.storage.object.v1.finalized"),
        ("google.cloud.storage.object.v1.finalize", "google.cloud.storage.object.v1.finalized"),
        ("google.cloud.storage.object.v1.FINALIZED", "google.cloud.storage.object.v1.finalized"),
        ("Google.Cloud.Storage.Object.V1.Finalized", "google.cloud.storage.object.v1.finalized"),
        ("google.cloud.storage.objects.v1.finalized", "google.cloud.storage.object.v1.finalized"),
        ("google.cloud.pubsub.topic.v1.messagePublish", "google.cloud.pubsub.topic.v1.messagePublished"),
        ("google.cloud.scheduler.job.v2.executed", "google.cloud.scheduler.job.v1.executed"),
        ("google.cloud.strage.*", "google.cloud.storage.*"),
        ("google.cloud.storage.object.v2.*", "google.cloud.storage.object.v1.*"),
        ("google.cloud.storage.objects*", "google.cloud.storage.object*"),
    ],
)
@pytest.mark.parametrize("by_type", [True, False], ids=["ce_type", "kind"])
def test_unlike_google(router: EventRouter, pattern: str, meant: str, *, by_type: bool) -> None:
    """A type that nearly is one of google-cloudevents' names the one that is meant, also where the type is the kind."""
    if by_type:
        router.on(ce_type=pattern, name="shop.handle")(handle)
    else:
        router.on(pattern, name="shop.handle")(handle)

    (message,) = told(check_router(router))

    assert message[:3] == (
        Warn,
        "gcp_event_router.W032",
        f"Write {meant!r}; or silence this check, if Google has begun to send it.",
    )
    assert message[3].endswith(f" is registered for {pattern!r}, which Google does not send, though it resembles {meant!r}.")


@pytest.mark.proof
def test_google() -> None:
    """Google's own types pass without a word, those that this package does not know as well."""
    globs = ("google.*", "google.cloud.*", "google.cloud.storage.object.*", "google.cloud.audit.log.v1.*")
    found: dict[str, list[str]] = {}
    for pattern in (*sorted(types()), *OTHERS, *globs):
        router = EventRouter()
        router.on(ce_type=pattern)(handle)
        found[pattern] = ids(router)

    assert {pattern: messages for pattern, messages in found.items() if messages} == {}
