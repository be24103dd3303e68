"""`manage.py events send KIND [REFERENCE]`: send an event yourself, and see the answer."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from json import dumps
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from django.core.management.base import CommandError, OutputWrapper

from ..._contract.channels import Channel, channel_of
from ...auth import configured
from ...event import LABEL_LENGTH, is_label
from ...exceptions import ConfigurationError, PostError
from ...pulling.http import PushClient
from ...router import events
from ...testing.messages import FORMS, EventMessage, Form
from ..arguments import kind_or_type, named, subject
from ..subcommands import FORMAT, argument, exclusive, subcommand
from .answer import RESULTS, SentAnswer, post, send_here
from .identity import identity_token

__all__ = ["send"]

_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+): *([\x20-\x7e]*)")
#: So much is read from a file: Pub/Sub's own limit.
_MOST: Final = 10_000_000


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


@subcommand(
    "Send an event, to the handlers of this process or to a URL, and say what came back.",
    argument("kind", type=kind_or_type, metavar="KIND", help="such as order-placed; or the type of a CloudEvent"),
    argument(
        "reference", type=subject, metavar="REFERENCE", nargs="?", default="1", help="1 unless given; a CloudEvent's subject"
    ),
    exclusive(
        argument("--data", metavar="JSON", help="the payload; an example that its handlers read unless given"),
        argument("--file", metavar="PATH", help="the file that holds the payload; - for what is typed or piped in"),
    ),
    argument("--envelope", choices=FORMS, help="pubsub unless given, and cloudevents-binary for a CloudEvents type"),
    argument("--ce-type", metavar="TYPE", help="the type of a CloudEvent"),
    argument("--message-id", metavar="ID", help="give it twice, and the inbox knows the event; a new one unless given"),
    argument("--ordering-key", metavar="KEY", help="of a message of Pub/Sub"),
    argument(
        "--attribute", type=_pair, action="append", default=[], metavar="NAME=VALUE", help="or an extension of a CloudEvent"
    ),
    argument("--parameter", type=_pair, action="append", default=[], metavar="NAME=VALUE", help="of the event's URL"),
    argument(
        "--url", metavar="URL", help="post it to URL/events/KIND/REFERENCE, or to URL if that has a path; not to this process"
    ),
    argument("--header", type=_header, action="append", default=[], metavar="'NAME: VALUE'", help="of the request to the URL"),
    argument("--identity", action="store_true", help="send a token of your Google credentials to the URL"),
    argument("--audience", help="whom the token is for; what the settings say of OIDC unless given"),
    argument("--expect", choices=RESULTS, default=RESULTS[0], metavar="OUTCOME", help="fail for any other; handled unless given"),
    *FORMAT,
)
def send(out: OutputWrapper, *, expect: str, json: bool, **options: Any) -> None:
    """Send it. Fails unless a handler did the work, or the result is what `--expect` names."""
    try:
        answer = _answer(None if json else out, **options)
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    except PostError as error:  # nothing can be posted to the URL
        raise CommandError(str(error), returncode=2) from error
    out.write(dumps(answer.fields(), indent=2) if json else answer.text())
    answer.require(expect)


def _answer(
    out: OutputWrapper | None, *, kind: str, reference: str, url: str | None, header: list[tuple[str, str]], **options: Any
) -> SentAnswer:
    kind, ce_type = named(kind, options["ce_type"])
    form = _form(options["envelope"], ce_type)
    _require_url(url, header=header, **options)
    client = None
    if url is not None:
        proofs = {"HTTP_AUTHORIZATION", *configured().secret_headers}
        proven = options["identity"] or any(f"HTTP_{name.upper().replace('-', '_')}" in proofs for name, _ in header)
        client = PushClient(url, signed=not proven)
    data, parameters = _event(out, kind, channel_of(events, kind, ce_type), **options)
    path_kind = None if ce_type == kind else kind  # the kind of an event at /events/ is its type
    if path_kind is not None and not is_label(reference):
        msg = f"{reference!r} cannot be in an event's URL. Write 1 to {LABEL_LENGTH} printable characters, without a slash."
        raise CommandError(msg, returncode=2)
    given = {"message_id": options["message_id"], "ce_type": ce_type, "ce_subject": None if path_kind else reference}
    message = EventMessage(data, attributes=dict(options["attribute"]), ordering_key=options["ordering_key"])
    request = replace(message, **{name: value for name, value in given.items() if value}).written(form)
    if client is None:
        return send_here(path_kind, reference, parameters, request)
    path, headers = client.path(path_kind, reference, parameters), dict(header)
    if options["identity"]:
        headers["Authorization"] = f"Bearer {identity_token(options['audience'], client.base + path)}"
    return post(client, path, request, headers)


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


def _require_url(url: str | None, **options: Any) -> None:
    """Refuse arguments that only a URL needs: in this process nobody is asked who sends."""
    given = [name for name in ("header", "identity", "audience") if options[name]]
    if given and url is None:
        msg = f"--{given[0]} is for requests to a --url, and without one the event is handled in this process."
        raise CommandError(msg, returncode=2)
    if options["audience"] and not options["identity"]:
        msg = "--audience is whom the token of --identity is for, and that is not given."
        raise CommandError(msg, returncode=2)


def _event(
    out: OutputWrapper | None, kind: str, channel: Channel, *, data: str | None, file: str | None, **options: Any
) -> tuple[bytes, Mapping[str, Sequence[str]]]:
    """The payload and the parameters of the URL, as they are given, or as the handlers read them."""
    parameters: dict[str, list[str]] = {}
    for name, value in options["parameter"]:
        parameters.setdefault(name, []).append(value)
    payload = _read(file) if file is not None else None if data is None else data.encode(errors="surrogateescape")
    reads_parameters = False
    with suppress(ConfigurationError):  # its call says what is wrong with a handler's annotation
        reads_parameters = bool(channel.payloads and channel.parameters)
    if payload is not None and (parameters or not reads_parameters):
        return payload, parameters
    if payload is None and not channel.payloads:
        known = {glob.pattern for registration in events for glob in registration.globs} | events.kinds.keys()
        near = get_close_matches(kind, known, 1)
        more = f" Is {near[0]!r} meant?" if near else ""
        msg = f"Nothing here handles {kind!r}, so there is no example of its payload. Give --data or --file.{more}"
        raise CommandError(msg, returncode=2)
    example, lines = channel.example(), list[str]()
    if payload is None:
        if example.data is None:
            msg = f"{example.problem} Or give the payload: --data or --file."
            raise CommandError(msg, returncode=2)
        if example.query is None and not parameters:
            msg = f"{example.query_problem} Or give them: --parameter NAME=VALUE."
            raise CommandError(msg, returncode=2)
        payload = example.data
        lines += [f"An example of {channel}, since neither --data nor --file is given:"]
        lines += [f"  {payload.decode(errors='replace') or '(no payload)'}"]
    if example.query and not parameters:
        lines += ["An example of its URL's parameters, since no --parameter is given:"]
        lines += [f"  {urlencode(example.query, doseq=True)}"]
    if out and lines:
        out.write("\n".join([*lines, *example.notes]))
    return payload, parameters or example.query or {}


def _read(file: str) -> bytes:
    if file == "-" and sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] -- it is closed
        msg = "Nothing is piped in: the standard input is closed. Give --data, or the name of a file."
        raise CommandError(msg, returncode=2)
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as opened:
            content = opened.read(_MOST + 1)
    except OSError as error:
        msg = f"The file {file!r} cannot be read: {error.strerror}."
        raise CommandError(msg, returncode=2) from error
    if len(content) > _MOST:
        msg = f"The file {file!r} holds more than {_MOST} bytes, which no message may."
        raise CommandError(msg, returncode=2)
    return content
