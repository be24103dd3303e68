"""Fuzzes one of the targets in `tests.support.fuzzing` with atheris, for `fuzz`; or shows what becomes of one input."""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import argparse
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "example")]
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import atheris
import django

with atheris.instrument_imports(include=["gcp_event_router"]):
    django.setup()
    from tests.support.fuzzing import Target, targets

#: Seconds that one input may take.
_SLOWEST: Final = 10
_WORD: Final = re.compile(rb"[A-Za-z][\w./-]{2,40}")


def main() -> None:
    """Fuzz until all inputs are taken or one breaks a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--take", type=Path, metavar="FILE", help="this input alone")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args()
    with targets() as known:
        target = known[options.target]
        if options.take is not None:
            print(target.take(options.take.read_bytes()))
        else:
            _fuzz(target, options.inputs, options.seed, options.folder)


def _fuzz(target: Target, inputs: int, seed: int, folder: Path) -> None:
    """Let atheris change the seeds, and words of them, so that they reach other lines; ends the process."""
    verdicts: Counter[str] = Counter()

    def take(data: bytes) -> None:
        try:
            verdicts[target.take(data)] += 1
        except BaseException:
            (folder / "crash-input").write_bytes(data)  # atheris keeps none on its own
            raise
        if verdicts.total() == inputs:
            (folder / "verdicts").write_text(json.dumps(verdicts))
            os._exit(0)  # libFuzzer ends no other way that is not an error

    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(data)
    words = sorted({word for data in target.seeds for word in _WORD.findall(data)})
    (folder / "words").write_bytes(b"".join(b'"%s"\n' % word for word in words))
    arguments = [f"-max_len={target.longest}", f"-timeout={_SLOWEST}", f"-seed={seed}", f"-dict={folder}/words"]
    atheris.Setup([sys.argv[0], *arguments, f"-artifact_prefix={folder}/", str(corpus)], take)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
