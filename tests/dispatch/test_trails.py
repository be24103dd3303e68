"""Trails: an exception's places as the log tells them, with the project's own lines before those of libraries."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import runpy
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router import Event, EventRouter
from gcp_event_router._log import trail

from ..conftest import Post

SECRET = "s3cr3t"
Function = Callable[..., Any]

#: A file of the project, one of a library, and one of the standard library.
PROJECT = "/app/shop/orders.py"
LIBRARY = "/app/.venv/lib/python3.11/site-packages/lib/orm.py"
STANDARD = json.__file__


def load(source: str, filename: str, **named: Any) -> dict[str, Any]:
    """Execute code as a module whose file is `filename`, and return its names."""
    names: dict[str, Any] = {"__name__": "made", **named}
    exec(compile(source, filename, "exec"), names)
    return names


def caller(filename: str) -> Function:
    """Return a function of a file that calls the first of its arguments with the others, or raises."""
    source = f"def step(rest):\n    if not rest:\n        raise KeyError({SECRET!r})\n    rest[0](rest[1:])\n"
    step: Function = load(source, filename)["step"]
    return step


def caught(function: Function, *args: Any) -> Exception:
    """Return a function's exception; its traceback begins in this file."""
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 -- of whatever kind
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # without this line
        return error
    raise AssertionError


def parts(text: str) -> tuple[list[str], list[str]]:
    """Return the project's places and those in libraries of a trail."""
    own, _, libraries = text.partition(" at ")[2].partition(" (libraries: ")
    return own.split(" < "), libraries.removesuffix(")").split(" < ") if libraries else []


