"""A plugin that fails: a new release of mypy may have other internals."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is not installed here; `make check` installs it")

from mypy.version import __version__

from ..support.checkers import LIMIT
from .runs import run_mypy

pytestmark = [pytest.mark.timeout(LIMIT + 60), pytest.mark.proof]

FILES = {
    "mypy.ini": "[mypy]\nplugins = broken.py\n",
    "broken.py": """\
from gcp_event_router.mypy import METHOD_HOOKS, plugin

def fail(call):
    raise KeyError("secret")

METHOD_HOOKS.update(dict.fromkeys(METHOD_HOOKS, fail))
""",
    "handlers.py": """\
from gcp_event_router import Event, events

@events.on("order-placed")
def record(event: Event[int]) -> None: ...

@events.on("order-paid")
def settle(event: Event[int]) -> None:
    event.payload.total
""",
}


def test_a_crash_is_reported_once(tmp_path: Path) -> None:
    """The plugin says once that it failed and how to go on without it; mypy's own findings stay."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    assert run_mypy(tmp_path, "handlers.py") == (
        f"handlers.py:3: error: gcp_event_router.mypy fails with mypy {__version__} (KeyError: 'secret'), and checks nothing "
        "more in this run. Please report it; until then, remove gcp_event_router.mypy from plugins  [event-config]\n"
        'handlers.py:8: error: "int" has no attribute "total"  [attr-defined]\n'
        "Found 2 errors in 1 file (checked 1 source file)\n"
    )
