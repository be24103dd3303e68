"""`manage.py events schema`: what the site can be sent, as documents."""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path
from typing import Any, Final, cast

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper

from .._contract.asyncapi import asyncapi
from .._contract.channels import channel_of
from .._contract.compatibility import Change, document_changes
from .._log import logger
from ..auth import configured
from ..exceptions import ConfigurationError, DocumentFileError
from ..router import events
from .arguments import kind_or_type, named
from .output import spells
from .subcommands import FORMAT, argument, exclusive, subcommand

__all__ = ["schema"]

#: So much of a file is read.
_MOST: Final = 50_000_000


@subcommand(
    "Write what the site can be sent: an AsyncAPI document, or the JSON Schemas of some kinds.",
    argument(
        "kinds",
        type=kind_or_type,
        nargs="*",
        metavar="KIND",
        help="a kind or a CloudEvents type whose JSON Schema to write; an AsyncAPI document of all unless given",
    ),
    argument(
        "--mode",
        choices=("validation", "serialization"),
        help="of the JSON Schemas: what is read, or what is written; validation unless given",
    ),
    argument("--title", help="of the document; the project's name unless given"),
    argument("--doc-version", default="1.0.0", metavar="VERSION", help="of the document; 1.0.0 unless given"),
    exclusive(
        argument("--output", metavar="FILE", help="write it there"),
        argument("--check", metavar="FILE", help="compare with the document there, and fail for a change that breaks senders"),
    ),
    *FORMAT,
)
def schema(out: OutputWrapper, *, kinds: list[str], mode: str | None, json: bool, **options: Any) -> None:
    """Write the document, or compare it with `--check`."""
    output, against = options["output"], options["check"]
    if kinds and against is not None:
        msg = "--check compares the document of all kinds. Leave the kinds out."
        raise CommandError(msg, returncode=2)
    try:
        made = _of_kinds(kinds, mode or "validation") if kinds else _document(mode, options["title"], options["doc_version"])
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    if against is not None:
        _check(out, against, made, as_json=json)
    elif output is not None:
        _write(output, made)
    else:
        text = _text(made)
        out.write(text if spells(out, text) else dumps(made, indent=2))


def _document(mode: str | None, title: str | None, version: str) -> dict[str, Any]:
    if mode:
        msg = "--mode is for the JSON Schemas of kinds: name them."
        raise CommandError(msg, returncode=2)
    project = str(getattr(settings, "ROOT_URLCONF", "site")).partition(".")[0]
    return asyncapi(events, configured(), title=title or project, version=version)


def _of_kinds(kinds: list[str], mode: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in kinds:
        channel = channel_of(events, *named(kind, None))
        if not channel.payloads:
            msg = f"Nothing here handles {kind!r}, so it has no schema. See manage.py events list."
            raise CommandError(msg)
        found[kind] = channel.schema(mode)
        for note in channel.example().notes:
            logger.warning("%s: %s", kind, note)
    return found[kinds[0]] if len(kinds) == 1 else found


def _check(out: OutputWrapper, file: str, made: dict[str, Any], *, as_json: bool) -> None:
    try:
        found = document_changes(_read(file), made)
    except DocumentFileError as error:
        msg = f"The file {file!r} cannot be compared. {error}"
        raise CommandError(msg, returncode=2) from error
    breaking = sum(each.is_breaking for each in found)
    out.write(_listed_json(found) if as_json else _listed(file, found))
    if breaking:
        msg = (
            f"{breaking} of these may break senders. If that is meant, write the file anew: "
            f"manage.py events schema --output {file}"
        )
        raise CommandError(msg)


def _listed(file: str, found: list[Change]) -> str:
    lines = [f"{'BREAKS ' if each.is_breaking else 'ok     '}{each}" for each in found]
    return "\n".join(lines) or f"Nothing that senders may rely on differs from {file}."


def _listed_json(found: list[Change]) -> str:
    return dumps([{"place": each.place, "what": each.what, "breaking": each.is_breaking} for each in found], indent=2)


def _read(file: str) -> dict[str, Any]:
    try:
        with Path(file).open("rb") as opened:
            read: object = loads(opened.read(_MOST))
    except OSError as error:
        msg = f"It cannot be read: {error.strerror}. Write it first: manage.py events schema --output {file}."
        raise DocumentFileError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"It is not JSON. Write it anew: manage.py events schema --output {file}."
        raise DocumentFileError(msg) from error
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def _write(file: str, made: object) -> None:
    try:
        Path(file).write_text(_text(made) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"The file {file!r} cannot be written: {error.strerror}."
        raise CommandError(msg, returncode=2) from error


def _text(made: object) -> str:
    return dumps(made, indent=2, ensure_ascii=False)
