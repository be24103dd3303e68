"""`manage.py events stubs`: the stub of a project's kinds, its place, and the comparison with `--check`."""

from __future__ import annotations

import ast
import builtins
import io
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from pydantic import BaseModel, TypeAdapter

from gcp_event_router import Event, EventRouter
from gcp_event_router._schema.type_source import TypeSource

from ..support.payload_pairs import Customer, Order, OrderId, Page, Paid, Reference, Refunded, Status

FILE = "gcp_event_router_kinds.pyi"
HERE = "tests.support.payload_pairs"


def order(event: Event[Order]) -> None: ...


def reference(event: Event[Reference]) -> None: ...


def customer(event: Event[Customer]) -> None: ...


def either(event: Event[Customer | Order]) -> None: ...


def run(*arguments: str) -> tuple[int, str]:
    out, code = io.StringIO(), 0
    try:
        call_command("events", "stubs", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        out.write(f"CommandError: {error}\n")
        code = error.returncode
    return code, out.getvalue()


def written(folder: Path) -> str:
    code, _ = run("--output", str(folder))
    assert code == 0
    return (folder / FILE).read_text()


def definition(name: str, text: str) -> str:
    """The line of a name in a stub."""
    return next(line.partition(" = ")[2] for line in text.splitlines() if re.match(rf"{name}(:| =)", line))


def literals(name: str, text: str) -> list[str]:
    """The strings of an alias in a stub."""
    found = next(
        each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == name
    )
    return [each.value for each in ast.walk(found) if isinstance(each, ast.Constant) and isinstance(each.value, str)]


@pytest.fixture
def declared(router: EventRouter) -> EventRouter:
    """Two kinds of orders, one of customers, and one of a router that is included."""
    router.kind("order-placed", Order)
    router.kind("order-changed", Order)
    router.kind("customer-moved", Customer)
    billing = EventRouter()
    billing.kind("sent", Reference)
    router.include(billing, prefix="bill-")
    return router


def test_written_then_up_to_date(declared: EventRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says what it wrote; a second run changes nothing, and `--check` succeeds."""
    monkeypatch.chdir(tmp_path)

    assert run("--output", ".") == (0, f"Written: {FILE}: 4 kinds, 0 registrations.\n")
    assert run("--output", FILE) == (0, f"Up to date: {FILE}: 4 kinds, 0 registrations.\n")
    assert run("--output", ".", "--check") == (0, f"Up to date: {FILE}: 4 kinds, 0 registrations.\n")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_stale(declared: EventRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` shows the difference, fails, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    before = written(tmp_path)
    declared.kind("order-lost", Order)

    code, text = run("--output", ".", "--check")

    assert code == 1
    assert text.splitlines()[:2] == [f"--- {FILE}", "+++ what the project declares"]
    assert [line for line in text.splitlines() if line.startswith("+ ")] == ['+    "order-lost",'] * 3
    assert text.splitlines()[-1] == (
        f"CommandError: {FILE} is not what the project declares. To write it anew: manage.py events stubs --output ."
    )
    assert (tmp_path / FILE).read_text() == before


def test_no_file_to_check(declared: EventRouter, tmp_path: Path) -> None:
    """A file that is not there is stale."""
    code, _ = run("--output", str(tmp_path), "--check")

    assert (code, list(tmp_path.iterdir())) == (1, [])


def test_no_kinds(router: EventRouter, tmp_path: Path) -> None:
    """A project without kinds gets no stub, which would refuse all that it has."""
    router.on("order-placed")(order)

    assert run("--output", str(tmp_path)) == (
        1,
        "CommandError: No kind is declared, so the stub would refuse every kind. Declare kinds with events.kind(...).\n",
    )


def test_folder_that_is_not_there(declared: EventRouter, tmp_path: Path) -> None:
    """A file that cannot be written is named, and nothing is left of it."""
    code, text = run("--output", str(tmp_path / "missing" / FILE))

    assert code == 2
    assert text.endswith("cannot be written: No such file or directory. Name another: --output.\n")


def test_file_that_is_not_text(declared: EventRouter, tmp_path: Path) -> None:
    """A file that this command did not write is left alone, if it is not even text."""
    (tmp_path / FILE).write_bytes(b"\xff")

    code, text = run("--output", str(tmp_path))

    assert (code, (tmp_path / FILE).read_bytes()) == (2, b"\xff")
    assert text.endswith("cannot be read: it is not text. Name another: --output.\n")


@pytest.mark.parametrize(
    ("name", "file"), [("site.settings", "site/settings.py"), ("site.settings", "site/settings/__init__.py")]
)
def test_place(declared: EventRouter, tmp_path: Path, name: str, file: str) -> None:
    """By default, the stub is in the folder that Python imports the settings from, as with a `src` folder."""
    name = "site.settings"
    module = type(sys)(name)
    module.__file__ = str(tmp_path / file)

    with override_settings(SETTINGS_MODULE=name), patch.dict(sys.modules, {name: module}):
        code, _ = run()

    assert (code, [path.name for path in tmp_path.glob("*.pyi")]) == (0, [FILE])


def test_settings_of_no_module(declared: EventRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are no module leave the stub to the current folder."""
    monkeypatch.chdir(tmp_path)

    with override_settings(SETTINGS_MODULE="nowhere.settings"):
        assert run() == (0, f"Written: {FILE}: 4 kinds, 0 registrations.\n")


def test_kinds_by_payload(declared: EventRouter, tmp_path: Path) -> None:
    """Each payload has its kinds, with prefixes, and the globs in use that match only these."""
    declared.on("order-*")(order)
    declared.on("nothing-*")(order)
    text = written(tmp_path)

    assert literals("KindName", text) == ["bill-sent", "customer-moved", "order-changed", "order-placed"]
    assert literals("OrderKind", text) == ["order-*", "order-changed", "order-placed"]
    assert literals("ReferenceKind", text) == ["bill-sent"]
    assert literals("KindOrGlob", text) == ["bill-sent", "customer-moved", "order-*", "order-changed", "order-placed"]


def test_kinds_of_other_routers(declared: EventRouter, tmp_path: Path) -> None:
    """Functions that take a kind by its name know those of every router that listens; `events.on` knows its own."""
    other = EventRouter("gcp_event_router.signals.event_received")
    other.kind("elsewhere", Order)
    text = written(tmp_path)

    assert "elsewhere" in literals("KindName", text)
    assert "elsewhere" not in literals("KindOrGlob", text)


def test_readers(declared: EventRouter, tmp_path: Path) -> None:
    """Handlers that `manage.py check` finds able to read a payload are in its bound; those of another payload are not."""
    for handler in (order, reference, customer, either):
        declared.on("order-placed")(handler)
    declared.on("order-changed", payload=Order)(order)
    text = written(tmp_path)

    assert definition("TakesOrder", text) == (
        f'TypeVar("TakesOrder", bound=Callable[[Event[{HERE}.Order, Never]], Awaitable[None] | None] | '
        f"Callable[[Event[{HERE}.Reference, Never]], Awaitable[None] | None])"
    )
    assert definition("OrderPayload", text) == f'TypeVar("OrderPayload", bound={HERE}.Order | {HERE}.Reference)'


def test_several_payloads(declared: EventRouter, tmp_path: Path) -> None:
    """A registration for kinds of different payloads takes all of these."""
    declared.on("customer-moved", "order-placed")(either)
    text = written(tmp_path)

    assert literals("CustomerOrOrderKind", text) == ["customer-moved", "order-changed", "order-placed"]
    assert definition("TakesCustomerOrOrder", text) == (
        f'TypeVar("TakesCustomerOrOrder", bound=Callable[[Event[{HERE}.Customer | {HERE}.Order, Never]], Awaitable[None] | None])'
    )


def test_each_name_is_defined(declared: EventRouter, tmp_path: Path) -> None:
    """The stub defines or imports each name of the library's overloads that it repeats."""
    declared.on("customer-moved", "order-placed", payload=TypeAdapter(Customer | Order))(either)
    nodes = [*ast.walk(ast.parse(written(tmp_path)))]

    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    known = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    known |= {node.name.partition(".")[0] for node in nodes if isinstance(node, (ast.alias, ast.ClassDef))}
    assert used - known - {*dir(builtins)} == set()


def test_stable(router: EventRouter, tmp_path: Path) -> None:
    """The order of declarations and registrations changes nothing, and no path of this machine is in the stub."""
    payloads: dict[str, type[BaseModel]] = {"a": Order, "b": Customer, "c": Paid}
    handlers: list[Any] = [order, reference]
    texts: list[str] = []
    for kinds in (("b", "a", "c"), ("c", "a", "b")):
        with router.isolated(empty=True):
            for name in kinds:
                router.kind(name, payloads[name])
            handlers.reverse()
            for handler in handlers:
                router.on("a")(handler)
            texts.append(written(tmp_path))

    assert texts[0] == texts[1]
    assert str(Path.cwd()) not in texts[0]


def test_types_as_code() -> None:
    """Types are written as a module would import them; what none can import is Any, and noted."""

    class Inner(BaseModel): ...

    types = TypeSource()
    expected: dict[Any, str] = {
        Any: "Any",
        None: "None",
        bytes: "bytes",
        Order: f"{HERE}.Order",
        Order | None: f"{HERE}.Order | None",
        list[Order]: f"list[{HERE}.Order]",
        dict[str, Any]: "dict[str, Any]",
        tuple[int, ...]: "tuple[int, ...]",
        tuple[()]: "tuple[()]",
        Page[Order]: f"{HERE}.Page[{HERE}.Order]",
        OrderId: f"{HERE}.OrderId",
        Annotated[Paid | Refunded, "doc"]: f"{HERE}.Paid | {HERE}.Refunded",
        Literal[Status.PAID, "a", 1]: f"Literal[{HERE}.Status.PAID, 'a', 1]",
        Path: "pathlib.Path",
        Inner: "Any",
        list[Inner]: "list[Any]",
    }

    assert {declared: types.of(declared) for declared in expected} == expected
    assert types.modules == {HERE, "pathlib"}
    assert types.unnamed == {f"{__name__}.test_types_as_code.<locals>.Inner"}
