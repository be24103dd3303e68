"""`manage.py events send KIND [REFERENCE]`: sends a test event, and shows the answer."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from json import dumps
from pathlib import Path
from ssl import SSLError
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

from django.core.management.base import CommandError, OutputWrapper
from django.http import HttpResponse
from django.http.request import HttpHeaders
from django.test import RequestFactory

from .._contract.channels import Channel, channel_of
from .._event_urls import get_event_url
from .._messages import FORMS, CloudEventRequest, EventMessage, Form
from ..auth import AuthenticatorChain, HMACSignature, configured
from ..checks.endpoints import chain_at
from ..envelopes import SignedRequest
from ..exceptions import ConfigurationError, PostError
from ..outcomes import Outcome, classify
from ..pulling.http import PushClient
from ..router import events
from ..testing.recording import record_own
from ..testing.webhooks import webhook, with_metadata
from ..views import EventView
from .answer import DEFERRED, HANDLED, HERE, RESULTS, EndpointAnswer
from .arguments import ATTRIBUTE, REPEATABLE, kind_and_type, label, pair, printable, refuse, similar_kind
from .identity import identity_token
from .signers import signer_of
from .subcommands import FORMAT, argument, exclusive, subcommand

_REFERENCE: Final = "1"
#: A payload, and the parameters of the URL.
_Content: TypeAlias = tuple[bytes, Mapping[str, Sequence[str]]]


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not name or not colon:
        msg = "write 'NAME: VALUE'. This message does not repeat the text, since it may be a secret."
        raise ArgumentTypeError(msg)
    return name, value.strip()


@subcommand(
    "Send a test event to the handlers of this process, or to a URL, and show the answer.",
    argument("kind", type=printable, metavar="KIND", nargs="?", help="such as order-placed, or a CloudEvents type"),
    argument("reference", type=printable, metavar="REFERENCE", nargs="?", help="or the CloudEvent's subject (default: 1)"),
    exclusive(
        argument("--data", metavar="JSON", help="the payload (default: an example that the handlers accept)"),
        argument("--file", metavar="PATH", help="a file with the payload; - reads the standard input"),
    ),
    argument("--envelope", choices=FORMS, help="(default: pubsub, or cloudevents-binary for a CloudEvents type)"),
    argument(
        "--ce-type", type=printable, metavar="TYPE", help="the type of a CloudEvent; without KIND, send it as Eventarc does"
    ),
    argument("--subject", type=printable, metavar="SUBJECT", help="the CloudEvent's subject, such as objects/cats/1.jpg"),
    argument("--source", type=printable, metavar="SOURCE", help="the source of the CloudEvent"),
    argument("--message-id", metavar="ID", help="repeat an id to send a duplicate (default: a new id)"),
    argument("--ordering-key", metavar="KEY", help="the ordering key of the Pub/Sub message"),
    ATTRIBUTE,
    argument("--parameter", type=pair, **REPEATABLE, metavar="NAME=VALUE", help="a parameter of the event's URL; repeatable"),
    argument("--as", dest="signer", metavar="NAME", help="sign and send what this provider of webhooks would, such as github"),
    argument("--event", metavar="TYPE", help="with --as, the provider's type of the event, such as pull_request"),
    argument("--secret-env", metavar="VARIABLE", help="with --as and --url, the environment variable with that site's secret"),
    argument("--url", metavar="URL", help="post to URL/events/KIND/REFERENCE, or to URL itself if it has a path"),
    argument("--header", type=_header, **REPEATABLE, metavar="'NAME: VALUE'", help="a header of the request; repeatable"),
    argument("--identity", action="store_true", help="send an OIDC token of your Google credentials, or of `events issuer`"),
    argument("--audience", help="send a token for this audience (default: that of auth.OIDC in the settings)"),
    argument("--expect", choices=RESULTS, default=HANDLED, metavar="OUTCOME", help="fail for any other (default: handled)"),
    *FORMAT,
)
def send(out: OutputWrapper, *, expect: str, json: bool, **options: Any) -> None:
    """Send an event. Fails unless the outcome is the expected one."""
    try:
        answer = _send(None if json else out, **options)
    except PostError as error:
        refuse(str(error))
    if answer.result == Outcome.UNHANDLED.value:
        answer = replace(answer, problem=similar_kind(options["kind"] or options["ce_type"]).rstrip())
    out.write(dumps(answer.fields(), indent=2) if json else answer.text())
    answer.require(expect)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where an event goes, and the envelope that carries it."""

    kind: str
    #: Its reference; at `/events/`, that is the subject.
    reference: str
    #: For the URL of the event; None for `/events/`, where the type of a CloudEvent is its kind.
    url_kind: str | None
    ce_type: str | None
    form: Form
    #: The attributes of a CloudEvent by their own names.
    cloudevent: Mapping[str, str]


