"""Reads what mutmut has written: which mutants there are, what became of each, and how each differs from the code."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

#: By the exit code of pytest, or the negative number of the signal that ended it. Everything else counts as a survivor.
KILLED = frozenset({1, 2, 3})  # a test failed, or the mutant broke pytest itself
TIMED_OUT = frozenset({-24, 24, 36, 152, 255})
NOT_REACHED = frozenset({5, 33})
#: The names of about a third of the mutants, spread over all functions.
SAMPLE = "*__mutmut_*[147]"


class Mutant(NamedTuple):
    """One change of the code, known by what it changes: mutmut's numbers move with every edit."""

    module: str
    function: str
    before: str
    after: str

    @property
    def place(self) -> str:
        """Where it is, as people write it."""
        return f"{self.module}.{self.function}"


class Tested(NamedTuple):
    """A mutant and what the tests made of it: killed, timed out, survived, not reached, or None if it was not tested yet."""

    mutant: Mutant
    result: str | None
    is_drawn: bool


def read(folder: Path) -> Iterator[Tested]:
    """Yield the mutants below a folder in which mutmut has run."""
    source = folder / "mutants" / "src" / "gcp_event_router"
    for meta in sorted(source.rglob("*.meta")):
        changed = meta.with_suffix("")
        if not changed.exists():
            continue
        lines = changed.read_text().splitlines()
        spans: dict[str, Sequence[int]] = json.loads(changed.with_name(changed.name + ".spans").read_text())["spans"]
        module = ".".join(changed.relative_to(source).with_suffix("").parts)
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items():
            mangled = name.rpartition(".")[2]
            original, _, _ = mangled.partition("__mutmut_")
            function = _readable(original)
            both = [
                [line.strip().replace(each, function) for line in lines[spans[each][0] - 1 : spans[each][1]]]
                for each in (f"{original}__mutmut_orig", mangled)
            ]
            yield Tested(Mutant(module, function, *difference(*both)), result_of(code), fnmatchcase(name, SAMPLE))


def alive(folder: Path, *, is_sample: bool) -> list[str] | None:
    """Return mutmut's names of those mutants, or of the sample, that no test has killed so far; None if there are none yet."""
    metas = sorted((folder / "mutants").rglob("*.meta"))
    codes = {name: code for meta in metas for name, code in json.loads(meta.read_text())["exit_code_by_key"].items()}
    drawn = (name for name in codes if not is_sample or fnmatchcase(name, SAMPLE))
    return [name for name in drawn if codes[name] not in KILLED | TIMED_OUT] if codes else None


def result_of(code: int | None) -> str | None:
    """What an exit code means."""
    if code is None:
        return None
    if code in KILLED:
        return "killed"
    if code in TIMED_OUT:
        return "timed out"
    return "not reached" if code in NOT_REACHED else "survived"


def difference(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    """The lines that differ, of both."""
    removed: list[str] = []
    added: list[str] = []
    for tag, first, last, low, high in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            removed += before[first:last]
            added += after[low:high]
    return "\n".join(removed), "\n".join(added)


def _readable(mangled: str) -> str:
    """`Glob.matches` for mutmut's `xǁGlobǁmatches`."""
    return mangled[2:] if mangled.startswith("x_") else ".".join(mangled.split("ǁ")[1:])
