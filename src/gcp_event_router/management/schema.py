"""`manage.py events schema`: what the site can be sent, as documents."""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path
from typing import Any, Final, cast

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper

from .._contract.asyncapi import asyncapi
from .._contract.channels import channel_of
from .._contract.compatibility import document_changes
from .._log import logger
from ..auth import configured
from ..exceptions import ConfigurationError, DocumentFileError
from ..router import events
from .arguments import kind_or_type, named
from .subcommands import FORMAT, argument, exclusive, subcommand

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
        _check(out, against, made, json=json)
        return
    if output is None:
        out.write(_text(made, getattr(out, "encoding", None) or "utf-8"))
        return
    try:
        Path(output).write_text(_text(made, "utf-8") + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"The file {output!r} cannot be written: {error.strerror}."
        raise CommandError(msg, returncode=2) from error


def _text(document: object, encoding: str) -> str:
    """A document as JSON, with escapes only if an encoding lacks some of its letters."""
    text = dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return dumps(document, indent=2)
    return text


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


def _check(out: OutputWrapper, file: str, made: dict[str, Any], *, json: bool) -> None:
    write = f"manage.py events schema --output {file}"
    try:
        with Path(file).open("rb") as opened:
            old: object = loads(opened.read(_MOST))
        changes = document_changes(cast("dict[str, Any]", old) if isinstance(old, dict) else {}, made)
    except (DocumentFileError, OSError, ValueError, RecursionError) as error:
        problem = str(error) if isinstance(error, DocumentFileError) else f"It is not JSON. Write it anew: {write}."
        if isinstance(error, OSError):
            problem = f"It cannot be read: {error.strerror}. Write it first: {write}."
        msg = f"The file {file!r} cannot be compared. {problem}"
        raise CommandError(msg, returncode=2) from error
    if json:
        fields = [{"place": change.place, "what": change.what, "breaking": change.is_breaking} for change in changes]
        out.write(dumps(fields, indent=2))
    else:
        lines = [f"{'BREAKS ' if change.is_breaking else 'ok     '}{change}" for change in changes]
        out.write("\n".join(lines) or f"Nothing that senders may rely on differs from {file}.")
    breaking = sum(change.is_breaking for change in changes)
    if breaking:
        msg = f"{breaking} of these may break senders. If that is meant, write the file anew: {write}"
        raise CommandError(msg)
