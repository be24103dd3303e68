"""W044: kinds that are not declared, although one that differs by a typo is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.checks import Warning as Warn
from django.test import modify_settings
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_project, check_router
from gcp_event_router.checks.misspelt_kinds import check_used_kinds, slips_of

from .test_checks import told


def one(event: Event[Any]) -> None: ...


NAME = f"{__name__}.one ({__file__}:{one.__code__.co_firstlineno})"


def declared(*names: str) -> EventRouter:
    """Return a router that declares kinds."""
    router = EventRouter()
    for name in names:
        router.kind(name, int)
    return router


@pytest.mark.parametrize(
    ("pattern", "kind", "meant"),
    [
        ("ordr-placed", "order-placed", "order-placed"),
        ("order-place", "order-placed", "order-placed"),
        ("orders-placed", "order-placed", "order-placed"),
        ("order-plcaed", "order-placed", "order-placed"),
        ("order-plased", "order-placed", "order-placed"),
        ("Order-Placed", "order-placed", "order-placed"),
        ("order.placed", "order-placed", "order-placed"),
        ("orderplaced", "order-placed", "order-placed"),
        ("ordre", "order", "order"),
        ("shop.ordr.v1.placed", "shop.order.v1.placed", "shop.order.v1.placed"),
        ("ordr-*", "order-placed", "order-*"),
        ("ORDER-*", "order-placed", "order-*"),
        ("order-plced*", "order-placed", "order-placed*"),
        ("*-plcaed", "order-placed", "*-placed"),
        ("ordr[*]-placed", "order*-placed", "order[*]-placed"),
    ],
)
def test_slips(pattern: str, kind: str, meant: str) -> None:
    """A glob that matches no declared kind, though another spelling of it would."""
    router = declared("invoice-paid", kind)
    router.on(pattern)(one)

    assert [(slip.pattern, slip.meant, slip.kind) for slip in slips_of(router)] == [(pattern, meant, kind)]


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("order-placed", "order-placed"),
        ("order-paid", "order-placed"),
        ("order-packed", "order-placed"),
        ("order-placed-v2", "order-placed"),
        ("order-placed-v2", "order-placed-v1"),
        ("order-20251", "order-20252"),
        ("user-unsubscribed", "user-subscribed"),
        ("order-reopened", "order-opened"),
        ("plan-a", "plan-b"),
        ("a", "b"),
        ("a-b", "ab"),
        ("tax-due", "tan-due"),
        ("ordr-plcaed", "order-placed"),
        ("placed", "order-placed"),
        ("invoice-*", "order-placed"),
        ("order-*", "order-placed"),
        ("ord*", "order-placed"),
        ("ordr-[a-z]*", "order-placed"),
        ("*", "order-placed"),
        ("-*", "order-placed"),
        ("*ordr*", "order-placed"),
        ("google.cloud.storage.object.v1.finalized", "order-placed"),
    ],
)
def test_kinds_of_their_own(pattern: str, kind: str) -> None:
    """A kind need not be declared: a project may declare only some of its kinds."""
    router = declared(kind)
    router.on(pattern)(one)

    assert list(slips_of(router)) == []


def test_w044_of_handlers() -> None:
    """The handler is named, with the kind that is meant and its declaration; the kind itself is not reported as unhandled."""
    router = declared("order-placed")
    router.on("ordr-placed")(one)
    location = router.kinds["order-placed"].location

    assert told(check_router(router)) == [
        (
            Warn,
            "gcp_event_router.W044",
            "Write 'order-placed'; or declare the kind that is meant, with `events.kind`.",
            f"{NAME} is registered for 'ordr-placed', which matches no declared kind, though 'order-placed' would match "
            f"'order-placed', declared in {location}.",
        )
    ]


def test_without_declarations() -> None:
    """Nothing is reported in a project that declares no kind, and fallbacks and types have no kinds."""
    router = EventRouter()
    router.on("ordr-placed", "order-placed")(one)
    assert told(check_router(router)) == []

    router = declared("order-placed")
    router.fallback(one)
    router.on(ce_type="ordr-placed")(one)
    assert list(slips_of(router)) == []


def test_kinds_of_the_family() -> None:
    """A kind counts under the prefix of its router, and any router that listens may declare it."""
    inner, outer = declared("placed"), EventRouter("gcp_event_router.signals.event_received")
    outer.include(inner, prefix="order-")
    outer.on("ordr-placed")(one)
    other = EventRouter()
    other.on("order-palced", "order-placed")(one)

    try:
        assert [(slip.pattern, slip.kind) for slip in slips_of(outer)] == [("ordr-placed", "order-placed")]
        assert [(slip.pattern, slip.kind) for slip in slips_of(other)] == [("order-palced", "order-placed")]
    finally:
        outer.ignore("gcp_event_router.signals.event_received")


URLS = """\
import gcp_event_router
from gcp_event_router import events, utils
from gcp_event_router.utils import get_event_url as url

