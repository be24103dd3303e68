"""Writes projects of many modules that type checkers should have nothing to say about: text by path, of three shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

PAYLOADS: Final = """\
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Base(BaseModel):
    number: int
    note: str | None = None


class Placed(Base):
    state: Literal["placed"] = "placed"
    total: Decimal
    day: date


class Changed(Base):
    state: Literal["changed"] = "changed"
    fields: list[str] = Field(default_factory=list)


class Refund(Base):
    amount: Annotated[Decimal, Field(gt=0)]
    parts: dict[str, int] = {}


class HasNumber(BaseModel):
    number: int


Either = Placed | Changed
"""
HANDLERS: Final = """\
from gcp_event_router import Event, events

from ..{app}.payloads import Changed, Either, HasNumber, Placed, Refund


@events.on("{app}-placed")
def add(event: Event[Placed]) -> None: ...


@events.on("{app}-changed", "{app}-refunded")
def touch(event: Event[HasNumber]) -> None: ...


@events.on("{app}-*ed")
def log(event: Event[HasNumber]) -> None: ...


@events.on("{app}-refunded", once=False)
async def refund(event: Event[Refund]) -> None: ...


@events.on("{app}-either")
def either(event: Event[Either]) -> None: ...


@events.on("{app}-[cp]*ed", payload=HasNumber)
def count(event: Event[HasNumber]) -> None: ...


@events.on("{app}-labels")
def labels(event: Event[list[str]]) -> None: ...


@events.on("{app}-raw")
def raw(event: Event[bytes]) -> None: ...


@events.fallback
def rest(event: Event[object]) -> None: ...
"""
LINKS: Final = """\
from gcp_event_router import events
from gcp_event_router.utils import get_event_url


def links(number: int) -> list[str]:
    return [get_event_url(f"{app}-{{name}}", number) for name in ("placed", "changed")] + [get_event_url("{app}-placed", number)]


def explained() -> object:
    return events.explain("{app}-changed")
"""
RECEIVERS: Final = """\
from typing import Any

from django.dispatch import receiver

from gcp_event_router.lifecycle import event_rejected, handler_finished, handler_started
from gcp_event_router.outcomes import Outcome
from gcp_event_router.signals import event_received


@receiver(event_received)
def audit(sender: object, event_kind: str, event_reference: str, event_payload: Any, event_parameters: dict[str, str]) -> None:
    ...


@receiver(event_received)
def short(event_kind: str, **kwargs: object) -> None: ...


@receiver([handler_started, handler_finished])
def watch(sender: object, handler: str, **kwargs: object) -> None: ...


@receiver(handler_finished)
def measure(duration: float, outcome: Outcome, error: Exception | None, **kwargs: object) -> None: ...


@receiver(event_rejected)
def refused(sender: object, error: Exception, **kwargs: Any) -> None: ...


def connect() -> None:
    event_received.connect(audit, dispatch_uid="{app}")
"""
KINDS: Final = """\
Placed = {router}.kind("{prefix}placed", {app}.Placed)
Changed = {router}.kind("{prefix}changed", {app}.Changed)
Refunded = {router}.kind("{prefix}refunded", {app}.Refund)
{router}.kind("{prefix}either", TypeAdapter[{app}.Either]({app}.Either))
{router}.kind("{prefix}labels", list[str])
{router}.kind("{prefix}raw", bytes)
"""
BY_KIND: Final = """\
from gcp_event_router import Event

from .. import kinds
from .payloads import Placed, Refund


@kinds.{app}_Placed.on
def confirm(event: Event[Placed]) -> None: ...


@kinds.{app}_Refunded.on(name="{app}.pay", once=True)
def pay(event: Event[Refund]) -> None: ...


def send(placed: Placed) -> bytes:
    confirm(Event("{app}-placed", "1", placed))
    return kinds.{app}_Placed.message(placed)
"""
ROUTED: Final = """\
from gcp_event_router import Event

from ..kinds import {app}_router as router
from .payloads import Changed, HasNumber, Placed


