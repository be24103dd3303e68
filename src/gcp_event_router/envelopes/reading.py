"""Reads an `Envelope` from bytes and headers, in whichever form the event arrives.

`_endpoint.request` calls it for each request, `_dispatch` for events that are sent through the signal without a request. A form
is a function, `(body, meta) -> Envelope | None`: to add one, write a module here and call the function in `read`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import to_json

from ..exceptions import EnvelopeError
from .base import Envelope
from .cloud_scheduler import read_job
from .cloud_tasks import read_task
from .cloudevents_http import CE_ID, cloudevents_type, read_binary, read_push, read_structured
from .pubsub_unwrapped import read_unwrapped
from .webhook import DESCRIPTION, read_webhook

_NO_HEADERS: Final[Mapping[str, Any]] = MappingProxyType({})


def read(body: bytes, meta: Mapping[str, Any] = _NO_HEADERS) -> Envelope:
    """Read the envelope of a request.

    Args:
        body: The bytes of the request.
        meta: Django's `request.META`, whose CGI names (`HTTP_X_GOOG_…`, `CONTENT_TYPE`) the forms read.

    Raises:
        EnvelopeError: The body violates its form, such as a push whose data is not base64.

    """
    content_type = meta.get("CONTENT_TYPE", "")
    if DESCRIPTION in meta:  # before forms that headers announce, since the signature does not cover these
        return read_webhook(body, meta)
    if cloudevents_type(content_type):
        return read_structured(body, meta)
    envelope = (CE_ID in meta and read_binary(body, meta)) or read_push(body)
    return envelope or read_unwrapped(body, meta) or read_task(body, meta) or read_job(body, meta) or Envelope(body, content_type)


def from_payload(payload: object) -> Envelope:
    """Make the envelope of an event that was sent through the signal; its payload is decoded JSON, or bytes."""
    if not isinstance(payload, bytes):
        try:
            payload = to_json(payload, inf_nan_mode="constants")
        except ValueError as error:
            msg = f"The event_payload, of type {type(payload).__name__}, cannot be written as JSON. Send decoded JSON, or bytes."
            raise EnvelopeError(msg) from error
    return read(payload)
