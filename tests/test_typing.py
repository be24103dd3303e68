"""The files under tests/typing/uses, which type checkers read and nobody runs, and the stubs beside them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from itertools import count

import pytest

from .support.checkers import CHECKERS, LIMIT, ROOT, USES, Line, is_installed, reads, reported_lines
from .typing.exceptions import EXCEPTIONS

#: The comment of a bad use, or of a good one that is among the exceptions.
MARK = re.compile(r"  # (?P<kind>bad|good): (?P<words>.+)$")
#: What begins a use, in a line without a mark: the registration of a function, an assertion, or another call.
GOOD = re.compile(r"assert_type\(|\.(on|fallback|use|kind)\b|^[\w.]+\(|: \w+(\[.*\])? = ")
#: The least share of good and of bad uses that a checker tells apart, in percent.
LEAST = {
    "mypy": 99,
    "mypy-plugin": 99,
    "mypy-oldest": 95,
    "mypy-oldest-plugin": 99,
    "pyright": 97,
    "basedpyright": 97,
    "pyrefly": 95,
    "ty": 95,
}

pytestmark = [
    pytest.mark.timeout(LIMIT + 60),
    pytest.mark.proof,
]


@cache
def lines() -> dict[Line, str]:
    """All lines of the uses."""
    return {(file.name, number): line for file in USES for number, line in enumerate(file.read_text().splitlines(), 1)}


def marked(kind: str) -> dict[Line, str]:
    """The words of each marked use."""
    marks = ((place, MARK.search(line)) for place, line in lines().items())
    return {place: mark["words"] for place, mark in marks if mark and mark["kind"] == kind}


def span(place: Line) -> set[Line]:
    """The lines of a use: of a decorator, also those down to the function or class, where some checkers report its errors."""
    file, first = place
    if not lines()[place].lstrip().startswith("@"):
        return {place}
    last = next(number for number in count(first) if re.match(r"\s*(async def|def|class) ", lines()[file, number]))
    return {(file, number) for number in range(first, last + 1)}


@cache
def wrong(checker: str) -> frozenset[str]:
    """The uses that a checker gets wrong: their words, or the code of one without a comment."""
    reported = reported_lines(checker)
    bad = {place: words for place, words in marked("bad").items() if reads(checker, place[0])}
    accepted = {words for place, words in bad.items() if not reported & span(place)}
    good = reported - {line for place in bad for line in span(place)}
    return frozenset(accepted | {marked("good").get(place, f"{place}: {lines()[place].strip()}") for place in good})


def test_enough_uses() -> None:
    """There are many good and bad uses, and the words of each mark name one of them."""
    words = [*marked("bad").values(), *marked("good").values()]

    assert len(words) == len(set(words))
    assert len(marked("bad")) >= 600
    assert sum("assert_type(" in line for line in lines().values()) >= 250


def test_exceptions_name_uses() -> None:
    """Each exception is a use, once for a checker."""
    words = {*marked("bad").values(), *marked("good").values()}
    named = {checker: [use for uses in causes.values() for use in uses] for checker, causes in EXCEPTIONS.items()}

    assert {checker: set(uses) - words for checker, uses in named.items()} == {checker: set[str]() for checker in CHECKERS}
    assert {checker: len(uses) for checker, uses in named.items()} == {checker: len(set(uses)) for checker, uses in named.items()}
    assert set(marked("good").values()) <= {use for uses in named.values() for use in uses}


@pytest.mark.parametrize("checker", CHECKERS)
def test_checker(checker: str) -> None:
    """The checker reports each bad use on its line and nothing of a good one, except for what the table of exceptions names."""
    if not is_installed(checker):
        pytest.skip(f"{checker} is not installed here; `make typing` installs it")

    expected = {use for uses in EXCEPTIONS[checker].values() for use in uses}
    assert wrong(checker) == expected


@pytest.mark.parametrize("checker", CHECKERS)
def test_bar(checker: str) -> None:
    """The exceptions are few: the checker tells most bad uses, and most good ones, apart."""
    exceptions = {use for uses in EXCEPTIONS[checker].values() for use in uses}
    bad = set(marked("bad").values())
    good = sum(bool(GOOD.search(line)) for place, line in lines().items() if place not in marked("bad"))

    assert 100 * len(exceptions & bad) <= (100 - LEAST[checker]) * len(bad)
    assert 100 * len(exceptions - bad) <= (100 - LEAST[checker]) * good


def test_each_documented_payload_of_google_has_a_good_and_a_bad_use() -> None:
    """Every model in the tables of docs/guides/google.md is among the good uses, and among those that are an error."""
    tables = [line for line in (ROOT / "docs" / "guides" / "google.md").read_text().splitlines() if line.startswith("| ")]
    models = set(re.findall(r"\b[A-Z]\w+(?:Data|DataV2|Entry|Notification|Attributes)\b", "\n".join(tables)))
    uses = {place: line for place, line in lines().items() if place[0] == "googles_payloads.py" and " import " not in line}
    bad = "\n".join(line for place, line in uses.items() if place in marked("bad"))
    good = "\n".join(line for place, line in uses.items() if place not in marked("bad"))
    handled = set(re.findall(r"Event\[(\w+)\]", good))

    assert len(models) == 19
    assert (models - set(re.findall(r"\w+", good)), models - set(re.findall(r"\w+", bad)) - handled) == (set(), set())


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a checker from the repository's folder, with this Python's packages."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])  # noqa: PTH120 -- links stay
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )


@pytest.mark.skipif(find_spec("pyright") is None, reason="pyright is not installed here; `make check` installs it")
def test_types_are_complete() -> None:
    """Every name that the package exports has a type that pyright knows in full."""
    checked = run("pyright", "--verifytypes", "gcp_event_router", "--ignoreexternal")

    assert "Type completeness score: 100%" in checked.stdout, checked.stdout + checked.stderr


@pytest.mark.skipif(find_spec("django_gcp") is None, reason="django-gcp's releases that import need Python 3.12 or newer")
def test_stubs_are_true() -> None:
    """The stubs say of django-gcp what mypy's stubtest finds in the real package."""
    modules = ("django_gcp.events", "django_gcp.exceptions", "django_gcp.urls")
    checked = run("mypy.stubtest", "--mypy-config-file", "mypy.ini", "--ignore-missing-stub", *modules)

    assert checked.returncode == 0, checked.stdout + checked.stderr
