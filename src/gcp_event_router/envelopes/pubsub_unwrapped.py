"""Reads an unwrapped push of Pub/Sub: the message's data is the body, and its attributes may be headers.

Facts: "Payload unwrapping for Pub/Sub messages" in Pub/Sub's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError
from typing_extensions import override

from .base import CREDENTIAL_HEADERS, Envelope, text_of
from .pubsub import aware, identity_of, read_time

_MESSAGE_ID: Final = "HTTP_X_GOOG_PUBSUB_MESSAGE_ID"
_SUBSCRIPTION: Final = "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME"


def is_unwrapped(meta: Mapping[str, Any]) -> bool:
    """Whether a request is an unwrapped push, recognised by the headers with its metadata."""
    return _MESSAGE_ID in meta or _SUBSCRIPTION in meta


def read_unwrapped(body: bytes, meta: Mapping[str, Any]) -> PubSubUnwrapped | None:
    """Read an unwrapped push."""
    if not is_unwrapped(meta):
        return None
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in meta.items()
        if name.startswith("HTTP_") and name not in CREDENTIAL_HEADERS
    }
    return PubSubUnwrapped(body, meta.get("CONTENT_TYPE", ""), headers)


class PubSubUnwrapped(Envelope):
    """A Pub/Sub push whose body is the data itself, with metadata in headers (`--push-no-wrapper-write-metadata`).

    Attributes cannot be told from other headers, so anything in `attributes` may come from the sender of the request.
    """

    __slots__ = ("_headers", "_publish_time", "malformed")

    form = "pubsub-unwrapped"

    def __init__(self, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        """Hold the body and its headers, with names in lower case."""
        super().__init__(body, content_type)
        self._headers = headers
        self._publish_time: datetime | None = None
        self.malformed: tuple[str, ...] = ()
        time = headers.get("x-goog-pubsub-publish-time")
        if time is not None:
            try:
                self._publish_time = aware(read_time.validate_strings(time))
            except ValidationError:
                self.malformed = ("x-goog-pubsub-publish-time",)

    @property
    @override
    def message_id(self) -> str | None:
        return self._text("x-goog-pubsub-message-id")

    @property
    @override
    def publish_time(self) -> datetime | None:
        return self._publish_time

    @property
    @override
    def attributes(self) -> Mapping[str, str]:
        return MappingProxyType({name: text_of(value) for name, value in self._headers.items() if not _is_transport(name)})

    @property
    @override
    def ordering_key(self) -> str | None:
        # the second spelling is the emulator's
        return self._text("x-goog-pubsub-ordering-key") or self._text("x-goog-ordering-key")

    @property
    @override
    def subscription(self) -> str | None:
        return self._text("x-goog-pubsub-subscription-name")

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return identity_of(self)

    @property
    @override
    def meta(self) -> dict[str, str]:
        kept = {f"HTTP_{name.replace('-', '_').upper()}": value for name, value in self._headers.items()}
        return {**super().meta, **kept}

    def _text(self, name: str) -> str | None:
        value = self._headers.get(name)
        return text_of(value) if value else None


#: Headers that clients, proxies and Google's front ends add; they are not attributes.
_TRANSPORT: Final = frozenset(
    """
    accept accept-charset accept-encoding accept-language access-control-request-headers access-control-request-method alt-used
    authorization cache-control cdn-loop connection content-length content-type cookie date expect forwarded from host
    http2-settings if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive max-forwards origin pragma
    proxy-authorization proxy-connection referer te traceparent tracestate trailer transfer-encoding true-client-ip upgrade
    upgrade-insecure-requests user-agent via x-client-data x-cloud-trace-context x-goog-authenticated-user-email
    x-goog-authenticated-user-id x-goog-iap-jwt-assertion x-goog-ordering-key x-real-ip x-request-id x-request-start
    x-requested-with x-serverless-authorization
    """.split()  # noqa: SIM905 -- sixty quoted names are harder to read
)


#: The same, by prefix.
_TRANSPORTS: Final = (
    "akamai-",
    "cf-",
    "fastly-",
    "fly-",
    "sec-",
    "x-amzn-",
    "x-appengine-",
    "x-b3-",
    "x-envoy-",
    "x-forwarded-",
    "x-goog-pubsub-",
)


#: Names of headers that may contain credentials; "key" alone is a common name of attributes.
_CREDENTIAL: Final = re.compile(
    r".*(?:token|secret|passw|credential|signature|session|cookie|jwt|assertion|apikey|csrf|xsrf|oidc|oauth|hmac|dpop|bearer).*"
    r"|.+key|.+-key-.*|(?:.*-)?(?:auth|authn|authz|authentication|authorization|cert|certificate|sid|sig|pwd)(?:-.*)?"
)


def may_be_attribute(name: str) -> bool:
    """Whether a header, by its key in `request.META`, is stored as an attribute of a message.

    Names of attributes seldom begin with "x-", but those that proxies and clients add mostly do.
    """
    if not name.startswith("HTTP_") or name.startswith("HTTP_X_"):
        return False
    header = name[5:].replace("_", "-").lower()
    return not _is_transport(header) and not _CREDENTIAL.fullmatch(header)


def _is_transport(name: str) -> bool:
    return name in _TRANSPORT or name.startswith(_TRANSPORTS)
