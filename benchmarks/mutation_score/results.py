"""The results of a part, as benchmarks/results/mutation keeps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

from .mutants import Mutant, Tested

#: What the tests made of a mutant, from best to worst. A test noticed the first two.
OUTCOMES = ("killed", "timed out", "survived", "not reached")
#: What each part has to reach.
LEAST = 0.9


@dataclass(frozen=True)
class Result:
    """How many mutants of each module the tests noticed, and which they did not."""

    part: str
    date: str
    commit: str
    versions: dict[str, str]
    tests: list[str]
    modules: dict[str, dict[str, int]]
    survivors: list[Mutant]
    #: How many mutants there are beside those that were drawn.
    not_drawn: int = 0

    @classmethod
    def of(cls, part: str, tested: Iterable[Tested], *, is_sample: bool = False, **about: Any) -> Self:
        """Count. Raises `LookupError` if mutmut was interrupted before it had tested all, or all of the sample."""
        modules: dict[str, Counter[str]] = {}
        survivors: set[Mutant] = set()
        not_drawn = 0
        for mutant, outcome, is_drawn in tested:
            if is_sample and not is_drawn:
                not_drawn += 1
                continue
            if outcome is None:
                msg = f"{part}: not all mutants are tested yet; run the same command again"
                raise LookupError(msg)
            modules.setdefault(mutant.module, Counter())[outcome] += 1
            if outcome in OUTCOMES[2:]:
                survivors.add(mutant)
        counts = {module: {outcome: found[outcome] for outcome in OUTCOMES} for module, found in sorted(modules.items())}
        return cls(part=part, modules=counts, survivors=sorted(survivors), not_drawn=not_drawn, **about)

    @classmethod
    def load(cls, stored: dict[str, Any]) -> Self:
        """Read what `asdict` wrote, as JSON."""
        fields: dict[str, Any] = {**stored, "survivors": [Mutant(*mutant) for mutant in stored["survivors"]]}
        return cls(**fields)

    def stored(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

    @property
    def total(self) -> dict[str, int]:
        """The counts of all modules together."""
        return {outcome: sum(counts[outcome] for counts in self.modules.values()) for outcome in OUTCOMES}

    @property
    def score(self) -> float:
        """The share of mutants that a test noticed."""
        return score(self.total)


def score(counts: dict[str, int]) -> float:
    """The share of mutants that a test noticed."""
    return sum(counts[outcome] for outcome in OUTCOMES[:2]) / sum(counts.values())