@pytest.fixture
def problem(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> Callable[[Function], str]:
    """Return the log's description of a handler's error."""

    def describe(handler: Function) -> str:
        router.on("k")(handler)
        with caplog.at_level("INFO"):
            post("/events/k/r", b"{}")
        (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        return re.split(r"(?:failed|unavailable): ", line)[1]

    return describe


@pytest.mark.django_db
def test_an_error_of_the_orm_names_the_handler_and_the_function_that_asked(problem: Callable[[Function], str]) -> None:
    """A dozen frames of Django do not push the project's lines out: they come first, and Django's innermost follow."""

    def stored() -> None:
        with transaction.atomic():
            ContentType.objects.extra(where=["no_such_column"]).count()

    def handler(event: Event[Any]) -> None:
        stored()

    with connection.cursor():
        text = problem(handler)

    own, libraries = parts(text)
    assert [re.sub(r":\d+", "", place) for place in own] == [f"{__file__} in stored", f"{__file__} in handler"]
    assert ["/site-packages/django/db/" in place for place in libraries] == [True] * 3


def test_a_library_that_only_calls_the_project_is_not_named() -> None:
    """Such as Sentry's wrapper of each receiver: it passes the exception on, and is in the way of the libraries further in."""
    project, library = caller(PROJECT), caller(LIBRARY)

    assert trail(caught(library, [project])) == f"KeyError at {PROJECT}:3 in step"
    assert trail(caught(library, [project, library, project])) == (
        f"KeyError at {PROJECT}:3 in step < {PROJECT}:4 in step (libraries: {LIBRARY}:4 in step)"
    )


def test_a_handler_of_an_installed_app_is_named(
    problem: Callable[[Function], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function that the router called is named, wherever it is installed and whatever decorates it."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    name = f"shop_{tmp_path.name}"
    (folder / f"{name}.py").write_text(
        "import json\nfrom contextlib import contextmanager\nfrom gcp_event_router import Event\n"
        "@contextmanager\ndef timed():\n    yield\n"
        "@timed()\ndef handler(event: Event[bytes]):\n    json.loads('[' * 9)\n"
    )
    monkeypatch.setattr("sys.path", [str(folder), *sys.path])

    own, libraries = parts(problem(import_module(name).handler))

    assert own == [f"{folder}/{name}.py:9 in handler"]
    assert [place.rpartition(" in ")[2] for place in libraries] == ["raw_decode", "decode", "loads"]


def test_a_recursion_names_the_handler_and_each_place_once(problem: Callable[[Function], str]) -> None:
    """A recursion to the interpreter's limit shows each place once, and the handler's is the last."""

    def down(depth: int) -> int:
        return down(depth + 1) + 1

    def handler(event: Event[Any]) -> None:
        down(0)

    text = problem(handler)

    assert re.sub(r":\d+", "", text) == f"RecursionError at {__file__} in down < {__file__} in handler"


@pytest.mark.parametrize("kind", ["gather", "TaskGroup", "to_thread"])
def test_what_an_async_handler_awaits_is_told(kind: str, problem: Callable[[Function], str]) -> None:
    """An error that passes a task, a task group or a thread shows its origin and the handler's place."""

    def sync() -> None:
        raise KeyError(SECRET)

    async def one() -> None:
        await asyncio.sleep(0)
        sync()

    async def handler(event: Event[Any]) -> None:
        if kind == "gather":
            await asyncio.gather(one(), asyncio.sleep(0))
        elif kind == "to_thread":
            await asyncio.to_thread(sync)
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(one())

    text = problem(handler)

    own = [re.sub(r":\d+", "", place).removeprefix(f"{__file__} in ") for place in parts(text)[0]]
    assert (text.partition(" at ")[0], own) == {
        "gather": ("KeyError", ["sync", "one", "handler"]),
        "TaskGroup": ("ExceptionGroup of KeyError", ["handler", "sync", "one"]),
        "to_thread": ("KeyError", ["sync", "handler"]),
    }[kind]


def test_the_places_of_a_cause_are_told() -> None:
    """The place of a cause is shown, too, since `raise ... from error` is elsewhere."""
    inner = caller("/app/shop/stock.py")

    def outer() -> None:
        try:
            inner([])
        except KeyError as error:
            raise RuntimeError(SECRET) from error

    assert re.sub(r":\d+", "", trail(caught(outer))) == (
        f"RuntimeError from KeyError at {__file__} in outer < /app/shop/stock.py in step < {__file__} in outer"
    )


def test_the_places_of_different_exceptions_in_a_group_are_told() -> None:
    """A group shows each origin once, at most four."""

    def group(number: int, *functions: Function) -> None:
        raise ExceptionGroup(SECRET, [caught(function, []) for function in functions] * number)

    first, second = caller("/app/a.py"), caller("/app/b.py")
    text = re.sub(r":\d+", "", trail(caught(group, 1000, first, second)))
    many = trail(caught(group, 1, *(caller(f"/app/{number}.py") for number in range(9))))

    assert text == f"ExceptionGroup of KeyError at {__file__} in group < /app/a.py in step < /app/b.py in step"
    assert many.count("/app/") == 4


def nested(levels: int) -> Any:
    error: Any = KeyError(SECRET)
    for _ in range(levels):
        error = ExceptionGroup(SECRET, [error])
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError(SECRET), "KeyError"),
        (nested(50), "ExceptionGroup of KeyError"),
        (nested(5000), "ExceptionGroup of KeyError"),
        (ExceptionGroup(SECRET, [KeyError(SECRET)] * 100_000), "ExceptionGroup of KeyError"),
        (type("a\nb\x1b", (Exception,), {})(SECRET), "a\\nb\\x1b"),
        (type("N" * 10_000, (Exception,), {})(SECRET), f"{'N' * 120}..."),
    ],
)
def test_what_has_no_traceback_is_told_by_its_types(error: BaseException, text: str) -> None:
    """An exception that was never raised has no places; the trail is its type, on one short line."""
    assert trail(error) == text


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("/app/" + "x" * 100_000 + "/orders.py", "..." + "x" * 190 + "/orders.py"),
        ("/app/a\nERROR forged.py", "/app/a\\nERROR forged.py"),
        ("/app/\x1b[31m\u202e.py", "/app/\\x1b[31m\\u202e.py"),
        ("/app/\udcff.py", "/app/\\udcff.py"),
        ("", ""),
    ],
)
def test_the_name_of_a_file_stays_on_its_line(filename: str, shown: str) -> None:
    """A file may have any name: the trail shows a bounded and printable part."""
    assert trail(caught(caller(filename), [])) == f"KeyError at {shown}:3 in step"


