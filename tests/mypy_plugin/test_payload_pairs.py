"""The pairs of payloads on which the checks, the plugin and the stub agree, as the plugin sees them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..support.payload_pairs import UNDECIDED, UNREADABLE, Pair, modules, pair_at
from .runs import run_mypy
from .test_cases import CONFIG

#: The plugin does not call the functions of a project, such as an alias_generator. At run time, the checks do.
SILENT = {"GeneratedCamel as Reference"}

pytestmark = pytest.mark.proof


def reported(folder: Path) -> list[Pair]:
    """The pairs whose handlers mypy reports."""
    for name, text in modules().items():
        (folder / name).write_text(text)
    (folder / "mypy.ini").write_text(CONFIG.replace("shop.kinds, shop.billing", "pair_kinds"))
    printed = run_mypy(folder, ".")
    errors = re.findall(r"^pair_handlers\.py:(\d+): error: .*\[event-payload\]$", printed, re.MULTILINE)
    return [pair for line in errors if (pair := pair_at(int(line)))]


def test_event_payload_of_each_pair(tmp_path: Path) -> None:
    """The plugin reports the handlers that the checks report at run time, and no handler that can read something."""
    pairs = reported(tmp_path)

    assert [str(pair) for pair in pairs if pair not in UNDECIDED] == [str(pair) for pair in UNREADABLE if str(pair) not in SILENT]
    assert [str(pair) for pair in UNDECIDED if pair in pairs] == ["Value[Annotated[int, Field(gt=0)]] as Value[str]"]
