"""Verifies an HMAC over the body, as the data of a provider describe it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any, ClassVar, Final, Never, cast

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.http import HttpRequest
from django.http.request import HttpHeaders
from typing_extensions import override

from ... import _check_ids as check_ids
from ...envelopes import Provider
from ...envelopes.base import parse_time
from ...event import Principal
from ...exceptions import AuthenticationError, ConfigurationError
from ..base import BodyAuthenticator, CurlHint
from .scheme import SignatureScheme
from .signing_keys import HMACKey, SigningKey

#: How far the time of a signature may be from ours.
TOLERANCE: Final = timedelta(minutes=5)
#: What people write until they have a secret.
_PLACEHOLDERS: Final = frozenset({"secret", "changeme", "your", "example", "xxx", "todo", "placeholder", "webhook-secret"})


class HMACSignature(BodyAuthenticator):
    """Accepts requests with a signature that was made with one of your secrets.

    Args:
        secrets: The secrets, as the provider shows them; several, while one replaces another.
        scheme: How the provider signs. Subclasses have their own.
        provider: Where the provider puts the id and the type of an event, for `envelopes.Webhook`.
        tolerance: How far the signature's time may be from the time of this machine, if the scheme signs one. Requests outside
            of it are refused, so a captured request is worthless after it.
        max_body: The most bytes of a body that is read to verify it.
        url: The URL that the provider calls, if it signs that; by default, `BASE_URL` and the request's path and query.

    Raises:
        ConfigurationError: An option is invalid. The error does not quote secrets.

    """

    #: How the provider signs.
    scheme: SignatureScheme
    #: The shortest secret that the provider makes, in characters.
    shortest_secret: ClassVar[int] = 16

    def __init__(
        self,
        *,
        secrets: Sequence[str],
        scheme: SignatureScheme | None = None,
        provider: Provider | None = None,
        tolerance: timedelta = TOLERANCE,
        max_body: int = BodyAuthenticator.max_body,
        url: str = "",
    ) -> None:
        name = type(self).__qualname__
        if not isinstance(secrets, (list, tuple)) or not secrets:
            problem = f"needs a list of at least one secret, not secrets of type {type(secrets).__name__}"
            _refuse(name, problem, 'Write "secrets": [os.environ["WEBHOOK_SECRET"]].')
        for number, secret in enumerate(secrets):
            if (
                not isinstance(cast("object", secret), str) or not secret or secret != secret.strip()
            ):  # the message must not quote it
                problem = f"cannot use secrets[{number}], which is empty, has spaces around it, or is not a string"
                _refuse(name, problem, "Is an environment variable empty, or does a file end in a newline?")
        if scheme is not None:
            self.scheme = scheme
        if not isinstance(getattr(self, "scheme", None), SignatureScheme):
            _refuse(name, "does not know how the sender signs", 'Write "scheme": SignatureScheme(header="X-Signature").')
        if not isinstance(cast("object", tolerance), timedelta) or tolerance <= timedelta(0):
            _refuse(name, f"cannot use tolerance={tolerance!r}, which is not a positive timedelta", "Leave it out.")
        if type(max_body) is not int or max_body <= 0:
            _refuse(name, f"cannot use max_body={max_body!r}, which is not a positive number of bytes", "Leave it out.")
        if provider is not None:
            self.provider = provider
        self.max_body = max_body
        self._tolerance = tolerance
        self._url = url
        self._secrets = tuple(secrets)
        self._keys: list[SigningKey] = [self._make_key(secret, number) for number, secret in enumerate(secrets)]
        self._key = HttpHeaders.to_wsgi_name(self.scheme.header)
        self.secret_headers: tuple[str, ...] = (self.scheme.header,)

    @override
    def is_signed(self, request: HttpRequest) -> bool:
        """Whether a request has the header of the signature."""
        return bool(request.META.get(self._key))

    @override
    def authenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        """Return a principal for a request with one of the signatures. Raises `AuthenticationError` for any other signature."""
        text: str = request.META.get(self._key, "")
        if not text:
            return None
        header = self.scheme.read(text)
        if header is None:
            raise AuthenticationError(reason="the header of the signature has too many parts")
        fields = {"body": body}
        if self.scheme.timestamp:
            fields["timestamp"] = self._timely(header.timestamp or _header(request, self.scheme.timestamp))
        if self.scheme.id:
            fields["id"] = (_header(request, self.scheme.id) or "").encode("latin-1", "replace")
            if not fields["id"]:
                raise AuthenticationError(reason="the request lacks the id that is signed")
        message = self._message(request, fields)
        if not sum(key.verify(message, header.items) for key in self._keys):
            raise AuthenticationError(reason="no signature was made with one of our secrets")
        return Principal("hmac" if self.provider is None else self.provider.name)

    async def aauthenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        """Do the same as `authenticate_body` on the event loop: bodies that take long to hash are verified in a thread."""
        return self.authenticate_body(request, body)

    def sign(self, body: bytes, *, url: str = "", message_id: str = "", at: datetime | None = None) -> dict[str, str]:
        """Return the headers of a signed request, for tests and tools, as the provider sends them.

        Raises `ConfigurationError` if the first of the secrets is a public key.
        """
        scheme, headers = self.scheme, dict[str, str]()
        fields = {"body": body, "url": url.encode(), "id": message_id.encode()}
        if scheme.id:
            headers[scheme.id] = message_id
        items: list[str] = []
        if scheme.timestamp:
            seconds = str(int((at or datetime.now(UTC)).timestamp()))
            fields["timestamp"] = seconds.encode()
            if scheme.timestamp.endswith("="):
                items.append(f"{scheme.timestamp}{seconds}")
            else:
                headers[scheme.timestamp] = seconds
        items.append(self._keys[0].sign(self._join(fields)))
        return {**headers, scheme.header: scheme.separator.join(items)}

    def security_scheme(self) -> tuple[str, dict[str, Any]]:
        """Describe the signature for the AsyncAPI document."""
        name = "signature" if self.provider is None else f"{self.provider.name}Signature"
        description = f"An HMAC of {self.scheme.signed}, with a secret that sender and site share."
        return name, {"type": "httpApiKey", "in": "header", "name": self.scheme.header, "description": description}

    def public_facts(self) -> Iterator[tuple[str, str]]:
        """Return what the catalogue shows."""
        if self.provider is not None:
            yield "provider", self.provider.name
        yield "header", self.scheme.header
        yield "signed", self.scheme.signed
        if self.scheme.timestamp:
            yield "tolerance", str(self._tolerance)

    def curl_hint(self, _: str) -> CurlHint:
        """Say that curl cannot sign."""
        name = type(self).__qualname__
        return CurlHint(f"for {name}", f"curl cannot sign a body. `manage.py events send --as` sends what {name} verifies.")

    def check_deployment(self) -> Iterator[CheckMessage]:
        """Check that the secrets cannot be guessed."""
        name = type(self).__qualname__
        for number, secret in enumerate(self._secrets):
            if len(secret) < self.shortest_secret or any(word in secret.lower() for word in _PLACEHOLDERS):
                yield Warn(
                    f"secrets[{number}] of {name} is short or a placeholder, so strangers can guess it and sign events.",
                    hint=f"Copy the secret from the provider; it has at least {self.shortest_secret} characters.",
                    id=check_ids.GUESSABLE_CREDENTIAL,
                )

    def _make_key(self, secret: str, number: int) -> SigningKey:
        """Make the key of a secret; `number` is for messages, which must not quote it."""
        del number
        return HMACKey(secret.encode(), self.scheme.algorithm, self.scheme.encoding, self.scheme.prefix)

    def _message(self, request: HttpRequest, fields: dict[str, bytes]) -> list[bytes]:
        """What the provider signed, in parts."""
        if any(name == "url" for _, name in self.scheme.parts):
            fields["url"] = (self._url or url_of(request)).encode()
        return self._join(fields)

    def _join(self, fields: dict[str, bytes]) -> list[bytes]:
        return [part for text, name in self.scheme.parts for part in (text, fields[name]) if part]

    def _timely(self, text: str | None) -> bytes:
        """Return the time of a signature as it was signed. Raises `AuthenticationError` outside of the tolerance."""
        moment = parse_time(text) if text else None
        if text is None or moment is None:
            raise AuthenticationError(reason="the signature has no time that can be read")
        if abs(moment.timestamp() - time()) > self._tolerance.total_seconds():
            raise AuthenticationError(reason="the signature's time is too far from ours")
        return text.encode("latin-1", "replace")


def url_of(request: HttpRequest) -> str:
    """The URL that a provider called: `BASE_URL`, or the request's own scheme and host, and the path and the query as sent."""
    base: str = getattr(settings, "BASE_URL", None) or f"{request.scheme}://{request.get_host()}"
    return base.rstrip("/") + request.get_full_path()


def _header(request: HttpRequest, name: str) -> str | None:
    return request.META.get(HttpHeaders.to_wsgi_name(name))


def _refuse(name: str, problem: str, advice: str) -> Never:
    msg = f"{name} {problem}. {advice}"
    raise ConfigurationError(msg)
