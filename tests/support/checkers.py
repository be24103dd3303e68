"""The type checkers that read tests/typing/uses. Each runs once, over all files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parents[2]
TYPING: Final = ROOT / "tests" / "typing"
USES: Final = sorted((TYPING / "uses").glob("*.py"))
#: Only a mypy that runs on Python 3.12 reads this file.
NEWER_SYNTAX: Final = "newer_syntax.py"
#: In seconds: without its cache, and beside other work, a checker takes long.
LIMIT: Final = 600

#: A file's name, and the number of a line.
Line: TypeAlias = tuple[str, int]


def reported_lines(checker: str) -> set[Line]:
    """The lines of the uses for which a checker reports an error or a warning."""
    return set(CHECKERS[checker]())


def is_installed(checker: str) -> bool:
    """Whether a checker can run here; `make typing` installs all of them."""
    name = checker.removesuffix("-plugin")
    return (_OLDEST if name == "mypy-oldest" else _program(name)).exists()


def reads(checker: str, file: str) -> bool:
    """Whether a checker runs on a Python that can read a file."""
    is_old = checker.startswith("mypy-oldest") or (checker.startswith("mypy") and sys.version_info < (3, 12))
    return file != NEWER_SYNTAX or not is_old


def _program(name: str) -> Path:
    return Path(sys.executable).with_name(name)


#: `make typing` creates it, with the oldest mypy that the package supports.
_OLDEST: Final = ROOT / ".venvs" / "mypy-oldest" / "bin" / "mypy"


def _mypy(checker: str, program: Path, config: str) -> Iterable[Line]:
    files = [file for file in USES if reads(checker, file.name)]
    return _lines([program, "--config-file", TYPING / config, "--no-error-summary", "--no-pretty", *files])


def _pyright(program: str) -> Iterable[Line]:
    printed = _run([_program(program), "--pythonpath", sys.executable, "--project", TYPING, "--outputjson"])
    for report in json.loads(printed)["generalDiagnostics"]:
        if report["severity"] == "error":
            yield Path(report["file"]).name, report["range"]["start"]["line"] + 1


def _pyrefly() -> Iterable[Line]:
    paths = [f"--search-path={path}" for path in (ROOT, ROOT / "src", ROOT / "stubs")]
    options = ["--preset=strict", "--python-version=3.13", f"--python-interpreter-path={sys.executable}", "--output-format=json"]
    for report in json.loads(_run([_program("pyrefly"), "check", *paths, *options, *USES]))["errors"]:
        yield Path(report["path"]).name, report["line"]


def _ty() -> Iterable[Line]:
    paths = [f"--extra-search-path={path}" for path in (ROOT / "src", ROOT / "stubs")]
    options = [f"--python={sys.executable}", "--python-version=3.13", "--output-format=concise", "--no-progress"]
    return _lines([_program("ty"), "check", *paths, *options, *USES])


CHECKERS: Final[dict[str, Callable[[], Iterable[Line]]]] = {
    "mypy": partial(_mypy, "mypy", _program("mypy"), "mypy.ini"),
    "mypy-plugin": partial(_mypy, "mypy", _program("mypy"), "mypy-plugin.ini"),
    "mypy-oldest": partial(_mypy, "mypy-oldest", _OLDEST, "mypy.ini"),
    "mypy-oldest-plugin": partial(_mypy, "mypy-oldest", _OLDEST, "mypy-plugin.ini"),
    "pyright": partial(_pyright, "pyright"),
    "basedpyright": partial(_pyright, "basedpyright"),
    "pyrefly": _pyrefly,
    "ty": _ty,
}


def _lines(command: Sequence[object]) -> Iterable[Line]:
    """The lines in the output of a checker that prints `path:line:`."""
    names = {file.name for file in USES}
    for match in re.finditer(r"^(\S+?):(\d+):(?:\d+:)? (?:error|warning)", _run(command), re.MULTILINE):
        path = Path(match[1])
        if path.name in names and path.parent.name == "uses":
            yield path.name, int(match[2])


def _run(command: Sequence[object]) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    ended = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    if ended.returncode not in {0, 1}:
        raise RuntimeError(ended.stdout + ended.stderr)
    return ended.stdout