def _target(
    kind: str | None,
    reference: str | None,
    *,
    ce_type: str | None,
    envelope: Form | None,
    subject: str | None,
    source: str | None,
    **_: Any,
) -> _Target:
    if kind is None and ce_type is None:
        refuse("There is no KIND. Write one, such as order-placed; or --ce-type for a CloudEvent whose type is its kind.")
    kind, ce_type = kind_and_type(kind or ce_type or "", ce_type)
    form: Form = envelope or ("cloudevents-binary" if ce_type else "pubsub")
    is_cloudevent = form.startswith("cloudevents")
    if ce_type is not None and not is_cloudevent:
        refuse(
            f"The envelope {form} cannot carry the CloudEvents type {ce_type!r}. Omit --envelope, or choose a cloudevents one."
        )
    if (subject or source) and not is_cloudevent:
        refuse(
            f"The envelope {form} has no --subject or --source. Name the type of a CloudEvent with --ce-type, or leave them out."
        )
    url_kind = None if ce_type == kind else kind
    if url_kind is None:
        if reference and subject:
            refuse(
                "The subject of a CloudEvent that is sent to /events/ is its REFERENCE, but there are two: "
                f"{reference!r} and {subject!r}. Leave one out."
            )
        reference = subject = reference or subject or _REFERENCE
    else:
        reference = reference or _REFERENCE
        try:
            label(reference)
        except ArgumentTypeError as error:
            refuse(str(error))
    given = {"type": ce_type, "subject": subject, "source": source}
    return _Target(kind, reference, url_kind, ce_type, form, {name: text for name, text in given.items() if text})


def _send(
    out: OutputWrapper | None, *, kind: str | None, reference: str | None, url: str | None, **options: Any
) -> EndpointAnswer:
    if url is None and (options["header"] or options["identity"] or options["audience"]):
        refuse("--header, --identity and --audience need --url. Without it, the handlers run in this process.")
    target = _target(kind, reference, **options)
    url_kind, reference = target.url_kind, target.reference
    _check_webhook(url, url_kind, **options)
    client = None if url is None else _client(url, **options)
    attributes = dict(options["attribute"]) | ({"event": options["event"]} if options["event"] else {})
    channel = channel_of(events, target.kind, target.ce_type, {**attributes, **target.cloudevent})
    content = partial(_content, out, target.kind, channel, **options)
    if options["signer"] is not None and url_kind is not None:
        return _send_webhook(client, url_kind, reference, attributes, content, **options)
    data, parameters = content()
    fields: dict[str, Any] = {f"ce_{name}": text for name, text in target.cloudevent.items()}
    fields |= {"message_id": options["message_id"]} if options["message_id"] else {}
    message = EventMessage(data, attributes=attributes, ordering_key=options["ordering_key"], **fields)
    if client is None:
        path = f"/?{urlencode(parameters, doseq=True)}"
        return _handle_here(url_kind, reference, path, message.written(target.form), AuthenticatorChain([]))
    return _post(client, client.path(url_kind, reference, parameters), message.written(target.form), **options)


def _check_webhook(
    url: str | None, kind: str | None, *, signer: str | None, event: str | None, secret_env: str | None, **options: Any
) -> None:
    """Refuse options that mean nothing with a signed webhook, or without one."""
    if signer is None and (event or secret_env):
        refuse("--event and --secret-env need --as. Name the provider of the webhook, such as --as github.")
    if signer is None:
        return
    if any(options[name] for name in ("envelope", "ce_type", "ordering_key", "identity", "audience")):
        refuse(
            "--envelope, --ce-type, --ordering-key, --identity and --audience mean nothing with --as, which signs a body without "
            "an envelope. Leave them out."
        )
    if kind is None:
        refuse("With --as, KIND must be a kind that a URL can contain, not the type of a CloudEvent. Give a kind.")
    if secret_env and url is None:
        refuse("--secret-env needs --url. Without it, the first secret in the settings of this process signs.")


def _send_webhook(
    client: PushClient | None,
    kind: str,
    reference: str,
    attributes: Mapping[str, str],
    content: Callable[..., _Content],
    *,
    signer: str,
    message_id: str | None,
    secret_env: str | None,
    **options: Any,
) -> EndpointAnswer:
    """Send what a provider of webhooks would send; in this process, the endpoint's own authenticators verify it."""
    chain = chain_at(_path(client, kind, reference).partition("?")[0])
    authenticator = signer_of(signer, chain, secret_env)
    payload, parameters = content(
        complete=partial(with_metadata, signer=authenticator, message_id=message_id, attributes=attributes)
    )
    path = _path(client, kind, reference, parameters)
    # some providers sign the URL; the site that has our secret also has our BASE_URL
    url = path if secret_env is None or client is None else client.base + path
    try:
        message = webhook(payload, authenticator, url, message_id=message_id, attributes=attributes)
    except ValueError as error:
        refuse(str(error))
    answer = _handle_here(kind, reference, path, message, chain) if client is None else _post(client, path, message, **options)
    if answer.status == HTTPStatus.OK and _is_handshake(authenticator, message):
        answer = replace(answer, result=HANDLED, problem="It is a handshake, which reaches no handler.")
    return replace(answer, sender=signer)