@pytest.mark.parametrize(
    ("filename", "named", "is_project"),
    [
        (PROJECT, {}, True),
        ("shop/orders.py", {}, True),
        ("/app/site-packages-demo/orders.py", {}, True),
        ("/src/lib/orders.py", {}, True),  # installed to be edited
        ("/app/shop.zip/shop/orders.py", {}, True),
        ("<string>", {}, True),
        ("<string>", {"__file__": PROJECT}, True),
        ("<string>", {"__file__": 7}, True),
        ("<stdin>", {}, True),
        ("<frozen shop.orders>", {}, True),
        ("C:\\shop\\orders.py", {}, True),
        (LIBRARY, {}, False),
        (STANDARD, {}, False),
        (pytest.__file__, {}, False),
        ("/usr/lib/python3/dist-packages/lib/orm.py", {}, False),
        ("./.venv/lib/python3.11/site-packages/lib/orm.py", {}, False),
        ("site-packages/lib.py", {}, False),
        ("C:\\venv\\Lib\\site-packages\\lib\\orm.py", {}, False),
        ("/app/lib-1.0-py3-none-any.whl/lib/orm.py", {}, False),
        ("/usr/lib/python311.zip/json/decoder.py", {}, False),
        ("<frozen runpy>", {"__file__": runpy.__file__}, False),
        ("<attrs generated init lib.Order>", {"__file__": LIBRARY}, False),
        ("<template>", {"__file__": STANDARD}, False),
    ],
)
def test_whose_a_file_is(filename: str, named: dict[str, Any], is_project: bool) -> None:
    """Installed packages and the standard library are libraries; all other files are the project's."""
    inner = load("def step(rest):\n    raise KeyError\n", filename, **named)["step"]
    own, libraries = parts(trail(caught(caller(PROJECT), [inner])))

    expected = f"{filename}:2 in step"
    assert (expected in own, expected in libraries) == (is_project, not is_project)


def test_a_module_in_a_zip_file_is_the_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project may be deployed as a zip file, which Python imports from: https://docs.python.org/3/library/zipimport.html."""
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        archive.writestr("zipped_shop.py", "import json\ndef handler(event):\n    json.loads('[')\n")
    monkeypatch.setattr("sys.path", [str(tmp_path / "site.zip"), *sys.path])

    own, libraries = parts(trail(caught(import_module("zipped_shop").handler, None)))

    assert own == [f"{tmp_path}/site.zip/zipped_shop.py:3 in handler"]
    assert len(libraries) == 3


@given(st.lists(st.sampled_from(["own", "other", "library", "standard"]), max_size=60))
def test_the_projects_lines_come_before_those_of_libraries(files: list[str]) -> None:
    """The outermost and the innermost line of the project come before all lines of libraries, in any order of calls."""
    names = {"own": PROJECT, "other": "/app/other.py", "library": LIBRARY, "standard": STANDARD}
    first, *rest = [names[name] for name in ["own", *files]]

    text = trail(caught(caller(first), [caller(name) for name in rest]))

    own, libraries = parts(text)
    project = [file for file in [first, *rest] if file in {names["own"], names["other"]}]
    assert any(place.startswith(PROJECT) for place in own)
    assert own[0].startswith(project[-1])
    assert {place.rpartition(":")[0] for place in own} == set(project)
    assert {place.rpartition(":")[0] for place in libraries} == {file for file in rest if file not in project}
    assert SECRET not in text
    assert len(text) < 4096
