"""`manage.py events stubs`: tells every type checker which kinds the project declares."""

from __future__ import annotations

import os
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper

from .._words import counted
from ..router import events
from .arguments import refuse
from .kinds_stub import MODULE, kinds_stub
from .output import place
from .subcommands import argument, subcommand

_FILE: Final = f"{MODULE}.pyi"


@subcommand(
    "Write a stub for type checkers, which then refuse unknown kinds, and handlers of another payload than the kind's.",
    argument("--check", action="store_true", help="write nothing, and fail if the stub does not say what the project declares"),
    argument(
        "--output", metavar="PATH", help="the file, or its folder (default: the folder that Python imports the settings from)"
    ),
)
def stubs(out: OutputWrapper, *, check: bool, output: str | None, **_: Any) -> None:
    """Write the stub, or compare it with the file."""
    if not events.kinds:
        msg = "No kind is declared, so the stub would refuse every kind. Declare kinds with events.kind(...)."
        raise CommandError(msg)
    path = _path(output)
    shown = place(f"{path}:").rstrip(":")
    text, old = kinds_stub(events), _read(path, shown)
    what = f"{shown}: {counted(len(events.kinds), 'kind')}, {counted(len(events), 'registration')}."
    if old == text:
        out.write(f"Up to date: {what}")
    elif check:
        out.write("\n".join(unified_diff(old.splitlines(), text.splitlines(), shown, "what the project declares", lineterm="")))
        option = "" if output is None else f" --output {output}"
        msg = f"{shown} is not what the project declares. To write it anew: manage.py events stubs{option}"
        raise CommandError(msg)
    else:
        _write(path, shown, text)
        out.write(f"Written: {what}")


def _path(output: str | None) -> Path:
    """Find the stub. Checkers look for it where they find the project's own modules, and so where Python imports the settings."""
    if output is not None:
        return Path(output) / _FILE if Path(output).is_dir() else Path(output)
    name = str(getattr(settings, "SETTINGS_MODULE", ""))
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:  # settings that no module has
        return Path.cwd() / _FILE
    module = Path(file).with_suffix("")
    depth = len(name.split(".")) - (module.name != "__init__")
    return module.parents[depth] / _FILE


def _read(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        refuse(
            f"The file {shown!r} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}. Name another: --output."
        )


def _write(path: Path, shown: str, text: str) -> None:
    """Replace the file at once, so that no type checker reads a part of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        refuse(f"The file {shown!r} cannot be written: {error.strerror}. Name another: --output.")
