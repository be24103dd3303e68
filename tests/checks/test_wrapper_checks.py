"""W033: a decorator above `@events.on`, which the registered function does not have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial, wraps
from types import ModuleType
from typing import Any

import pytest
from django.core.checks import Warning as Warn
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_router

from .test_checks import told

Define = Callable[[str], None]


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return function(*args)

    return call


class Counted:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, event: Event[Any]) -> None:
        self.function(event)


@pytest.fixture
def define(router: EventRouter) -> Iterator[Define]:
    """Run a module's source."""
    module = ModuleType("a_shop")
    names = {
        "transaction": transaction,
        "sensitive_variables": sensitive_variables,
        "events": router,
        "wrapped": wrapped,
        "hidden": hidden,
        "Counted": Counted,
        "partial": partial,
        "Event": Event,
        "Any": Any,
    }
    vars(module).update(names)
    sys.modules["a_shop"] = module
    yield lambda source: exec(source, vars(module))
    del sys.modules["a_shop"]


@pytest.mark.parametrize(
    "decorator",
    [
        *("@transaction.atomic", '@transaction.atomic(using="default")', "@sensitive_variables()", "@wrapped", "@hidden"),
        *("@Counted", "@partial", "@wrapped\n@hidden", "@hidden\n@transaction.atomic"),
    ],
)
def test_above(router: EventRouter, define: Define, decorator: str) -> None:
    """The function without the decorator is registered, and a warning says so, whatever the decorator makes of it."""
    define(f'{decorator}\n@events.on("k", name="shop.handle")\ndef handle(event: Event[Any]) -> None: ...')

    (message,) = told(check_router(router))

    assert message[:3] == (Warn, "gcp_event_router.W033", "Write @events.on(...) above all other decorators.")
    assert message[3].startswith("shop.handle (")
    assert message[3].endswith(
        " has a decorator above the one that registers it, so events call the function without that decorator."
    )


@pytest.mark.parametrize(
    "source",
    [
        '@events.on("k")\n@transaction.atomic\ndef handle(event: Event[Any]) -> None: ...',
        '@events.on("k")\n@wrapped\n@transaction.atomic\ndef handle(event: Event[Any]) -> None: ...',
        '@events.on("a")\n@events.on("b")\ndef handle(event: Event[Any]) -> None: ...',
        'class Shop:\n    @staticmethod\n    @events.on("k")\n    def handle(event: Event[Any]) -> None: ...',
        # a second function of the same name is another matter
        '@events.on("k")\ndef handle(event: Event[Any]) -> None: ...\n@transaction.atomic\ndef handle(other): ...',
        '@events.on("k")\ndef handle(event: Event[Any]) -> None: ...\nhandle = 1',
        '@events.on("k")\ndef handle(event: Event[Any]) -> None: ...\ndel handle',
        'events.on("k", payload=int)(lambda event: None)',
        'class Shop:\n    def handle(self, event: Event[Any]) -> None: ...\nshop = Shop()\nevents.on("k")(shop.handle)',
    ],
)
def test_below(router: EventRouter, define: Define, source: str) -> None:
    """What is registered with all its decorators passes without a word."""
    define(source)

    assert [each for each in told(check_router(router)) if "W033" in each[1]] == []
