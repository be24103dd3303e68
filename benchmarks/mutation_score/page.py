"""Writes docs/explanation/mutation.md from the results and the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .mutants import Mutant
from .parts import PARTS
from .results import OUTCOMES, Result, score
from .selection import LIMIT, LIMIT_WITH_DATABASE

INTRODUCTION = """\
# Mutation score

Would a test notice if the core were wrong? `make mutation` asks [mutmut](https://mutmut.readthedocs.io), which makes one small
change after another in the code, a *mutant*: `<` becomes `<=`, an argument becomes `None`, a branch is taken always. Each mutant
meets the tests that execute the changed line, at most {limit}, or {limit_with_database} where they need a database. The score is
the share of mutants that fail a test, or make one run for ever. Mutants that no test reaches count as survivors. The command
fails if a part scores below 90 %, or if a survivor has no reason here.

Tests marked `proof` take no part: those with real processes and browsers. They notice more. MariaDB has a part of its own.

| part | mutants | of | killed | timed out | survived | not reached | score | measured | commit |
|---|---|---|---|---|---|---|---|---|---|
{parts}

Together: **{score:.1%}** of {mutants:,} mutants.{missing} Where a part has more (*of*), a sample was tested.

{versions}. The raw data are in the repository, in the folder `benchmarks/results/mutation`, and the reasons
of survivors in `benchmarks/mutation_score/reasons.toml`.

## Repeat it

```console
$ make mutation
$ make mutation ARGUMENTS="globs secrets"
$ make mutation ARGUMENTS="--sample claims"
```

A run takes hours; with `--sample`, it tests about a third of the mutants of each function. It can be interrupted: the same
command continues, and tests survivors again. It begins anew if the code of the part has changed, or after `rm -r mutants`, as the
tests of a release should.
"""


def write(results: Sequence[Result], reasons: Mapping[Mutant, str]) -> str:
    """The page."""
    totals = {outcome: sum(result.total[outcome] for result in results) for outcome in OUTCOMES}
    versions = {name: number for result in results for name, number in result.versions.items()}
    missing = ", ".join(part.name for part in PARTS if part.name not in {result.part for result in results})
    page = INTRODUCTION.format(
        parts=_table(
            [f"[{result.part}](#{result.part})", *_counts(result.total, result.not_drawn), result.date, f"`{result.commit}`"]
            for result in results
        ),
        limit=LIMIT,
        limit_with_database=LIMIT_WITH_DATABASE,
        score=score(totals),
        mutants=sum(totals.values()),
        missing=f" Not measured yet: {missing}." if missing else "",
        versions=", ".join(f"{name} {number}" for name, number in versions.items()),
    )
    return page + "".join(_part(result, reasons) for result in results)


def _part(result: Result, reasons: Mapping[Mutant, str]) -> str:
    tests = ", ".join(f"`{test}`" for test in result.tests)
    rows = [[f"`{module}`", *_counts(counts)] for module, counts in result.modules.items()]
    text = f"\n## {result.part}\n\nIts tests: {tests}.\n\n"
    text += "| module | mutants | killed | timed out | survived | not reached | score |\n|---|---|---|---|---|---|---|\n"
    text += _table(rows) + "\n"
    by_reason: dict[str, list[Mutant]] = {}
    for mutant in result.survivors:
        by_reason.setdefault(reasons.get(mutant, "There is no reason yet."), []).append(mutant)
    for reason, mutants in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        text += f"\n{reason}\n\n```diff\n{_diffs(mutants)}\n```\n"
    return text


def _diffs(mutants: Iterable[Mutant]) -> str:
    lines: list[str] = []
    place = ""
    for mutant in mutants:
        if mutant.place != place:
            place = mutant.place
            lines.append(f"@@ {place} @@")
        lines += [f"{sign}{line}" for sign, text in (("-", mutant.before), ("+", mutant.after)) for line in text.splitlines()]
    return "\n".join(lines)


def _counts(counts: dict[str, int], not_drawn: int | None = None) -> list[str]:
    tested = sum(counts.values())
    of = [] if not_drawn is None else [str(tested + not_drawn)]
    return [str(tested), *of, *(str(counts[outcome]) for outcome in OUTCOMES), f"{score(counts):.1%}"]


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
