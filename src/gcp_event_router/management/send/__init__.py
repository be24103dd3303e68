"""`manage.py events send KIND [REFERENCE]`: send an event yourself, and see the answer."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django.core.management.base import CommandError, OutputWrapper
from typing_extensions import override

from ..._contract.channels import Channel, channel_of
from ...auth import configured
from ...event import LABEL_LENGTH, is_label
from ...exceptions import ConfigurationError, PostError
from ...pulling.http import PushClient
from ...router import events
from ...testing.messages import FORMS, EventMessage, Form
from ..arguments import kind_or_type, named, subject
from ..subcommands import Subcommand
from .answer import RESULTS, SentAnswer, results_of
from .destinations import post, send_here
from .identity import identity_token

__all__ = ["Send"]

_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+): *([\x20-\x7e]*)")
#: So much is read from a file: Pub/Sub's own limit.
_MOST: Final = 10_000_000


class Send(Subcommand):
    """Fails unless a handler did the work, or the result is what `--expect` names."""

    help: ClassVar[str] = "Send an event, to the handlers of this process or to a URL, and say what came back."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        text = "such as order-placed; or the type of a CloudEvent, which is sent as Eventarc sends it"
        parser.add_argument("kind", type=kind_or_type, metavar="KIND", help=text)
        text = "1 unless given; of a CloudEvent, its subject"
        parser.add_argument("reference", type=subject, metavar="REFERENCE", nargs="?", default="1", help=text)
        payload = parser.add_mutually_exclusive_group()
        payload.add_argument("--data", metavar="JSON", help="the payload; an example that its handlers read unless given")
        payload.add_argument("--file", metavar="PATH", help="the file that holds the payload; - for what is typed or piped in")
        text = "how it is wrapped; pubsub unless given, and cloudevents-binary for a CloudEvents type"
        parser.add_argument("--envelope", choices=FORMS, help=text)
        parser.add_argument("--ce-type", metavar="TYPE", help="the type of a CloudEvent")
        parser.add_argument(
            "--message-id", metavar="ID", help="give it twice, and the inbox knows the event; a new one unless given"
        )
        parser.add_argument("--ordering-key", metavar="KEY", help="of a message of Pub/Sub")
        text = "an attribute of the message, or an extension of the CloudEvent; may be repeated"
        parser.add_argument("--attribute", type=_pair, action="append", default=[], metavar="NAME=VALUE", help=text)
        text = "a parameter of the event's URL; may be repeated; examples of those that have to be there unless given"
        parser.add_argument("--parameter", type=_pair, action="append", default=[], metavar="NAME=VALUE", help=text)
        text = "post it there: to URL/events/KIND/REFERENCE, or to URL if that has a path; here, in this process, unless given"
        parser.add_argument("--url", metavar="URL", help=text)
        text = "a header of the request to the URL; may be repeated"
        parser.add_argument("--header", type=_header, action="append", default=[], metavar="'NAME: VALUE'", help=text)
        text = "sign the request with a token of your Google credentials (GOOGLE_APPLICATION_CREDENTIALS, or the machine's own)"
        parser.add_argument("--identity", action="store_true", help=text)
        parser.add_argument("--audience", help="whom the token is for; what the settings say of OIDC unless given")
        text = "fail unless this becomes of it; handled, by a handler that was called, unless given"
        parser.add_argument("--expect", choices=RESULTS, default=RESULTS[0], metavar="OUTCOME", help=text)
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
        if not answer.fits(options["expect"]):
            raise CommandError(_unlike(answer, options["expect"]))

    def _answer(self, out: OutputWrapper, **options: Any) -> SentAnswer:
        reference, url = options["reference"], options["url"]
        kind, ce_type = named(options["kind"], options["ce_type"])
        form = _form(options["envelope"], ce_type)
        _require_url(**options)
        client = None if url is None else PushClient(url, signed=not _proves(**options))
        options |= {"kind": kind, "ce_type": ce_type}
        data, parameters = _event(out, **options)
        path_kind = None if ce_type == kind else kind  # an event at /events/ has its type for a kind
        if path_kind is not None and not is_label(reference):
            msg = f"{reference!r} cannot be in an event's URL. Write 1 to {LABEL_LENGTH} printable characters, without a slash."
            raise CommandError(msg, returncode=2)
        given = {"message_id": options["message_id"], "ce_type": ce_type, "ce_subject": None if path_kind else reference}
        message = EventMessage(data, attributes=dict(options["attribute"]), ordering_key=options["ordering_key"])
        request = replace(message, **{name: value for name, value in given.items() if value}).written(form)
        if client is None:
            return send_here(path_kind, reference, parameters, request)
        path, headers = client.path(path_kind, reference, parameters), dict(options["header"])
        if options["identity"]:
            headers["Authorization"] = f"Bearer {identity_token(options['audience'], client.base + path)}"
        return post(client, path, request, headers)


def _unlike(answer: SentAnswer, expected: str) -> str:
    """Why the command fails: the result beside the expected one."""
    results = [answer.result] if answer.result is not None else results_of(answer.status)
    if answer.result is not None:
        became = f"the outcome is {answer.result!r}"
    else:
        became = f"the answer {answer.status} means {' or '.join(results) or 'that something else is there'}"
    if expected != RESULTS[0]:
        return f"{expected!r} was expected, and {became}."
    if not answer.acknowledged:
        return "The event was not taken."
    return f"No handler did the work: {became}. If you expect that, give --expect {results[0]}."


def _form(envelope: Form | None, ce_type: str | None) -> Form:
    """The form that is asked for, or that a type implies."""
    if envelope is None:
        return "pubsub" if ce_type is None else "cloudevents-binary"
    if ce_type is not None and not envelope.startswith("cloudevents"):
        msg = (
            f"--envelope {envelope} has no place for the CloudEvents type {ce_type!r}. "
            "Leave --envelope out, or choose cloudevents-binary or cloudevents-structured."
        )
        raise CommandError(msg, returncode=2)
    return envelope


def _proves(*, header: list[tuple[str, str]], identity: bool, **_: Any) -> bool:
    """Whether the request proves by a header who sends it."""
    secret = {"HTTP_AUTHORIZATION", *configured().secret_headers}
    return identity or any(f"HTTP_{name.upper().replace('-', '_')}" in secret for name, _ in header)


def _require_url(url: str | None, *, header: list[Any], identity: bool, audience: str | None, **_: Any) -> None:
    """Refuse what only means something to a URL: in this process nobody is asked who sends."""
    given = [name for name, value in (("--header", header), ("--identity", identity), ("--audience", audience)) if value]
    if given and url is None:
        msg = f"{given[0]} is for requests to a --url, and without one the event is handled in this process."
        raise CommandError(msg, returncode=2)
    if audience and not identity:
        msg = "--audience is whom the token of --identity is for, and that is not given."
        raise CommandError(msg, returncode=2)


def _event(out: OutputWrapper, *, kind: str, ce_type: str | None, **options: Any) -> tuple[bytes, Mapping[str, Sequence[str]]]:
    """The payload and the parameters of the URL, as they are given, or as the handlers read them."""
    given: dict[str, list[str]] = {}
    for name, value in options["parameter"]:
        given.setdefault(name, []).append(value)
    data = options["data"].encode(errors="surrogateescape") if options["data"] is not None else None
    data = _read(options["file"]) if options["file"] is not None else data
    channel = channel_of(events, kind, ce_type)
    if data is not None and (given or not _reads_parameters(channel)):
        return data, given
    if data is None and not channel.payloads:
        near = get_close_matches(kind, {each.pattern for known in events for each in known.globs} | events.kinds.keys(), 1)
        more = f" Is {near[0]!r} meant?" if near else ""
        msg = f"Nothing here handles {kind!r}, so there is no example of its payload. Give --data or --file.{more}"
        raise CommandError(msg, returncode=2)
    example = channel.example()
    lines: list[str] = []
    if data is None:
        if example.data is None:
            msg = f"{example.problem} Or give the payload: --data or --file."
            raise CommandError(msg, returncode=2)
        if example.query is None and not given:
            msg = f"{example.query_problem} Or give them: --parameter NAME=VALUE."
            raise CommandError(msg, returncode=2)
        data = example.data
        shown = data.decode(errors="replace") or "(no payload)"
        lines += [f"An example of {channel}, since neither --data nor --file is given:", f"  {shown}"]
    if example.query and not given:
        written = urlencode(example.query, doseq=True)
        lines += ["An example of its URL's parameters, since no --parameter is given:", f"  {written}"]
    if options["format"] == "text" and lines:
        out.write("\n".join([*lines, *example.notes]))
    return data, given or example.query or {}


def _reads_parameters(channel: Channel) -> bool:
    """Whether a handler says what the parameters are. What is wrong with its annotation, its call says."""
    try:
        return bool(channel.payloads and channel.parameters)
    except ConfigurationError:
        return False


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
