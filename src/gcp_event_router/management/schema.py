"""`manage.py events schema`: describes the events that the site accepts."""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper

from .._contract.asyncapi import asyncapi
from .._contract.channels import channel_of
from .._contract.compatibility import document_changes
from .._log import logger
from .._words import counted
from ..auth import configured
from ..exceptions import DocumentFileError
from ..router import events
from .arguments import ATTRIBUTE, kind_and_type, printable, refuse, similar_kind
from .subcommands import FORMAT, argument, exclusive, subcommand


@subcommand(
    "Describe the events that the site accepts: all of them as an AsyncAPI document, or some kinds as JSON Schemas.",
    argument("kinds", type=printable, nargs="*", metavar="KIND", help="a kind or a CloudEvents type (default: all, as AsyncAPI)"),
    ATTRIBUTE,
    argument("--mode", choices=("validation", "serialization"), help="describe what is read or written (default: validation)"),
    argument("--title", help="the title of the document (default: the project's name)"),
    argument("--doc-version", default="1.0.0", metavar="VERSION", help="the version of the document (default: 1.0.0)"),
    exclusive(
        argument("--output", metavar="FILE", help="write the result to a file"),
        argument("--check", metavar="FILE", help="compare with the document in a file; fail for changes that break senders"),
    ),
    *FORMAT,
)
def schema(
    out: OutputWrapper, *, kinds: list[str], attribute: list[tuple[str, str]], mode: str | None, json: bool, **options: Any
) -> None:
    """Write the description, or compare it with a file."""
    output, old_file = options["output"], options["check"]
    if kinds and old_file is not None:
        refuse("--check compares the document of all kinds. Omit the kinds.")
    if (mode or attribute) and not kinds:
        refuse("--mode and --attribute are only for the JSON Schemas of kinds. Name the kinds.")
    if kinds:
        document = _schemas(kinds, dict(attribute), mode or "validation")
    else:
        document = _document(options["title"], options["doc_version"])
    if old_file is not None:
        _check(out, old_file, document, json=json)
    elif output is None:
        out.write(_text(document, getattr(out, "encoding", None) or "utf-8"))
    else:
        try:
            Path(output).write_text(_text(document, "utf-8") + "\n", encoding="utf-8")
        except OSError as error:
            refuse(f"The file {output!r} cannot be written: {error.strerror}. Name another: --output.")
        if not json:
            out.write(f"Written: {output}, {counted(len(kinds or document['channels']), 'kind' if kinds else 'channel')}.")


def _text(document: object, encoding: str) -> str:
    """Format JSON, with escapes only if the encoding lacks some of its characters."""
    text = dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return dumps(document, indent=2)
    return text


def _document(title: str | None, version: str) -> dict[str, Any]:
    project = str(getattr(settings, "ROOT_URLCONF", "site")).partition(".")[0]
    return asyncapi(events, configured(), title=title or project, version=version)


def _schemas(kinds: list[str], attributes: dict[str, str], mode: Any) -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for kind in kinds:
        channel = channel_of(events, *kind_and_type(kind, None), attributes)
        if not channel.payloads:
            msg = f"No handler takes {kind!r}, so it has no schema. {similar_kind(kind)}See manage.py events list."
            raise CommandError(msg)
        schemas[kind] = channel.schema(mode)
        for note in channel.example().notes:
            logger.warning("%s: %s", kind, note)
    return schemas[kinds[0]] if len(kinds) == 1 else schemas


def _check(out: OutputWrapper, file: str, document: dict[str, Any], *, json: bool) -> None:
    update = f"manage.py events schema --output {file}"
    try:
        old: object = loads(Path(file).read_bytes())
        changes = document_changes(cast("dict[str, Any]", old) if isinstance(old, dict) else {}, document)
    except OSError as error:
        refuse(f"The file {file!r} cannot be read: {error.strerror}. To write it: {update}.")
    except DocumentFileError as error:
        refuse(f"The file {file!r} cannot be compared. {error}")
    except (ValueError, RecursionError):
        refuse(f"The file {file!r} is not JSON. To replace it: {update}.")
    if json:
        fields = [{"place": change.place, "what": change.what, "breaking": change.is_breaking} for change in changes]
        out.write(dumps(fields, indent=2))
    else:
        lines = [f"{'BREAKS ' if change.is_breaking else 'ok     '}{change}" for change in changes]
        out.write("\n".join(lines) or f"No change since {file} that senders would notice.")
    breaking = sum(change.is_breaking for change in changes)
    if breaking:
        msg = f"{breaking} of these may break senders. To accept them: {update}"
        raise CommandError(msg)
