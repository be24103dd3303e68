"""Tables of the commands fit the terminal, and have a row in each line for pipes."""

from __future__ import annotations

import io

import pytest
from django.core.management.base import OutputWrapper
from typing_extensions import override

from gcp_event_router.management.output import table, width_of

TITLES = ("kind", "payload", "handler", "how")
ROWS = (
    ("order-placed", "OrderPlaced", "shop.record", "sync"),
    ("github attributes={'event': 'pull_request'}", "PullRequestClosed", "shop.log_change", "async"),
    ("refund", "Refund", "shop.refund", "sync, retries after 5 s, doubling up to 10 min, giving up on DoesNotExist"),
)
STACKED = """\
kind          payload
    handler  how
order-placed  OrderPlaced
    shop.record  sync
github attributes={'event': 'pull_request'}
    PullRequestClosed
    shop.log_change  async
refund        Refund
    shop.refund
    sync, retries after 5 s, doubling up to 10
    min, giving up on DoesNotExist"""


def test_without_a_width() -> None:
    """A pipe gets each row in one line, in columns."""
    lines = table(ROWS, TITLES, head=2).splitlines()

    assert len(lines) == 1 + len(ROWS)
    assert len({line.index(cell) for line, cell in zip(lines, ("handler", "shop.", "shop.", "shop."), strict=True)}) == 1


def test_in_a_narrow_terminal() -> None:
    """Where the columns do not fit, the first ones stay, and the others follow below, broken between cells and words."""
    assert table(ROWS, TITLES, head=2, width=50) == STACKED
    assert max(map(len, STACKED.splitlines())) <= 50


def test_in_a_wide_terminal() -> None:
    """Where the columns fit, the terminal gets what a pipe gets."""
    assert table(ROWS[:1], TITLES, head=2, width=50) == table(ROWS[:1], TITLES)


def test_names_are_not_broken() -> None:
    """A name that is longer than a line stays whole, so that it can be copied."""
    name = "shop.event_handlers." + "x" * 50

    assert table([("k", name)], ("kind", "handler"), head=1, width=40) == f"kind\n    handler\nk\n    {name}"


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "columns", "width"),
    [(io.StringIO(), None, None), (io.StringIO(), "72", None), (Terminal(), "72", 72), (Terminal(), None, 80)],
)
def test_width(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, columns: str | None, width: int | None) -> None:
    """A terminal has the width of COLUMNS, or its own, or 80 if it does not say; a pipe has none."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.__stdout__", None)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)

    assert width_of(OutputWrapper(stream)) == width