@router.on("placed")
def add(event: Event[Placed]) -> None: ...


@router.on("*ed")
def touch(event: Event[HasNumber]) -> None: ...


@router.on("changed", payload=Changed)
def change(event: Event[Changed]) -> None: ...
"""
LEGACY: Final = """\
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from gcp_event_router import Event, EventRouter, events

from .payloads import HasNumber, Placed

PREFIX: Final = "{app}"
NAMES = ["{app}-placed", "{app}-changed"]
router = EventRouter()


@events.on(*NAMES)
def several(event: Event[HasNumber]) -> None: ...


@events.on(f"{{PREFIX}}-refunded")
def computed(event: Event[dict[str, Any]]) -> None: ...


@events.on(PREFIX + "-anything", "whatever-*")
def undeclared(event: Event[Placed]) -> None: ...


class Service:
    def __init__(self, kinds: Iterable[str]) -> None:
        self.router = EventRouter()
        for kind in kinds:
            self.router.on(kind)(self.handle)
        self.router.on("{app}-own")(partial(self.handle_with, 1))

    def handle(self, event: Event[Any]) -> None: ...

    def handle_with(self, number: int, event: Event[HasNumber]) -> None: ...


def register(kind: str, model: type[HasNumber]) -> None:
    def handle(event: Event[HasNumber]) -> None: ...

    events.on(kind, payload=model)(handle)
    events.on("{app}-lambda")(lambda event: None)
    router.include(Service([kind]).router, prefix=kind)


events.include(router, prefix=f"{{PREFIX}}-")
"""


def one_router(apps: int = 10) -> dict[str, str]:
    """Each kind is declared by `events`."""
    names = [f"app{number}" for number in range(apps)]
    return _project(
        names,
        "".join(_kinds(app, "events", f"{app}-") for app in names),
        {"payloads": PAYLOADS, "handlers": HANDLERS, "by_kind": BY_KIND, "links": LINKS, "receivers": RECEIVERS},
    )


def several_routers(apps: int = 10) -> dict[str, str]:
    """Each app has a router of its own, which is included with a prefix."""
    names = [f"app{number}" for number in range(apps)]
    routers = "".join(
        f'{app}_router = EventRouter()\n{_kinds(app, f"{app}_router", "")}events.include({app}_router, prefix="{app}-")\n'
        for app in names
    )
    modules = {"payloads": PAYLOADS, "handlers": HANDLERS, "routed": ROUTED, "by_kind": BY_KIND, "links": LINKS}
    return _project(names, routers, modules)


def legacy(apps: int = 10) -> dict[str, str]:
    """Nothing is declared; kinds are strings, many of them computed."""
    names = [f"app{number}" for number in range(apps)]
    modules = {"payloads": PAYLOADS, "handlers": HANDLERS, "legacy": LEGACY, "links": LINKS, "receivers": RECEIVERS}
    return _project(names, "", modules)


SHAPES: Final[Mapping[str, Callable[[], dict[str, str]]]] = {
    "one router": one_router,
    "several routers": several_routers,
    "legacy": legacy,
}


def _kinds(app: str, router: str, prefix: str) -> str:
    text = KINDS.format(app=f"{app}_payloads", router=router, prefix=prefix)
    for name in ("Placed", "Changed", "Refunded"):
        text = text.replace(f"{name} = ", f"{app}_{name} = ")
    return text


def _project(apps: list[str], kinds: str, modules: Mapping[str, str]) -> dict[str, str]:
    imports = "".join(f"from .{app} import payloads as {app}_payloads\n" for app in apps)
    head = f"from pydantic import TypeAdapter\n\nfrom gcp_event_router import EventRouter, events\n\n{imports}\n"
    files = {"shop/__init__.py": "", "shop/kinds.py": f"{head}{kinds}"}
    for app in apps:
        files[f"shop/{app}/__init__.py"] = ""
        files |= {
            f"shop/{app}/{module}.py": text.format(app=app) if module != "payloads" else text for module, text in modules.items()
        }
    return files
