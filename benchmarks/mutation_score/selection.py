"""A pytest plugin that makes a mutant meet the tests that can notice it, and no others.

mutmut names all tests that call the changed function, which for much of a core is nearly all there are. While mutmut takes its
statistics, this plugin records which test executes which line. A mutant then meets those that execute the changed line, one of
each test function first and the fast ones before the slow ones; pytest collects their files instead of looking for each name.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Collection, Generator, Mapping, Sequence
from pathlib import Path

import pytest

#: How many tests a mutant meets first: most need no more, and are spared the collection of the others.
FEW = 10
#: How many it meets at most, so that the score is the least that it can be; fewer, where they need a database.
LIMIT = 1000
LIMIT_WITH_DATABASE = 400
#: A function that at most so many tests call may be called by its module, which the first of them has imported.
AT_IMPORT = 2
#: How long tests take, in the folder in which mutmut runs them.
STATS = Path("mutmut-stats.json")
#: What the name of a file of the code ends with, in which this plugin has written which tests execute which lines.
LINES = ".lines"


def pytest_configure(config: pytest.Config) -> None:
    """Record lines while mutmut takes its statistics."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":
        config.pluginmanager.register(_Recorder())


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Run tests that are named: a few, and if they pass the others."""
    named = config.args
    if not named or not all("::" in name for name in named):
        return None
    mutant = os.environ.get("MUTANT_UNDER_TEST", "")
    durations: dict[str, float] = json.loads(STATS.read_text())["duration_by_test"] if STATS.exists() else {}
    tests = ordered(able_to_notice(mutant, named), durations)
    has_database = "not django_db" not in config.option.markexpr
    if "__mutmut_" in mutant:
        tests = tests[: LIMIT_WITH_DATABASE if has_database else LIMIT]
    if has_database:  # pytest-django, which opens it, cannot run within itself
        config.pluginmanager.register(_Turn(tests))
        config.args[:] = _files(tests)
        return None
    options = [argument for argument in config.invocation_params.args if argument not in named]
    for turn in (tests[:FEW], tests[FEW:]):
        if turn and (code := pytest.main([*options, *_files(turn)], [_Turn(turn)])):
            return code
    return 0


def _files(tests: Sequence[str]) -> list[str]:
    return sorted({test.partition("::")[0] for test in tests})


class _Turn:
    """Keeps some of the tests of the files that pytest collects, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._tests = tests

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        items[:] = [found[name] for name in self._tests if name in found]


def ordered(names: Collection[str], durations: Mapping[str, float]) -> list[str]:
    """Sort the names of tests: the fastest one of each function, then the second ones, and so on."""
    fast = sorted(names, key=lambda name: (durations.get(name, 0.0), name))
    seen: dict[str, int] = defaultdict(int)
    turns: dict[str, int] = {}
    for name in fast:
        function = name.partition("[")[0]
        turns[name] = seen[function]
        seen[function] += 1
    return sorted(fast, key=turns.__getitem__)


def able_to_notice(mutant: str, names: Sequence[str]) -> Sequence[str]:
    """Of the tests that call the function of a mutant, those that execute the changed line; all of them if it is not known.

    What runs at import may be noticed by every test that executes the module.
    """
    module, _, mangled = mutant.rpartition(".")
    file = Path("src", *module.split(".")).with_suffix(".py")
    file = file if file.exists() else file.with_suffix("") / "__init__.py"
    spans, lines = Path(f"{file}.spans"), Path(f"{file}{LINES}")
    if not (mangled and spans.exists() and lines.exists()):
        return names
    recorded = json.loads(lines.read_text())
    executed: dict[str, list[int]] = recorded["lines"]
    start, line = changed_line(file.read_text().splitlines(), json.loads(spans.read_text())["spans"], mangled)
    while line > start and str(line) not in executed:
        line -= 1  # the statement begins further up
    able = {recorded["tests"][number] for number in executed.get(str(line), [])}
    found = [name for name in names if name in able] or names
    tests: list[str] = recorded["tests"]
    return found if len(names) > AT_IMPORT else tests


def changed_line(lines: Sequence[str], spans: Mapping[str, Sequence[int]], mangled: str) -> tuple[int, int]:
    """The lines on which mutmut's copy of the original function begins, and on which a mutant differs from it."""
    original = mangled.partition("__mutmut_")[0] + "__mutmut_orig"
    first, last = spans[original]
    begin, end = spans[mangled]
    pairs = zip(lines[first - 1 : last], (line.replace(mangled, original) for line in lines[begin - 1 : end]), strict=False)
    return first, next((first + place for place, (one, another) in enumerate(pairs) if one != another), last)


class _Recorder:
    """Writes which tests execute which lines of the files that mutmut has changed."""

    def __init__(self) -> None:
        from coverage import Coverage  # noqa: PLC0415 -- which mutmut installs

        self._files = [str(spans.with_suffix("")) for spans in Path("src").rglob("*.py.spans")]
        self._coverage = Coverage(data_file=None, config_file=False, include=[str(Path(file).resolve()) for file in self._files])

    def pytest_sessionstart(self) -> None:
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        data = self._coverage.get_data()
        for file in self._files:
            contexts = data.contexts_by_lineno(str(Path(file).resolve()))
            tests = sorted({name for names in contexts.values() for name in names if name})
            numbers = {name: number for number, name in enumerate(tests)}
            executed = {line: [numbers[name] for name in names if name] for line, names in contexts.items() if any(names)}
            Path(file + LINES).write_text(json.dumps({"tests": tests, "lines": executed}))
