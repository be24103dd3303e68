"""`manage.py events send KIND [REFERENCE]`: sends a test event, and shows the answer."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, responses
from importlib import import_module
from json import dumps
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from django.core.management.base import CommandError, OutputWrapper
from django.http import HttpResponse
from django.test import RequestFactory
from pydantic import BaseModel, ValidationError

from .._contract.channels import Channel, channel_of
from .._log import trail
from ..auth import AuthenticatorChain, configured
from ..exceptions import ConfigurationError, InvalidEventError, PostError
from ..outcomes import ACKNOWLEDGED, Outcome, classify
from ..pulling.http import PushClient
from ..router import events
from ..testing.messages import FORMS, CloudEventRequest, EventMessage, Form
from ..testing.recording import Delivery, record_own
from ..views import EventView
from .arguments import kind_and_type, label, pair, printable, refuse, similar_kind
from .subcommands import FORMAT, argument, exclusive, subcommand

#: The result if a worker still has to run the handlers.
_DEFERRED: Final = "deferred"
_HANDLED: Final = Outcome.HANDLED.value
#: All results of an event.
_RESULTS: Final = (_HANDLED, _DEFERRED, *(outcome.value for outcome in Outcome if outcome is not Outcome.HANDLED))
_HERE: Final = "this process"


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not name or not colon:
        msg = "write 'NAME: VALUE'. This message does not repeat the text, since it may be a secret."
        raise ArgumentTypeError(msg)
    return name, value.strip()


@subcommand(
    "Send a test event to the handlers of this process, or to a URL, and show the answer.",
    argument("kind", type=printable, metavar="KIND", help="such as order-placed; or the type of a CloudEvent"),
    argument(
        "reference", type=printable, metavar="REFERENCE", nargs="?", default="1", help="or a CloudEvent's subject; default: 1"
    ),
    exclusive(
        argument("--data", metavar="JSON", help="the payload (default: an example that the handlers accept)"),
        argument("--file", metavar="PATH", help="a file with the payload; - reads the standard input"),
    ),
    argument("--envelope", choices=FORMS, help="default: pubsub; cloudevents-binary for a CloudEvents type"),
    argument("--ce-type", metavar="TYPE", help="the type of a CloudEvent"),
    argument("--message-id", metavar="ID", help="repeat an id to send a duplicate (default: a new id)"),
    argument("--ordering-key", metavar="KEY", help="of the Pub/Sub message"),
    argument("--attribute", type=pair, action="append", default=[], metavar="NAME=VALUE", help="or a CloudEvent's extension"),
    argument("--parameter", type=pair, action="append", default=[], metavar="NAME=VALUE", help="of the event's URL"),
    argument("--url", metavar="URL", help="post to URL/events/KIND/REFERENCE, or to URL itself if it has a path"),
    argument("--header", type=_header, action="append", default=[], metavar="'NAME: VALUE'", help="of the request to the URL"),
    argument("--identity", action="store_true", help="send an OIDC token of your Google credentials to the URL"),
    argument("--audience", help="the audience of this token (default: that of auth.OIDC in the settings)"),
    argument("--expect", choices=_RESULTS, default=_HANDLED, metavar="OUTCOME", help="fail for others (default: handled)"),
    *FORMAT,
)
def send(out: OutputWrapper, *, expect: str, json: bool, **options: Any) -> None:
    """Send an event. Fails unless the outcome is the expected one."""
    try:
        answer = _send(None if json else out, **options)
    except PostError as error:
        refuse(str(error))
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    out.write(dumps(answer.fields(), indent=2) if json else answer.text())
    answer.require(expect)


class _Error(BaseModel):
    """A validation error."""

    loc: list[str | int]
    msg: str
    type: str


class _Body(BaseModel):
    """The body of the endpoint's answer."""

    error: str = ""
    errors: list[_Error] = []


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer from the handlers of this process, or from a URL."""

    #: A URL without its query, or `this process`.
    place: str
    status: int
    body: bytes
    retry_after: str | None
    #: Why the event reached no handler. This and the following are known only for this process.
    problem: str = ""
    deliveries: Sequence[Delivery] = ()
    #: One of `_RESULTS`.
    result: str | None = None

    def require(self, expected: str) -> None:
        """Raise `CommandError` unless the result is the expected one, or the status can mean that."""
        results = [self.result] if self.result else [result for result in _RESULTS if self.status in _statuses(result)]
        is_foreign = self.result is None and self.body != b"{}"  # another endpoint only has to acknowledge
        if expected in results or (is_foreign and expected == _HANDLED and self.status in ACKNOWLEDGED):
            return
        advice = f" To expect that, give --expect {results[0]}." if self.status in ACKNOWLEDGED else ""
        msg = f"Expected {expected}, but got {' or '.join(results) or f'the status {self.status}'}.{advice}"
        raise CommandError(msg)

    def text(self) -> str:
        """Format the answer for a terminal, without control characters."""
        fields = self.fields()
        place = "This process" if self.place == _HERE else self.place
        status = f"{self.status} {responses.get(self.status, '')}".strip()
        again = "would not send the event again" if fields["acknowledged"] else "would send the event again"
        wait = f", after {self.retry_after} s" if self.retry_after else ""
        lines = [f"{place} answered {status}: Pub/Sub {again}{wait}."]
        for handler in fields["handlers"]:
            lines += [f"  {handler['handler']}: {handler['outcome']} in {handler['duration_ms']:.1f} ms"]
            lines += [f"    {line}" for line in [*handler["problem"].splitlines(), *map(_error_line, handler["errors"])]]
        if not self.deliveries:
            lines += [f"  {line}" for line in [fields["error"], *map(_error_line, fields["errors"])] if line]
        lines += [f"  {fields['problem']}"] if fields["problem"] else []
        return "\n".join("".join(letter if letter.isprintable() else "?" for letter in line) for line in lines)

    def fields(self) -> dict[str, Any]:
        """The answer for scripts."""
        body, problem, acknowledged = _Body(), self.problem, self.status in ACKNOWLEDGED
        try:
            body = _Body.model_validate_json(self.body or b"{}")
        except ValidationError:
            problem = "" if acknowledged else "The body is not the events endpoint's: is something else at that URL?"
        return {
            "place": self.place,
            "status": self.status,
            "acknowledged": acknowledged,
            "retry_after": self.retry_after,
            **body.model_dump(),
            "handlers": [_handler_fields(delivery) for delivery in self.deliveries],
            "problem": problem,
            "outcome": self.result,
        }


def _send(out: OutputWrapper | None, *, kind: str, reference: str, url: str | None, **options: Any) -> _Answer:
    kind, ce_type = kind_and_type(kind, options["ce_type"])
    form: Form = options["envelope"] or ("cloudevents-binary" if ce_type else "pubsub")
    if ce_type is not None and not form.startswith("cloudevents"):
        refuse(
            f"The envelope {form} cannot carry the CloudEvents type {ce_type!r}. Omit --envelope, or choose a cloudevents one."
        )
    if url is None and (options["header"] or options["identity"] or options["audience"]):
        refuse("--header, --identity and --audience need --url. Without it, the handlers run in this process.")
    url_kind = None if ce_type == kind else kind  # at /events/, the type of a CloudEvent is its kind
    if url_kind is not None:
        try:
            label(reference)
        except ArgumentTypeError as error:
            refuse(str(error))
    client = None if url is None else _client(url, **options)
    data, parameters = _content(out, kind, channel_of(events, kind, ce_type), **options)
    optional = {"message_id": options["message_id"], "ce_type": ce_type, "ce_subject": None if url_kind else reference}
    fields: dict[str, Any] = {name: value for name, value in optional.items() if value}
    message = EventMessage(data, attributes=dict(options["attribute"]), ordering_key=options["ordering_key"], **fields)
    if client is None:
        return _handle_here(url_kind, reference, parameters, message.written(form))
    return _post(client, client.path(url_kind, reference, parameters), message.written(form), **options)


def _content(
    out: OutputWrapper | None, kind: str, channel: Channel, *, data: str | None, file: str | None, **options: Any
) -> tuple[bytes, Mapping[str, Sequence[str]]]:
    """The payload and the parameters of the URL: those of the command line, or examples that the handlers accept."""
    parameters: dict[str, list[str]] = {}
    for name, value in options["parameter"]:
        parameters.setdefault(name, []).append(value)
    payload = _read(file) if file is not None else None if data is None else data.encode(errors="surrogateescape")
    reads_parameters = False
    with suppress(ConfigurationError):  # the handler itself reports what is wrong with its annotation
        reads_parameters = bool(channel.payloads and channel.parameters)
    if payload is not None and (parameters or not reads_parameters):
        return payload, parameters
    if not channel.payloads:
        refuse(f"No handler takes {kind!r}, so there is no example of its payload. {similar_kind(kind)}Give --data or --file.")
    example, lines = channel.example(), list[str]()
    if payload is None:
        if example.data is None:
            refuse(f"{example.problem} Or give the payload: --data or --file.")
        if example.query is None and not parameters:
            refuse(f"{example.query_problem} Or give them: --parameter NAME=VALUE.")
        payload = example.data
        lines += [f"An example of {channel}, since there is no --data or --file:"]
        lines += [f"  {payload.decode(errors='replace') or '(no payload)'}"]
    if example.query and not parameters:
        lines += [f"An example of its URL's parameters, since there is no --parameter:\n  {urlencode(example.query, doseq=True)}"]
    if out and lines:
        out.write("\n".join([*lines, *example.notes]))
    return payload, parameters or example.query or {}


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        refuse(f"The file {file!r} cannot be read: {error.strerror}.")


def _handle_here(
    kind: str | None, reference: str, parameters: Mapping[str, Sequence[str]], message: CloudEventRequest
) -> _Answer:
    """Call the endpoint's view, without authentication, URL patterns or Django's middleware."""
    labels = {} if kind is None else {"event_kind": kind, "event_reference": reference}
    request = RequestFactory().post(
        f"/?{urlencode(parameters, doseq=True)}", message.body, content_type=message.content_type, headers=message.headers
    )
    with record_own() as recording:
        try:
            response = EventView(_own_chain=AuthenticatorChain([])).post(request, **labels)
            outcome = getattr(response, "outcome", Outcome.FAILED)
        except Exception as error:  # noqa: BLE001 -- with DEBUG on, the view raises a handler's exception
            outcome = classify(error)
            response = HttpResponse(status=outcome.status)
    result = _DEFERRED if outcome is Outcome.HANDLED and not recording.deliveries else outcome.value
    problem = "; ".join(_reason(rejection.error) for rejection in recording.rejections)
    wait = response.get("Retry-After")
    return _Answer(_HERE, response.status_code, response.content, wait, problem, recording.deliveries, result)


def _client(url: str, *, header: list[tuple[str, str]], identity: bool, audience: str | None, **_: Any) -> PushClient:
    """Make a client, which signs the URL only if no header authenticates the request."""
    secrets = {"HTTP_AUTHORIZATION", *configured().secret_headers}
    has_secret = any(f"HTTP_{name.upper().replace('-', '_')}" in secrets for name, _ in header)
    return PushClient(url, signed=not (identity or audience or has_secret))


def _post(
    client: PushClient,
    path: str,
    message: CloudEventRequest,
    *,
    header: list[tuple[str, str]],
    identity: bool,
    audience: str | None,
    **_: Any,
) -> _Answer:
    """Post the event; the headers of the command line replace those of the envelope."""
    place = client.base + path.partition("?")[0]
    headers = [*message.headers.items(), *header]
    if message.content_type:
        headers.insert(0, ("Content-Type", message.content_type))
    if identity or audience:
        headers.append(("Authorization", f"Bearer {_identity_token(audience, place)}"))
    try:
        answer = client.post(path, message.body, {name.title(): value for name, value in headers})
    except (OSError, HTTPException) as error:
        msg = f"No answer from {place}: {type(error).__name__}. Is a server running there?"
        raise CommandError(msg) from error
    except ValueError:  # http.client refuses a header
        refuse(
            "An id, a key, an attribute or a header contains characters that HTTP headers cannot carry. "
            "Write it in ASCII, or choose --envelope pubsub."
        )
    return _Answer(place, answer.status, answer.body, answer.retry_after)


def _identity_token(audience: str | None, url: str) -> str:
    """Get a token of this machine's Google credentials, by default for the audience of `auth.OIDC` in the settings."""
    if not audience:
        authenticators = configured().authenticators or ()
        audiences = [name for authenticator in authenticators for name in getattr(authenticator, "audience", ())]
        if not audiences:
            refuse("The settings have no auth.OIDC, so the token has no audience. Give --audience.")
        audience = url if audiences[0] == "event-url" else audiences[0]
    try:
        request: Any = import_module("google.auth.transport.requests").Request()
        return str(import_module("google.oauth2.id_token").fetch_id_token(request, audience))
    except Exception as error:  # an ImportError, and whatever the library and the network raise
        msg = (
            f"Google issues no token for the audience {audience!r} ({type(error).__name__}). Install "
            "gcp-event-router[pubsub], and set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file; or get a token "
            'from gcloud auth print-identity-token, and give --header "Authorization: Bearer TOKEN".'
        )
        raise CommandError(msg) from error


def _statuses(result: str) -> range | set[int]:
    outcome = Outcome.HANDLED if result == _DEFERRED else Outcome(result)
    # the site may have another FAILURE_STATUS than this process
    return range(400, 600) if outcome is Outcome.FAILED else {outcome.status}


def _handler_fields(delivery: Delivery) -> dict[str, Any]:
    error, problem, errors = delivery.error, "", []
    if isinstance(error, InvalidEventError):
        problem, errors = f"The declared type rejects the event's {error.part}:", list(error.errors)
    elif isinstance(error, ConfigurationError):  # its text names the place
        problem = str(error)
    elif error is not None:
        problem = f"{trail(error)}: {error}" if str(error) else trail(error)
    ended = {"outcome": delivery.outcome.value, "duration_ms": round(delivery.duration * 1000, 3)}
    return {"handler": delivery.name, **ended, "problem": problem, "errors": errors}


def _error_line(error: Mapping[str, Any]) -> str:
    return f"{'.'.join(map(str, error['loc'])) or 'the payload'}: {error['msg']} ({error['type']})"


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", "")
    return str(error) or f"{type(error).__name__}{reason and f', {reason}'}"
