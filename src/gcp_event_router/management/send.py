"""`manage.py events send KIND [REFERENCE]`: an event of one's own, to see what becomes of it."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Final

from django.core.management.base import CommandError, OutputWrapper
from typing_extensions import override

from ..channels import channel_of
from ..exceptions import ConfigurationError, PostError
from ..router import events
from ..testing.requests import FORMS, EventMessage
from .answers import Answer
from .arguments import label
from .credentials import identity_token
from .destinations import InProcess, OverHTTP
from .subcommands import Subcommand

__all__ = ["Send"]

_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+): *([\x20-\x7e]*)")
#: So much is read from a file: Pub/Sub's own limit.
_MOST: Final = 10_000_000


class Send(Subcommand):
    """Fails unless Pub/Sub would take the answer for done."""

    help: ClassVar[str] = "Send an event, to the handlers of this process or to a URL, and say what came back."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", type=label, metavar="KIND", help="such as order-placed")
        parser.add_argument("reference", type=label, metavar="REFERENCE", nargs="?", default="1", help="1 unless given")
        payload = parser.add_mutually_exclusive_group()
        payload.add_argument("--data", metavar="JSON", help="the payload; an example that its handlers read unless given")
        payload.add_argument("--file", metavar="PATH", help="the file that holds the payload; - for what is typed or piped in")
        parser.add_argument("--envelope", choices=FORMS, default="pubsub", help="how it is wrapped; pubsub unless given")
        parser.add_argument("--ce-type", metavar="TYPE", help="the type of a CloudEvent")
        parser.add_argument(
            "--message-id", metavar="ID", help="give it twice, and the inbox knows the event; a new one unless given"
        )
        parser.add_argument("--ordering-key", metavar="KEY", help="of a message of Pub/Sub")
        text = "an attribute of the message, or an extension of the CloudEvent; may be repeated"
        parser.add_argument("--attribute", type=_pair, action="append", default=[], metavar="NAME=VALUE", help=text)
        text = "a parameter of the event's URL; may be repeated"
        parser.add_argument("--parameter", type=_pair, action="append", default=[], metavar="NAME=VALUE", help=text)
        text = "post it there: to URL/events/KIND/REFERENCE, or to URL if that has a path; here, in this process, unless given"
        parser.add_argument("--url", metavar="URL", help=text)
        text = "a header of the request to the URL; may be repeated"
        parser.add_argument("--header", type=_header, action="append", default=[], metavar="'NAME: VALUE'", help=text)
        text = "sign the request with a token of your Google credentials (GOOGLE_APPLICATION_CREDENTIALS, or the machine's own)"
        parser.add_argument("--identity", action="store_true", help=text)
        parser.add_argument("--audience", help="whom the token is for; what the settings say of OIDC unless given")
        parser.add_argument("--format", choices=("text", "json"), default="text", help="text unless given")

    @override
    def run(self, out: OutputWrapper, **options: Any) -> None:
        try:
            answer = self._answer(out, **options)
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        except PostError as error:  # the URL is none
            raise CommandError(str(error), returncode=2) from error
        out.write(json.dumps(answer.fields(), indent=2) if options["format"] == "json" else answer.text())
        if not answer.acknowledged:
            msg = "The event was not taken."
            raise CommandError(msg)

    def _answer(self, out: OutputWrapper, **options: Any) -> Answer:
        kind, reference, url = options["kind"], options["reference"], options["url"]
        _require_url(**options)
        destination = InProcess() if url is None else OverHTTP(url)
        data = _data(out, **options)
        parameters: dict[str, list[str]] = {}
        for name, value in options["parameter"]:
            parameters.setdefault(name, []).append(value)
        headers = dict(options["header"])
        if isinstance(destination, OverHTTP) and options["identity"]:
            headers["Authorization"] = (
                f"Bearer {identity_token(options['audience'], destination.url(kind, reference, parameters))}"
            )
        message = EventMessage(data, attributes=dict(options["attribute"]), ordering_key=options["ordering_key"])
        message = replace(message, message_id=options["message_id"]) if options["message_id"] else message
        message = replace(message, ce_type=options["ce_type"]) if options["ce_type"] else message
        return destination.send(kind, reference, parameters, message.written(options["envelope"]), headers)


def _require_url(url: str | None, *, header: list[Any], identity: bool, audience: str | None, **_: Any) -> None:
    """Refuse what only means something to a URL: in this process nobody is asked who sends."""
    given = [name for name, value in (("--header", header), ("--identity", identity), ("--audience", audience)) if value]
    if given and url is None:
        msg = f"{given[0]} is for requests to a --url, and without one the event is handled in this process."
        raise CommandError(msg, returncode=2)
    if audience and not identity:
        msg = "--audience is whom the token of --identity is for, and that is not given."
        raise CommandError(msg, returncode=2)


def _data(out: OutputWrapper, *, kind: str, data: str | None, file: str | None, ce_type: str | None, **options: Any) -> bytes:
    """The payload, as it is given, or as its handlers read it."""
    if data is not None:
        return data.encode(errors="surrogateescape")
    if file is not None:
        return _read(file)
    channel = channel_of(events, kind, ce_type)
    if not channel.payloads:
        near = get_close_matches(kind, {each.pattern for known in events for each in known.globs} | events.kinds.keys(), 1)
        more = f" Is {near[0]!r} meant?" if near else ""
        msg = f"Nothing here handles {kind!r}, so there is no example of its payload. Give --data or --file.{more}"
        raise CommandError(msg, returncode=2)
    made = channel.sample_data()
    if options["format"] == "text":
        out.write(f"An example of {channel}, since neither --data nor --file is given:\n  {made.decode(errors='replace')}")
    return made


def _read(file: str) -> bytes:
    if file == "-" and sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] -- it is closed
        msg = "Nothing is piped in: the standard input is closed. Give --data, or the name of a file."
        raise CommandError(msg, returncode=2)
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as opened:
            found = opened.read(_MOST + 1)
    except OSError as error:
        msg = f"The file {file!r} cannot be read: {error.strerror}."
        raise CommandError(msg, returncode=2) from error
    if len(found) > _MOST:
        msg = f"The file {file!r} holds more than {_MOST} bytes, which no message may."
        raise CommandError(msg, returncode=2)
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        msg = f"{text!r} has no name or no '='. Write it as NAME=VALUE."
        raise ArgumentTypeError(msg)
    try:
        text.encode()
    except UnicodeEncodeError as error:  # bytes that the terminal's encoding does not have
        msg = f"{text!r} is not UTF-8, which it is sent in. Write it in UTF-8."
        raise ArgumentTypeError(msg) from error
    return name, value


def _header(text: str) -> tuple[str, str]:
    found = _HEADER.fullmatch(text)
    if found is None:
        msg = "a header is written as 'NAME: VALUE', in ASCII; its text is not repeated here, since it may be a secret."
        raise ArgumentTypeError(msg)
    return found[1], found[2]
