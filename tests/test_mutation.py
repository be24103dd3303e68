"""The mutation score: what mutmut left behind is read, counted, explained and written as it should be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

if TYPE_CHECKING:
    from mutation_score.mutants import Mutant, Tested

#: A module as mutmut writes it: the function as it was, and its mutants, each under a name of its own.
CHANGED = '''\
def x_add__mutmut_orig(one: int, other: int = 1) -> int:
    """Add."""
    if one > other:
        return one + other
    return one
def x_add__mutmut_1(one: int, other: int = 2) -> int:
    """Add."""
    if one > other:
        return one + other
    return one
def x_add__mutmut_2(one: int, other: int = 1) -> int:
    """Add."""
    if one >= other:
        return one + other
    return one
class Sum:
    def xǁSumǁof__mutmut_orig(self) -> int:
        return 1
    def xǁSumǁof__mutmut_1(self) -> int:
        return 2
def x_add__mutmut_3(one: int, other: int = 1) -> int:
    """Add."""
    if one > other:
        return one - other
    return one
'''
SPANS = {
    "x_add__mutmut_orig": [1, 5],
    "x_add__mutmut_1": [6, 10],
    "x_add__mutmut_2": [11, 15],
    "xǁSumǁof__mutmut_orig": [17, 18],
    "xǁSumǁof__mutmut_1": [19, 20],
    "x_add__mutmut_3": [21, 25],
}


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])


@pytest.fixture
def tested(tmp_path: Path) -> list[Tested]:
    """The mutants of a folder in which mutmut has run."""
    from mutation_score import mutants  # noqa: PLC0415 -- the folder is on the path now

    module = tmp_path / "mutants" / "src" / "gcp_event_router" / "sums" / "adding.py"
    module.parent.mkdir(parents=True)
    module.write_text(CHANGED)
    module.with_name("adding.py.spans").write_text(json.dumps({"version": 1, "spans": SPANS}))
    codes = {"x_add__mutmut_1": 0, "x_add__mutmut_2": 1, "xǁSumǁof__mutmut_1": 33}
    meta = {"exit_code_by_key": {f"gcp_event_router.sums.adding.{name}": code for name, code in codes.items()}}
    module.with_name("adding.py.meta").write_text(json.dumps(meta))
    return list(mutants.read(tmp_path))


def test_a_mutant_is_known_by_its_lines(tested: list[Tested]) -> None:
    """A mutant is a place and the lines that differ, which stay the same when mutmut's numbers move."""
    head = "def add(one: int, other: int = {}) -> int:"

    assert tested == [
        (("sums.adding", "add", head.format(1), head.format(2)), "survived", True),
        (("sums.adding", "add", "if one > other:", "if one >= other:"), "killed", False),
        (("sums.adding", "Sum.of", "return 1", "return 2"), "not reached", True),
    ]


@pytest.mark.parametrize(
    ("code", "outcome"), [(1, "killed"), (-24, "timed out"), (0, "survived"), (-9, "survived"), (33, "not reached"), (None, None)]
)
def test_exit_codes(code: int | None, outcome: str | None) -> None:
    """A mutant counts as noticed if a test failed or did not end; whatever else happened, it survived."""
    from mutation_score.mutants import result_of  # noqa: PLC0415 -- as above

    assert result_of(code) == outcome


def test_mutants_that_no_test_reaches_count_as_survivors(tested: list[Tested]) -> None:
    """The score is the share of mutants that a test noticed, and those that no test reaches are among the survivors."""
    from mutation_score.results import Result  # noqa: PLC0415 -- as above

    result = Result.of("sums", tested, date="", commit="", versions={}, tests=[])

    assert result.modules == {"sums.adding": {"killed": 1, "timed out": 0, "survived": 1, "not reached": 1}}
    assert result.score == 1 / 3
    assert result.survivors == sorted([tested[0].mutant, tested[2].mutant])
    assert Result.load(json.loads(json.dumps(result.stored()))) == result


def test_an_interrupted_run_has_no_result(tested: list[Tested]) -> None:
    """A part has no score before all its mutants are tested."""
    from mutation_score.results import Result  # noqa: PLC0415 -- as above

    with pytest.raises(LookupError) as refused:
        Result.of("sums", [*tested, tested[0]._replace(result=None)])

    assert str(refused.value) == "sums: not all mutants are tested yet; run the same command again"


def test_a_sample_has_mutants_of_each_function(tested: list[Tested]) -> None:
    """A sample is complete without the others, and says how many they are."""
    from mutation_score.results import Result  # noqa: PLC0415 -- as above

    about: dict[str, Any] = {"date": "", "commit": "", "versions": {}, "tests": []}
    assert [each.is_drawn for each in tested] == [True, False, True]
    result = Result.of("sums", [tested[0], tested[1]._replace(result=None), tested[2]], is_sample=True, **about)

    assert (result.modules["sums.adding"], result.not_drawn) == (
        {"killed": 0, "timed out": 0, "survived": 1, "not reached": 1},
        1,
    )
    with pytest.raises(LookupError):
        Result.of("sums", [tested[0]._replace(result=None)], is_sample=True, **about)


