"""Reads an unwrapped push of Pub/Sub: the message's data is the body, and its attributes may be headers.

Facts: "Payload unwrapping for Pub/Sub messages" in Pub/Sub's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from typing_extensions import override

from .base import CREDENTIAL_HEADERS, HeaderEnvelope, header_name, parse_time, text_of
from .dead_letter import DeadLetter, read_dead_letter
from .outbox_ids import read_cause, read_outbox_id
from .pubsub import identity_of

_MESSAGE_ID: Final = "HTTP_X_GOOG_PUBSUB_MESSAGE_ID"
_SUBSCRIPTION: Final = "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME"
_ORDERING_KEY: Final = "HTTP_X_GOOG_PUBSUB_ORDERING_KEY"
_PUBLISH_TIME: Final = "HTTP_X_GOOG_PUBSUB_PUBLISH_TIME"
#: The attributes of `outbox_ids`.
_OUTBOX_ID: Final = "HTTP_EVENT_ROUTER_ID"
_CAUSE: Final = "HTTP_EVENT_ROUTER_CAUSE"
#: The emulator's spelling.
_EMULATOR_ORDERING_KEY: Final = "HTTP_X_GOOG_ORDERING_KEY"

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
_TRANSPORT_PREFIXES: Final = tuple(
    "akamai- cf- fastly- fly- sec- x-amzn- x-appengine- x-b3- x-envoy- x-forwarded- x-goog-pubsub-".split()  # noqa: SIM905 -- as above
)
#: Names of headers that may contain credentials; "key" alone is a common name of attributes.
_CREDENTIAL: Final = re.compile(
    r".*(?:token|secret|passw|credential|signature|session|cookie|jwt|assertion|apikey|csrf|xsrf|oidc|oauth|hmac|dpop|bearer).*"
    r"|.+key|.+-key-.*|(?:.*-)?(?:auth|authn|authz|authentication|authorization|cert|certificate|sid|sig|pwd)(?:-.*)?"
)


def is_unwrapped(meta: Mapping[str, Any]) -> bool:
    """Whether a request is an unwrapped push, recognised by the headers with its metadata."""
    return _MESSAGE_ID in meta or _SUBSCRIPTION in meta


def read_unwrapped(body: bytes, meta: Mapping[str, Any]) -> PubSubUnwrapped | None:
    """Read an unwrapped push."""
    return PubSubUnwrapped(body, meta) if is_unwrapped(meta) else None


def may_be_attribute(key: str) -> bool:
    """Whether a header, by its key in `request.META`, is stored as an attribute of a message.

    Names of attributes seldom begin with "x-", but those that proxies and clients add mostly do.
    """
    if not key.startswith("HTTP_") or key.startswith("HTTP_X_"):
        return False
    name = header_name(key)
    return not _is_transport(name) and not _CREDENTIAL.fullmatch(name)


class AnyCase(dict[str, str]):
    """Attributes that came as headers, so that their names have lost their case; `get` finds them in any case."""

    @override
    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower().replace("_", "-"), default)


class PubSubUnwrapped(HeaderEnvelope):
    """A Pub/Sub push whose body is the data itself, with metadata in headers (`--push-no-wrapper-write-metadata`).

    Attributes cannot be told from other headers, so anything in `attributes` may come from the sender of the request.
    """

    __slots__ = ("_publish_time",)

    form = "pubsub-unwrapped"

    def __init__(self, body: bytes, meta: Mapping[str, Any]) -> None:
        """Hold the body and all headers except those with credentials."""
        headers = {key: value for key, value in meta.items() if key.startswith("HTTP_") and key not in CREDENTIAL_HEADERS}
        super().__init__(body, meta, headers)
        self._publish_time = self._optional(_PUBLISH_TIME, parse_time)

    @property
    @override
    def message_id(self) -> str | None:
        return self._text(_MESSAGE_ID)

    @property
    @override
    def outbox_id(self) -> str | None:
        return read_outbox_id(self._text(_OUTBOX_ID))

    @property
    @override
    def cause(self) -> str | None:
        return read_cause(self._text(_CAUSE))

    @property
    @override
    def publish_time(self) -> datetime | None:
        return self._publish_time

    @property
    @override
    def attributes(self) -> Mapping[str, str]:
        headers = {header_name(key): text_of(value) for key, value in self._headers.items()}
        return MappingProxyType({name: text for name, text in headers.items() if not _is_transport(name)})

    @property
    @override
    def routed(self) -> Mapping[str, str]:
        """The headers that the inbox stores; other headers are more likely those of a proxy."""
        return AnyCase({header_name(key): text_of(value) for key, value in self._headers.items() if may_be_attribute(key)})

    @property
    @override
    def ordering_key(self) -> str | None:
        return self._text(_ORDERING_KEY) or self._text(_EMULATOR_ORDERING_KEY)

    @property
    @override
    def subscription(self) -> str | None:
        return self._text(_SUBSCRIPTION)

    @property
    @override
    def dead_letter(self) -> DeadLetter | None:
        return read_dead_letter(lambda name: self._text(f"HTTP_{name.upper()}"))

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return identity_of(self)


def _is_transport(name: str) -> bool:
    return name in _TRANSPORT or name.startswith(_TRANSPORT_PREFIXES)