def _path(client: PushClient | None, kind: str, reference: str, parameters: Mapping[str, Sequence[str]] | None = None) -> str:
    if client is not None:
        return client.path(kind, reference, parameters)
    return get_event_url(kind, reference, parameters, base_url="")


def _is_handshake(signer: HMACSignature, message: CloudEventRequest) -> bool:
    meta = {HttpHeaders.to_wsgi_name(name): text for name, text in message.headers.items()}
    return signer.provider is not None and signer.provider.handshake_answer(SignedRequest(meta, message.body)) is not None


def _content(
    out: OutputWrapper | None,
    kind: str,
    channel: Channel,
    *,
    data: str | None,
    file: str | None,
    complete: Callable[[bytes], bytes] = bytes,
    **options: Any,
) -> _Content:
    """The payload and the parameters of the URL: those of the command line, or examples that the handlers accept.

    `complete` adds to an example of the payload.
    """
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
        payload = complete(example.data)
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
        refuse(f"The file {file!r} cannot be read: {error.strerror}. Name another, or - for the standard input.")


def _handle_here(
    kind: str | None, reference: str, path: str, message: CloudEventRequest, chain: AuthenticatorChain
) -> EndpointAnswer:
    """Call the endpoint's view with these authenticators, without URL patterns or Django's middleware."""
    labels = {} if kind is None else {"event_kind": kind, "event_reference": reference}
    request = RequestFactory().post(path, message.body, content_type=message.content_type, headers=message.headers)
    with record_own() as recording:
        try:
            response = EventView(_own_chain=chain).post(request, **labels)
            outcome = getattr(response, "outcome", Outcome.FAILED)
        except Exception as error:  # noqa: BLE001 -- with DEBUG on, the view raises a handler's exception
            outcome = classify(error)
            response = HttpResponse(status=outcome.status)
    result = DEFERRED if outcome is Outcome.HANDLED and not recording.deliveries else outcome.value
    problem = "; ".join(_reason(rejection.error) for rejection in recording.rejections)
    problem = problem or (similar_kind(kind).strip() if kind and outcome is Outcome.UNHANDLED else "")
    wait = response.get("Retry-After")
    return EndpointAnswer(HERE, response.status_code, response.content, wait, problem, recording.deliveries, result)


def _client(
    url: str, *, header: list[tuple[str, str]], identity: bool, audience: str | None, signer: str | None, **_: Any
) -> PushClient:
    """Make a client, which signs the URL only if nothing else authenticates the request."""
    secrets = {"HTTP_AUTHORIZATION", *configured().secret_headers}
    has_secret = any(f"HTTP_{name.upper().replace('-', '_')}" in secrets for name, _ in header)
    return PushClient(url, signed=not (identity or audience or signer or has_secret))


def _post(
    client: PushClient,
    path: str,
    message: CloudEventRequest,
    *,
    header: list[tuple[str, str]],
    identity: bool,
    audience: str | None,
    **_: Any,
) -> EndpointAnswer:
    """Post the event; the headers of the command line replace those of the envelope."""
    place = client.base + path.partition("?")[0]
    headers = [*message.headers.items(), *header]
    if message.content_type:
        headers.insert(0, ("Content-Type", message.content_type))
    if identity or audience:
        headers.append(("Authorization", f"Bearer {identity_token(audience, place)}"))
    try:
        answer = client.post(path, message.body, {name.title(): value for name, value in headers})
    except (OSError, HTTPException) as error:
        is_tls = isinstance(error, SSLError)
        advice = "Is it https there, with a certificate that this machine trusts?" if is_tls else "Is a server running there?"
        msg = f"No answer from {place}: {type(error).__name__}. {advice}"
        raise CommandError(msg) from error
    except ValueError:  # http.client refuses a header
        refuse(
            "An id, a key, an attribute or a header contains characters that HTTP headers cannot carry. "
            "Write it in ASCII, or choose --envelope pubsub."
        )
    return EndpointAnswer(place, answer.status, answer.body, answer.retry_after)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", "")
    return str(error) or f"{type(error).__name__}{reason and f', {reason}'}"
