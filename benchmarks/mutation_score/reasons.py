"""Why survivors survive: a file that people write, and what it lacks or has too much."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from .mutants import Mutant

FILE = Path(__file__).with_name("reasons.toml")


def load(file: Path = FILE) -> dict[Mutant, str]:
    """The reason of each mutant. Raises `ValueError` if a mutant has two."""
    reasons: dict[Mutant, str] = {}
    for entry in tomllib.loads(file.read_text()).get("reasons", []):
        for fields in entry["mutants"]:
            mutant = Mutant(*fields)
            if mutant in reasons:
                msg = f"{file.name} gives two reasons for {toml(mutant)}"
                raise ValueError(msg)
            reasons[mutant] = entry["why"]
    return reasons


def complaints(survivors: Iterable[Mutant], tested: Iterable[str], reasons: Mapping[Mutant, str]) -> list[str]:
    """Survivors without a reason, and reasons, in the modules that were tested, without a survivor.

    Each is written as in the file, so that it can be copied to there.
    """
    alive, modules = set(survivors), set(tested)
    missing = [f"no reason for:    {toml(mutant)}" for mutant in sorted(alive - reasons.keys())]
    idle = sorted(mutant for mutant in reasons.keys() - alive if mutant.module in modules)
    return missing + [f"no survivor for:  {toml(mutant)}" for mutant in idle]


def toml(mutant: Mutant) -> str:
    """A mutant as the file has it."""
    return json.dumps(mutant, ensure_ascii=False) + ","