def test_each_survivor_has_a_reason_and_each_reason_a_survivor(tmp_path: Path) -> None:
    """What is missing and what is left over is written as the file of reasons has it; other modules are not judged."""
    from mutation_score import reasons  # noqa: PLC0415 -- as above
    from mutation_score.mutants import Mutant  # noqa: PLC0415 -- as above

    explained, idle, elsewhere, bare = (Mutant(module, "f", "1", "2") for module in ("a", "b", "other", "c"))
    file = tmp_path / "reasons.toml"
    listed = "\n".join(map(reasons.toml, (explained, idle, elsewhere)))
    file.write_text(f'[[reasons]]\nwhy = "It is equivalent."\nmutants = [\n{listed}\n]\n')
    known = reasons.load(file)

    assert known == dict.fromkeys([explained, idle, elsewhere], "It is equivalent.")
    assert reasons.complaints([explained, bare], ["a", "b", "c"], known) == [
        'no reason for:    ["c", "f", "1", "2"],',
        'no survivor for:  ["b", "f", "1", "2"],',
    ]


def test_a_mutant_has_one_reason(tmp_path: Path) -> None:
    """Two reasons for one mutant are refused."""
    from mutation_score import reasons  # noqa: PLC0415 -- as above

    file = tmp_path / "reasons.toml"
    file.write_text('[[reasons]]\nwhy = "It is slow."\nmutants = [["a", "f", "1", "2"], ["a", "f", "1", "2"]]\n')

    with pytest.raises(ValueError, match=r"^reasons\.toml gives two reasons for \[\"a\", \"f\", \"1\", \"2\"\],$"):
        reasons.load(file)


@pytest.mark.usefixtures("tested")
def test_a_mutant_meets_the_tests_that_execute_the_changed_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If nobody knows who executes it, it meets all that call the function; what ran at import, all that execute the module."""
    from mutation_score import selection  # noqa: PLC0415 -- as above

    monkeypatch.chdir(tmp_path / "mutants")
    named = ["a.py::test_one", "a.py::test_two", "b.py::test_three", "b.py::test_four"]

    def able(*callers: str) -> list[Sequence[str]]:
        mutants = ("x_add__mutmut_1", "x_add__mutmut_2", "x_add__mutmut_3", "xǁSumǁof__mutmut_1")
        return [selection.able_to_notice(f"gcp_event_router.sums.adding.{mutant}", callers) for mutant in mutants]

    before = able(*named)
    recorded = {"tests": [*named, "c.py::test_five"], "lines": {"3": [1, 2, 3], "4": [0]}}
    Path(f"src/gcp_event_router/sums/adding.py{selection.LINES}").write_text(json.dumps(recorded))

    assert before == [tuple(named)] * 4
    assert able(*named) == [tuple(named), named[1:], named[:1], tuple(named)]
    assert able(*named[:1]) == [recorded["tests"]] * 4


@pytest.mark.parametrize(
    ("marked", "broken", "run"),
    [("not django_db", 0, 10), ("not django_db", 11, 12), ("not django_db", None, 12), ("not proof", 0, 12)],
)
def test_a_mutant_that_a_few_tests_notice_meets_no_others(tmp_path: Path, marked: str, broken: int | None, run: int) -> None:
    """Of the tests that are named, ten are run first, unless some need a database."""
    test = "import pathlib\ndef test_{0}(): pathlib.Path('ran-{0}').touch(); assert {0} != {1}\n"
    for number in range(13):
        (tmp_path / f"test_{number:02}.py").write_text(test.format(number, broken))
    named = [f"test_{number:02}.py::test_{number}" for number in reversed(range(12))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "benchmarks"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "mutation_score.selection", "-m", marked, *named]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert (result.returncode, len(list(tmp_path.glob("ran-*")))) == (0 if broken is None else 1, run), result.stdout


def test_each_function_has_its_turn() -> None:
    """The fastest test of each function comes first, then the second ones."""
    from mutation_score import selection  # noqa: PLC0415 -- as above

    durations = {"a.py::test_one[x]": 3.0, "a.py::test_one[y]": 1.0, "a.py::test_two": 5.0, "a.py::test_one[z]": 2.0}

    assert selection.ordered([*durations, "b.py::test_new"], durations) == [
        "b.py::test_new",
        "a.py::test_one[y]",
        "a.py::test_two",
        "a.py::test_one[z]",
        "a.py::test_one[x]",
    ]


def test_changed_tests_change_the_digest(tmp_path: Path) -> None:
    """Survivors are tested again if a file of tests has changed."""
    from mutation_score.running import digest  # noqa: PLC0415 -- as above

    file = tmp_path / "test_sums.py"
    file.write_text("assert 1\n")
    before = digest([tmp_path]), digest([file])
    assert before[0] == before[1]
    file.write_text("assert 2\n")

    assert digest([tmp_path]) != before[0]


def test_the_tests_of_each_part_exist() -> None:
    """The parts name modules and tests that are there."""
    from mutation_score.parts import PARTS  # noqa: PLC0415 -- as above

    for part in PARTS:
        assert [name for name in part.tests if not (ROOT / name).exists()] == []
        assert [name for name in part.modules if not list((ROOT / "src/gcp_event_router").glob(f"{name}.py"))] == []


def test_page_is_what_the_results_say() -> None:
    """Nobody has edited docs/explanation/mutation.md by hand, or forgotten to write it again; each survivor has a reason."""
    from mutation_score import page, reasons  # noqa: PLC0415 -- as above
    from mutation_score.parts import PARTS  # noqa: PLC0415 -- as above
    from mutation_score.results import Result  # noqa: PLC0415 -- as above

    files = [ROOT / "benchmarks" / "results" / "mutation" / f"{part.name}.json" for part in PARTS]
    results = [Result.load(json.loads(file.read_text())) for file in files if file.exists()]
    known = reasons.load()

    assert page.write(results, known) == (ROOT / "docs" / "explanation" / "mutation.md").read_text()
    survivors: list[Mutant] = [mutant for result in results for mutant in result.survivors]
    assert reasons.complaints(survivors, [module for result in results for module in result.modules], known) == []