kind = "ordr-placed"
table = {"kinds": {"ordr-placed": 1}}

def get_event_url(kind):
    return kind  # it is not that of the library

def good():
    url("order-placed", 1), url("order-paid", 1), url(kind, 1), url(), url(1, 2), events.kinds[kind], events.kinds["order-paid"]
    get_event_url("ordr-placed")
    table["kinds"]["ordr-placed"], nowhere("ordr-placed"), nowhere.kinds["ordr-placed"], utils.nowhere("ordr-placed")

def bad():
    url("ordr-placed", 1)
    utils.get_event_url(event_reference=1, event_kind="order-place")
    return gcp_event_router.events.kinds["Order-Placed"]
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Install an app with a module, and import it."""
    folder = tmp_path / "stall"

    def write(source: str, module: str = "urls") -> Path:
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / f"{module}.py").write_text(source)
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        invalidate_caches()
        installed.enter_context(modify_settings(INSTALLED_APPS={"append": "stall"}))
        import_module(f"stall.{module}")
        return folder / f"{module}.py"

    with ExitStack() as installed:
        yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "stall"]:
        del sys.modules[name]


def test_w044_of_uses(app: Callable[..., Path], router: EventRouter) -> None:
    """Literal kinds in the sources of the project's own apps are read, whatever the functions are called there."""
    path = app(URLS)
    location = router.kind("order-placed", int).location
    router.on("order-placed")(one)

    assert told(check_project()) == [
        (
            Warn,
            "gcp_event_router.W044",
            f"Write 'order-placed'; or declare {kind!r} with `events.kind`.",
            f"stall.urls ({path}:{line}) uses {what} with {kind!r}, which is not declared, "
            f"though 'order-placed' is, in {location}.",
        )
        for line, what, kind in (
            (17, "get_event_url", "ordr-placed"),
            (18, "get_event_url", "order-place"),
            (19, "gcp_event_router.events.kinds", "Order-Placed"),
        )
    ]


class LazyModule(ModuleType):
    """A module that cannot do its work before it is needed."""

    @override
    def __getattr__(self, name: str) -> Any:
        msg = f"{name} is not there yet"
        raise RuntimeError(msg)


@pytest.mark.parametrize("module", [LazyModule("stall.more"), object(), None])
def test_modules_that_are_none(
    app: Callable[..., Path], router: EventRouter, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else there is among the imported modules is passed over."""
    app("")
    router.kind("order-placed", int).on(one)
    monkeypatch.setitem(sys.modules, "stall.more", module)

    assert list(check_used_kinds()) == []


@pytest.mark.parametrize(("module", "declares"), [("test_urls", True), ("urls", False)])
def test_sources_that_are_not_read(app: Callable[..., Path], router: EventRouter, module: str, declares: bool) -> None:
    """Tests may name what does not exist, and without a declaration no kind is misspelt."""
    app(URLS, module)
    if declares:
        router.kind("order-placed", int).on(one)

    assert told(check_project()) == []
