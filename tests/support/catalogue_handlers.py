"""Handlers of every sort, for what the catalogue shows of them; nobody sends their events."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel, Field

from gcp_event_router import Event, EventRouter
from gcp_event_router.google.storage import StorageObjectData

#: Of its own, so that other tests have nothing of it; `tests.support.admin_server` includes it.
ROUTER = EventRouter()
HOSTILE = "</pre><script>alert(document.domain)</script>"
#: Patterns that a URL, HTML, a shell and a query read in their own way.
ODD = ("<script>alert(document.domain)<[/]script>", "a b?c#d%25&e=f'g\"h;$(i)-ü-[*]", "[!a]['\"]x*")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Node(BaseModel):
    """A part of a tree, which <b>holds</b> itself."""

    name: Annotated[str, Field(min_length=1, max_length=40, description=f"What it is called. {HOSTILE}")]
    weight: Annotated[float, Field(gt=0)] = 1.5
    colours: list[Colour] = []
    children: list[Node] = []
    labels: dict[str, int | Decimal] = {}
    at: datetime | None = None
    corner: tuple[int, int] = (0, 0)


class Turn(BaseModel):
    """What a page asks for."""

    page: int = 1


class Strange:
    """What pydantic has no schema for."""


@ROUTER.on("every-sort-of-field")
async def plant(event: Event[Node, Turn]) -> None: ...


@ROUTER.on(*ODD, name=HOSTILE, max_attempts=3)
def hostile(event: Event[bytes]) -> None: ...


@ROUTER.on("ce-*", ce_type="com.example.*")
@ROUTER.on(ce_type="com.example.ce.v1")
def of_type(event: Event[dict[str, Node]]) -> None: ...


@ROUTER.on(ce_type="google.cloud.storage.object.v1.finalized", once=False)
async def resize(event: Event[StorageObjectData, Turn]) -> None:
    """Make a `thumbnail`.

    It has:
    - the same name
    - 200 pixels

        convert cats/1.jpg
    """


@ROUTER.on("tagged")
def tagged(event: Event[Node | Turn]) -> None: ...


@ROUTER.on("broken-description")
def broken(event: Event[Strange]) -> None: ...


@ROUTER.fallback
def rest(event: Event[Any]) -> None: ...


def numbered(event: Event[None]) -> None: ...


for number in range(110):  # so that the list has two pages
    ROUTER.on(f"numbered-{number:03}", name=f"shop.numbered_{number}")(numbered)
