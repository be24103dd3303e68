"""Signed webhooks as requests: for `push(..., signed_by=...)`, and for `manage.py events send --as`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from time import time
from typing import Any, cast
from uuid import uuid4

from django.http.request import HttpHeaders

from .._messages import CloudEventRequest, EventMessage
from ..auth import HMACSignature, Provider
from ..envelopes import SignedRequest, Webhook, read_json
from ..exceptions import AuthenticationError


def webhook(
    data: bytes,
    signer: HMACSignature,
    url: str,
    *,
    message_id: str | None = None,
    attributes: Mapping[str, str] | None = None,
    publish_time: datetime | None = None,
) -> CloudEventRequest:
    """Write what the provider of an authenticator sends: the body alone, its signature, and the provider's own headers.

    Args:
        data: The body.
        signer: Its first secret signs.
        url: The URL to which the request goes, or its path below `BASE_URL`; some providers sign it.
        message_id: The provider's id of the delivery; a new one by default, if the provider has it in a header.
        attributes: The provider's metadata by the names in `envelope.attributes`, such as `"event"`.
        publish_time: The time that is signed, if the provider signs one; now by default. A naive time is in UTC.

    Raises:
        ConfigurationError: The first secret is a public key, which cannot sign.
        ValueError: The provider does not send these metadata, has them in the body, where `data` has others, or cannot sign
            such a body.

    """
    provider = signer.provider or Provider(name=type(signer).__qualname__, delivery_id=signer.scheme.id)
    if publish_time is not None and not (signer.scheme.signs("timestamp") or _is_header(provider.timestamp)):
        msg = f"{provider.name} sends no time beside the body, so {publish_time} cannot be sent. Leave the time out."
        raise ValueError(msg)
    moment = publish_time or datetime.now(UTC)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if message_id is None and _is_header(provider.delivery_id):
        message_id = str(uuid4())
    given, places = attributes or {}, provider.places
    if unknown := given.keys() - places.keys():
        known = ", ".join(sorted(places)) or "none, so leave the attributes out"
        msg = f"{provider.name} sends no attribute {min(unknown)!r}. It sends these: {known}."
        raise ValueError(msg)
    written = [(places[name], text) for name, text in given.items()]
    written += [(provider.delivery_id, message_id or ""), (provider.timestamp, moment.isoformat())]
    headers = {place: text for place, text in written if text and _is_header(place)}
    try:
        headers |= signer.sign(data, url=url, message_id=message_id or "", at=moment)
    except AuthenticationError as error:
        msg = f"{provider.name} cannot sign this payload: {error.reason}. Give one that it sends."
        raise ValueError(msg) from error
    meta = {HttpHeaders.to_wsgi_name(name): text for name, text in headers.items()}
    received = Webhook(data, "", provider.describe(SignedRequest(meta, data)))
    _compare(provider, "message id", provider.delivery_id, message_id, received.message_id)
    for name, text in given.items():
        _compare(provider, f"attribute {name!r}", places[name], text, received.attributes.get(name))
    return CloudEventRequest(data, EventMessage(data).content_type, headers)


def with_metadata(
    data: bytes, signer: HMACSignature, *, message_id: str | None = None, attributes: Mapping[str, str] | None = None
) -> bytes:
    """Write metadata into an example of a body, where the provider has it in the body; without an id, a new one.

    A body that is not a JSON object is returned as it is.
    """
    provider, scheme = signer.provider, signer.scheme
    try:
        document = read_json(data)
    except ValueError:
        document = None
    if provider is None or not isinstance(document, dict):
        return data
    written: dict[str, object] = {provider.delivery_id: message_id or uuid4().hex}
    written |= {provider.places[name]: text for name, text in (attributes or {}).items() if name in provider.places}
    if scheme.timestamp_is_in_body:
        written[scheme.timestamp] = int(scheme.write_time(time()))
    pointers = {place: value for place, value in written.items() if place.startswith("/")}
    for pointer, value in pointers.items():
        _write(cast("dict[str, Any]", document), pointer, value)
    return json.dumps(document).encode() if pointers else data


def _write(document: dict[str, Any], pointer: str, value: object) -> None:
    """Write a value at a JSON pointer, below objects that are made as needed."""
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))
    for name in parents:
        child = document.setdefault(name, {})
        if not isinstance(child, dict):
            return
        document = cast("dict[str, Any]", child)
    document[last] = value


def _is_header(place: str) -> bool:
    return bool(place) and not place.startswith("/")


def _compare(provider: Provider, what: str, place: str, given: str | None, received: str | None) -> None:
    """Raise `ValueError` if the endpoint would read something else than what was given."""
    if given is None or given == received:
        return
    if not place:
        msg = f"{provider.name} sends no {what}, so {given!r} cannot be sent. Leave it out."
    else:
        has = "nothing" if received is None else repr(received)
        msg = f"{provider.name} has its {what} at {place} of the body, where this payload has {has}. Write {given!r} there."
    raise ValueError(msg)
