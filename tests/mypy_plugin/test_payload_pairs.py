"""The pairs of payloads on which the checks, the plugin and the stub agree, as the plugin sees them."""

from __future__ import annotations

import re

import pytest

from ..support.checkers import LIMIT
from ..support.payload_pairs import GOOGLE_UNREADABLE, UNDECIDED, UNREADABLE, Pair, modules, pair_at
from .runs import run_mypy
from .test_cases import CONFIG

#: The plugin does not call the functions of a project, such as an alias_generator. At run time, the checks do.
SILENT = {"GeneratedCamel as Reference"}

pytestmark = [pytest.mark.timeout(LIMIT + 60), pytest.mark.proof]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy prints about a project of all pairs."""
    folder = tmp_path_factory.mktemp("pairs")
    for name, text in modules().items():
        (folder / name).write_text(text)
    (folder / "mypy.ini").write_text(CONFIG.replace("shop.kinds, shop.billing", "pair_kinds"))
    return run_mypy(folder, ".")


def reported(printed: str, file: str) -> list[Pair]:
    """The pairs whose handlers in a file mypy reports."""
    errors = re.findall(rf"^{file}:(\d+): error: .*\[event-payload\]$", printed, re.MULTILINE)
    return [pair for line in errors if (pair := pair_at(file, int(line)))]


def test_event_payload_of_each_pair(printed: str) -> None:
    """The plugin reports the handlers that the checks report at run time, and no handler that can read something."""
    pairs = reported(printed, "pair_handlers.py")

    assert [str(pair) for pair in pairs if pair not in UNDECIDED] == [str(pair) for pair in UNREADABLE if str(pair) not in SILENT]
    assert [str(pair) for pair in UNDECIDED if pair in pairs] == ["Value[Annotated[int, Field(gt=0)]] as Value[str]"]


def test_event_payload_of_each_of_googles_types(printed: str) -> None:
    """The same for handlers of the types of Google's events."""
    assert [str(pair) for pair in reported(printed, "google_handlers.py")] == [str(pair) for pair in GOOGLE_UNREADABLE]
