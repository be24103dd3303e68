"""What the checks say of fallbacks that never run, and of globs that match nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import Warning as Warn

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_router

from .test_checks import handler_of, told


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


@pytest.mark.parametrize(
    ("globs", "shadowing"),
    [
        (["?", "??*", "?*"], "?*"),
        (["?*", "*"], "?*"),
        (["[!a]*", "a*"], None),
        (["a", "b"], None),
    ],
)
def test_w003_one_shadows(router: EventRouter, globs: list[str], shadowing: str | None) -> None:
    """A fallback never runs where one glob leaves it nothing, which is named; several that do so together are not looked for."""
    router.fallback(one)
    for glob in globs:
        router.on(glob)(two)
    found = [each for each in told(check_router(router)) if each[1] == "gcp_event_router.W003"]

    assert found == [
        (
            Warn,
            "gcp_event_router.W003",
            "Remove the fallback, or register the other one for fewer kinds.",
            f"{handler_of(router)} is a fallback that never runs, because {handler_of(router, 1)} handles {shadowing!r}.",
        )
    ] * (shadowing is not None)


def test_w003_under_a_prefix() -> None:
    """The fallback of an included router needs no more than its prefix to be covered."""
    router, inner = EventRouter(), EventRouter()
    inner.fallback(one)
    router.include(inner, "order-")
    router.on("*-*")(two)

    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.W003"]


@pytest.mark.parametrize("glob", ["a/b", "[/]*", "a" * 256, "?" * 256])
def test_w017_no_event_has_both(router: EventRouter, glob: str) -> None:
    """A URL holds no slash and at most 255 characters; at `/events/` the type is the kind (CloudEvents, spec.md, "type")."""
    router.on(glob, ce_type="com.example.placed")(one)

    assert told(check_router(router)) == [
        (
            Warn,
            "gcp_event_router.W017",
            "Remove one of them, or write a kind without a slash, of at most 255 characters.",
            f"{handler_of(router)} is registered for {glob!r} with ce_type='com.example.placed', and no event has both.",
        )
    ]


@pytest.mark.parametrize("glob", ["com.example/thing", "*.example/thing", "a" * 256, "?" * 256])
@pytest.mark.parametrize("ce_type", [None, "*"])
def test_types_of_cloudevents_are_kinds(router: EventRouter, glob: str, ce_type: str | None) -> None:
    """A CloudEvent at `/events/` has its type for a kind, and that may be any text (CloudEvents, spec.md, "type")."""
    router.on(glob, ce_type=ce_type)(one)
    router.fallback(two)
    router.on("[!/]*")(one)

    assert told(check_router(router)) == []
