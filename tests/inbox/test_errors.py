"""What the inbox stores of an error: its type, its trail, and, for users who may see payloads, its text and traceback."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router._boxes.stored_errors import TEXT_LENGTH, storable, text_of
from gcp_event_router.inbox.errors import describe_error
from gcp_event_router.inbox.models import Delivery

from ..conftest import post_wsgi
from ..support.deliveries import PATH, PUSH, rows, with_databases

SECRET = "s3cr3t"
with_sqlite = pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)


class Order(BaseModel):
    order_id: int


class RaisingError(Exception):
    """Raises an exception instead of returning its text."""

    @override
    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


class OddError(Exception):
    """Returns a number instead of a text."""

    @override
    def __str__(self) -> str:
        return cast("str", 7)


def fail_with(router: EventRouter, error: Exception) -> None:
    @router.on("k", name="h")
    def handler(event: Event[Any]) -> None:
        raise error.with_traceback(None)


def without_numbers(text: str) -> str:
    """Remove the line numbers from a stored text."""
    return re.sub(r"line \d+", "line N", text)


PLACE = f'  File "{__file__}", line N, in handler\n    raise error.with_traceback(None)'


@with_databases
@with_sqlite
@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (RuntimeError("no stock for 4711"), "failed", f"builtins.RuntimeError: no stock for 4711\n{PLACE}"),
        (RuntimeError(), "failed", f"builtins.RuntimeError\n{PLACE}"),
        (Reject("sold out"), "rejected", f"gcp_event_router.outcomes.Reject: sold out\n{PLACE}"),
        (
            Retry("the bank is closed", after=timedelta(hours=1)),
            "pending",
            f"gcp_event_router.outcomes.Retry: the bank is closed\n{PLACE}",
        ),
        (
            RuntimeError("x" * 1_000_000),
            "failed",
            f"builtins.RuntimeError: {'x' * 2000}... and 998000 characters more\n{PLACE}",
        ),
        (
            RaisingError(),
            "failed",
            f"tests.inbox.test_errors.RaisingError: (without a text: str() raises RuntimeError)\n{PLACE}",
        ),
        (OddError(), "failed", f"tests.inbox.test_errors.OddError: (without a text: str() raises TypeError)\n{PLACE}"),
        (
            ExceptionGroup("both", [KeyError("first"), ExceptionGroup("inner", [ValueError("second")])]),
            "failed",
            f"builtins.ExceptionGroup: both (2 sub-exceptions)\n{PLACE}\n"
            "which contains builtins.KeyError: 'first'\nwhich contains builtins.ValueError: second",
        ),
        (
            ValidationError("%(value)s is no size", params={"value": "XXL"}),
            "rejected",
            f"django.core.exceptions.ValidationError: ['XXL is no size']\n{PLACE}",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_the_text_of_an_error_is_kept(inbox: str, router: EventRouter, error: Exception, state: str, text: str) -> None:
    """The inbox stores a handler's exception with its text and its frames, bounded, in characters that each database accepts."""
    fail_with(router, error)

    post_wsgi(PATH, PUSH)

    assert rows(inbox)[0][1] == state
    assert without_numbers(Delivery.objects.using(inbox).get().error_text) == text


@with_databases
def test_a_text_of_any_characters_is_kept(inbox: str, router: EventRouter) -> None:
    """Characters that a database refuses are escaped: NUL, lone surrogates, and those beyond U+FFFF for MySQL's utf8mb3."""
    fail_with(router, RuntimeError("a\0b\ud800c\udfff å 注文 \U0001f34e\n\x1b[31m"))

    post_wsgi(PATH, PUSH)

    apple = "\\U0001f34e" if inbox == "mariadb" else "\U0001f34e"
    text = Delivery.objects.using(inbox).get().error_text
    assert without_numbers(text) == f"builtins.RuntimeError: a\\x00b\\ud800c\\udfff å 注文 {apple}\n\x1b[31m\n{PLACE}"


@with_databases
@with_sqlite
def test_what_a_payload_is_not_is_kept(inbox: str, router: EventRouter) -> None:
    """An invalid payload has its validation errors, but no frames, since all would belong to this package."""

    @router.on("k", name="h")
    def handler(event: Event[Order]) -> None: ...

    post_wsgi(PATH, PUSH)

    delivery = Delivery.objects.using(inbox).get()
    assert [detail["loc"] for detail in json.loads(delivery.error)] == [["order_id"]]
    assert delivery.error_text.startswith("gcp_event_router.exceptions.InvalidEventError: invalid payload: 1 error")
    assert "  File " not in delivery.error_text


def test_thousands_of_validation_errors_are_counted() -> None:
    """Pydantic would format each of them, and most would be cut off."""
    adapter = TypeAdapter(list[int])

    text = text_of(raised(lambda: adapter.validate_python(["x"] * 1000)))

    assert text.partition("\n")[0] == "pydantic_core._pydantic_core.ValidationError: 1000 validation errors, too many to list"


