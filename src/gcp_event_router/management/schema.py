"""`manage.py events schema`: what the site can be sent, as documents."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from typing_extensions import override

from .._contract.asyncapi import asyncapi
from .._contract.channels import channel_of
from .._contract.compatibility import Change, document_changes
from .._log import logger
from ..auth import configured
from ..exceptions import ConfigurationError, DocumentFileError
from ..router import events
from .arguments import kind_or_type, named
from .output import spells
from .subcommands import Subcommand

__all__ = ["Schema"]

#: So much of a file is read.
_MOST: Final = 50_000_000


class Schema(Subcommand):
    """An AsyncAPI document of the site; or JSON Schemas of kinds. With `--check` it fails for a change that breaks senders."""

    help: ClassVar[str] = "Write what the site can be sent: an AsyncAPI document, or the JSON Schemas of some kinds."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        text = "a kind or a CloudEvents type whose JSON Schema to write; an AsyncAPI document of all unless given"
        parser.add_argument("kinds", type=kind_or_type, nargs="*", metavar="KIND", help=text)
        text = "what is read, or what is written; validation unless given"
        parser.add_argument("--mode", choices=("validation", "serialization"), help=f"of the JSON Schemas: {text}")
        parser.add_argument("--title", help="of the document; the project's name unless given")
        parser.add_argument("--doc-version", default="1.0.0", metavar="VERSION", help="of the document; 1.0.0 unless given")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--output", metavar="FILE", help="write it there")
        text = "compare with the document there, and fail for a change that breaks senders"
        where.add_argument("--check", metavar="FILE", help=text)
        parser.add_argument("--format", choices=("text", "json"), default="text", help="of what --check says; text unless given")

    @override
    def run(self, out: OutputWrapper, **options: Any) -> None:
        kinds: list[str] = options["kinds"]
        if kinds and options["check"] is not None:
            msg = "--check compares the document of all kinds. Leave the kinds out."
            raise CommandError(msg, returncode=2)
        try:
            made = _of_kinds(kinds, options["mode"] or "validation") if kinds else _document(options)
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        if options["check"] is not None:
            _check(out, options["check"], made, as_json=options["format"] == "json")
        elif options["output"] is not None:
            _write(options["output"], made)
        else:
            text = _text(made)
            out.write(text if spells(out, text) else json.dumps(made, indent=2))


def _document(options: Mapping[str, Any]) -> dict[str, Any]:
    if options["mode"]:
        msg = "--mode is for the JSON Schemas of kinds: name them."
        raise CommandError(msg, returncode=2)
    project = str(getattr(settings, "ROOT_URLCONF", "site")).partition(".")[0]
    return asyncapi(events, configured(), title=options["title"] or project, version=options["doc_version"])


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
    return json.dumps([{"place": each.place, "what": each.what, "breaking": each.is_breaking} for each in found], indent=2)


def _read(file: str) -> dict[str, Any]:
    try:
        with Path(file).open("rb") as opened:
            read: object = json.loads(opened.read(_MOST))
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
    return json.dumps(made, indent=2, ensure_ascii=False)