@with_databases
@with_sqlite
def test_nothing_is_kept_where_that_is_off(inbox: str, router: EventRouter) -> None:
    """With ERROR_TEXT off, the inbox stores the type and the trail, but nothing of the text."""
    fail_with(router, RuntimeError(SECRET))
    settings: dict[str, Any] = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, "ERROR_TEXT": False}}

    with override_settings(GCP_EVENT_ROUTER=settings):
        post_wsgi(PATH, PUSH)

    delivery = Delivery.objects.using(inbox).get()
    assert (delivery.error_type, delivery.error_text) == ("builtins.RuntimeError", "")
    assert SECRET not in "".join(str(value) for value in vars(delivery).values())


@with_databases
@with_sqlite
def test_the_text_goes_when_the_work_is_done(inbox: str, router: EventRouter) -> None:
    """Once the handler is done, the inbox has deleted its earlier failure."""
    errors: list[Exception] = [RuntimeError(SECRET)]

    @router.on("k", name="h")
    def handler(event: Event[Any]) -> None:
        if errors:
            raise errors.pop()

    post_wsgi(PATH, PUSH)
    post_wsgi(PATH, PUSH)

    delivery = Delivery.objects.using(inbox).get()
    assert (delivery.state, delivery.error_type, delivery.error_text) == ("done", "", "")


def raised(function: Callable[[], Any]) -> Exception:
    try:
        function()
    except Exception as error:  # noqa: BLE001 -- of whatever kind
        return error
    raise AssertionError


def test_causes_and_notes() -> None:
    """The cause of an error follows it, and so does the error that was being handled; notes follow the text."""

    def inner() -> None:
        raise KeyError(SECRET)

    def middle() -> None:
        try:
            inner()
        except KeyError:
            raise ValueError("in the middle")  # noqa: B904 -- what was being handled is asked for

    def outer() -> None:
        try:
            middle()
        except ValueError as error:
            problem = RuntimeError("at the end")
            problem.add_note("a note")
            raise problem from error

    text = without_numbers(text_of(raised(outer)))

    assert [line for line in text.splitlines() if not line.startswith(("  File", "    "))] == [
        "builtins.RuntimeError: at the end",
        "  a note",
        "caused by builtins.ValueError: in the middle",
        "while handling builtins.KeyError: 's3cr3t'",
    ]
    assert re.findall(r"in (\w+)$", text, re.MULTILINE)[-1] == "inner"


def test_a_recursion_keeps_its_beginning_and_its_end() -> None:
    """Of a thousand frames, the inbox stores the outermost and the innermost, and equal ones only as a number."""

    def down(depth: int) -> int:
        return down(depth + 1) + 1

    def repeated(times: int) -> list[str]:
        frame = [f'  File "{__file__}", line N, in down', "    return down(depth + 1) + 1"]
        return [*(frame * 3), f"  [Previous line repeated {times} more times]"]

    lines = without_numbers(text_of(raised(lambda: down(0)))).splitlines()

    assert lines[5:9] == repeated(3)[:4]
    [left_out] = [place for place, line in enumerate(lines) if re.fullmatch(r"  \.\.\. \d{3} frames left out \.\.\.", line)]
    assert lines[left_out + 1 :] == repeated(11)


def test_long_names_and_lines_are_bounded() -> None:
    """A frame may name a file that does not exist, and the name may be of any length."""
    name = "/nowhere/" + "x" * 100_000

    text = without_numbers(text_of(raised(lambda: exec(compile("1 / 0", name, "exec")))))

    assert text.splitlines()[-1] == f'  File "{name}'[:2000]


@given(st.lists(st.text(st.characters(codec=None), max_size=3000), max_size=20), st.booleans())
def test_whatever_an_exception_says_can_be_stored(texts: list[str], grouped: bool) -> None:
    """A text of any characters is bounded and can be encoded, also for MySQL's utf8mb3."""
    error: Exception | None = None
    for text in texts:
        cause, error = error, RuntimeError(text)
        error.__cause__ = cause
    group = ExceptionGroup("many", [RuntimeError(text) for text in texts] or [RuntimeError()])
    whole = text_of(group if grouped or error is None else error)

    for vendor, most in (("postgresql", 4), ("mysql", 3)):
        stored = storable(whole, TEXT_LENGTH, vendor)
        assert len(stored) <= TEXT_LENGTH
        assert "\0" not in stored
        assert max(len(letter.encode()) for letter in stored) <= most


def test_names_that_no_database_takes_are_escaped() -> None:
    """The name of an exception's type is escaped, too, and cut to the length of its column."""
    odd = type("A", (Exception,), {"__module__": "m\0\ud800" * 1000})

    error = describe_error(odd("text"))

    assert error.type == (r"m\x00\ud800" * 100)[:255]
    assert "\0" not in error.text + error.trail
