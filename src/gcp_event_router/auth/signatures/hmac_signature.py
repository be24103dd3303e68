"""Verifies an HMAC over the body, as the data of a provider describe it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from time import time
from typing import Any, ClassVar, Final, Never, Self, cast
from urllib.parse import quote

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.http import HttpRequest
from django.http.request import HttpHeaders
from django.utils.encoding import iri_to_uri
from django.views.decorators.debug import sensitive_variables
from typing_extensions import override

from ... import _check_ids as check_ids
from ..._event_urls import configured_base_url
from ...envelopes import Provider, SignedRequest
from ...event import Principal
from ...exceptions import AuthenticationError, ConfigurationError
from ..base import BodyAuthenticator, CurlHint
from .guessable import is_guessable
from .scheme import SignatureScheme
from .signing_keys import HMACKey, SigningKey

#: How far the time of a signature may be from ours.
TOLERANCE: Final = timedelta(minutes=5)
#: What may stand in a path as it is: RFC 3986 §3.3.
_SAFE: Final = "/~:@!$&'()*+,;="


class HMACSignature(BodyAuthenticator):
    """Accepts requests with a signature that was made with one of your secrets.

    Args:
        secrets: The secrets, as the provider shows them; several, while one replaces another.
        scheme: How the provider signs. Subclasses have their own.
        provider: Where the provider puts the id and the type of an event, for `envelopes.Webhook`.
        name: The name of the provider, if one class stands for several senders. Each then has its own ids of events.
        tolerance: How far the signature's time may be from the time of this machine, if the scheme signs one; by default five
            minutes. After that, a captured request is worthless.
        max_body: The most bytes of a body that is read to verify it; by default 1 MiB.
        base_url: The beginning of the URLs that the provider calls, if it signs them, instead of `settings.BASE_URL`.

    Raises:
        ConfigurationError: An option is invalid. The error does not quote secrets.

    """

    #: How the provider signs.
    scheme: SignatureScheme
    provider: Provider | None = None
    #: How to create a webhook at the provider, for the catalogue; `{url}` stands for the URL that it calls.
    setup: ClassVar[str] = "Give the sender the URL {url}, and put the secret that you share into the settings."
    #: The shortest secret that the provider makes, in characters.
    shortest_secret: ClassVar[int] = 16

    @sensitive_variables()
    def __init__(
        self,
        *,
        secrets: list[str] | tuple[str, ...],
        scheme: SignatureScheme | None = None,
        provider: Provider | None = None,
        name: str = "",
        tolerance: timedelta = TOLERANCE,
        max_body: int = BodyAuthenticator.max_body,
        base_url: str = "",
    ) -> None:
        self._require_secrets(secrets)
        if scheme is not None:
            self.scheme = scheme
        if not isinstance(getattr(self, "scheme", None), SignatureScheme):
            self._refuse("does not know how the sender signs", 'Write "scheme": SignatureScheme(header="X-Signature").')
        if not isinstance(cast("object", tolerance), timedelta) or tolerance <= timedelta(0):
            advice = 'Write "tolerance": timedelta(minutes=5), or leave it out.'
            self._refuse(f"cannot use tolerance={tolerance!r}, which is not a positive timedelta", advice)
        if type(max_body) is not int or max_body <= 0:
            self._refuse(f"cannot use max_body={max_body!r}, which is not a positive number of bytes", "Leave it out.")
        if provider is not None:
            self.provider = provider
        if not isinstance(cast("object", self.provider), Provider | None):
            problem = f"cannot use provider={self.provider!r}, which is not a Provider"
            self._refuse(problem, 'Write provider=Provider(name="courier").')
        if name and self.provider is None:
            self._refuse(f"cannot use name={name!r}, since it has no provider to name", f"Give provider=Provider(name={name!r}).")
        if name and self.provider is not None:
            self.provider = replace(self.provider, name=name)
        self._signs_url = self.scheme.signs("url")
        if self._signs_url and not base_url and not configured_base_url():
            problem = "verifies a signature over the URL, and needs BASE_URL, which is not set"
            self._refuse(problem, 'Write BASE_URL = "https://your-server.example" in your settings.')
        self.max_body = max_body
        self._tolerance = tolerance
        self._base_url = base_url
        self._keys: list[SigningKey] = [self._make_key(secret, number) for number, secret in enumerate(secrets)]
        self._guessable = [
            number for number, secret in enumerate(secrets) if len(secret) < self.shortest_secret or is_guessable(secret)
        ]
        self._key = HttpHeaders.to_wsgi_name(self.scheme.header)
        self.secret_headers: tuple[str, ...] = (self.scheme.header,)

    @override
    def is_signed(self, request: HttpRequest) -> bool:
        """Whether a request has the header of the signature."""
        return bool(request.META.get(self._key))

    @override
    def authenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        """Return a principal for a request with one of the signatures; None without any.

        Raises `AuthenticationError` for any other signature, and for one whose time is out of tolerance.
        """
        scheme = self.scheme
        text: str = request.META.get(self._key, "")
        if not text:
            return None
        header = scheme.read(text)
        if header is None:
            raise AuthenticationError(reason="the header of the signature has too many parts")
        url = self._url(_target(request)) if self._signs_url else ""
        fields = {"body": self._signed_body(body, url), "url": url.encode()}
        if scheme.signs("timestamp"):
            in_header = scheme.timestamp.endswith("=")
            fields["timestamp"] = self._timely(header.timestamp if in_header else _header(request, scheme.timestamp))
        if scheme.id:
            fields["id"] = (_header(request, scheme.id) or "").encode("latin-1", "replace")
            if not fields["id"]:
                raise AuthenticationError(reason="the request lacks the id that is signed")
        message = self._join(fields)
        if not sum(key.verify(message, header.items) for key in self._keys):
            raise AuthenticationError(reason="no signature was made with one of our secrets")
        if scheme.timestamp_is_in_body:  # which may be parsed, now that its sender is known
            self._timely(SignedRequest({}, body).text(scheme.timestamp))
        return Principal("hmac" if self.provider is None else self.provider.name)

    async def aauthenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        """Do the same as `authenticate_body`; the endpoint calls this for short bodies only, which are hashed in no time."""
        return self.authenticate_body(request, body)

    def sign(self, body: bytes, *, url: str = "", message_id: str = "", at: datetime | None = None) -> dict[str, str]:
        """Return the headers of a signed request, for tests and tools, as the provider sends them.

        Args:
            body: The body, which has the time if `scheme.timestamp` is a place in it.
            url: The URL, or its path and query below `BASE_URL`.
            message_id: The id, if it is signed.
            at: When it is signed; by default, now.

        Raises:
            ConfigurationError: The first of the secrets is a public key.
            AuthenticationError: The provider cannot sign such a body, as Twilio without a digest in the URL.

        """
        scheme, headers = self.scheme, dict[str, str]()
        if url.startswith("/"):
            url = self._url(url)
        fields = {"body": self._signed_body(body, url), "url": url.encode(), "id": message_id.encode()}
        if scheme.id:
            headers[scheme.id] = message_id
        items: list[str] = []
        if scheme.signs("timestamp"):
            moment = scheme.write_time(time() if at is None else at.timestamp())
            fields["timestamp"] = moment.encode()
            if scheme.timestamp.endswith("="):
                items.append(f"{scheme.timestamp}{moment}")
            else:
                headers[scheme.timestamp] = moment
        items.append(self._keys[0].sign(self._join(fields)))
        return {**headers, scheme.header: scheme.separator.join(items)}

    @sensitive_variables("secret")
    def with_secret(self, secret: str) -> Self:
        """Return the same authenticator with one other secret, for tools that sign. Raises `ConfigurationError` as the class."""
        self._require_secrets([secret])
        other = copy(self)
        vars(other).update(_keys=[self._make_key(secret, 0)], _guessable=[])
        return other

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
        """Say that curl cannot sign, and who can."""
        name = type(self).__qualname__
        if self.provider is None:
            return CurlHint(f"for {name}", f"curl cannot sign a body. Add the header {self.scheme.header} with its signature.")
        return CurlHint(f"signed for {name}", "curl cannot sign a body.", provider=self.provider.name)

    def setup_hint(self, url: str) -> str:
        """Say how to create the webhook at the provider."""
        return self.setup.replace("{url}", url)

    def check_deployment(self) -> Iterator[CheckMessage]:
        """Check that the secrets cannot be guessed."""
        for number in self._guessable:
            name = type(self).__qualname__
            yield Warn(
                f"secrets[{number}] of {name} is short or an example, so strangers can guess it and sign events.",
                hint=f"Copy the secret from the provider; it has at least {self.shortest_secret} characters.",
                id=check_ids.GUESSABLE_CREDENTIAL,
            )

    def _make_key(self, secret: str, number: int) -> SigningKey:
        """Make the key of a secret; `number` is for messages, which must not quote it."""
        del number
        return HMACKey(secret.encode(), self.scheme.algorithm, self.scheme.encoding, self.scheme.prefix)

    def _signed_body(self, body: bytes, url: str) -> bytes:
        """Return the body as the provider signs it. Raises `AuthenticationError` if it cannot be signed so."""
        del url
        return body

    def _url(self, path: str) -> str:
        """The URL that the provider calls. The request's `Host` is its sender's claim, so it is not asked."""
        base = self._base_url or configured_base_url() or ""
        return base.rstrip("/") + path

    def _join(self, fields: Mapping[str, bytes]) -> list[bytes]:
        return [part for text, name in self.scheme.parts for part in (text, fields[name]) if part]

    def _timely(self, text: str | None) -> bytes:
        """Return the time of a signature as it was signed. Raises `AuthenticationError` outside of the tolerance."""
        seconds = self.scheme.read_time(text) if text else None
        if text is None or seconds is None:
            raise AuthenticationError(reason="the signature has no time that can be read")
        if abs(seconds - time()) > self._tolerance.total_seconds():
            raise AuthenticationError(reason="the signature's time is too far from ours")
        return text.encode()

    @sensitive_variables()
    def _require_secrets(self, secrets: Sequence[object]) -> None:
        advice = 'Write "secrets": [os.environ["WEBHOOK_SECRET"]].'
        if not isinstance(cast("object", secrets), (list, tuple)):
            self._refuse(f"needs a list of secrets, not secrets of type {type(secrets).__name__}", advice)
        if not secrets:
            self._refuse("needs at least one secret, and secrets is empty", advice)
        for number, secret in enumerate(secrets):
            is_text = isinstance(secret, str) and secret.isprintable() and secret == secret.strip()
            if not is_text or not secret:  # the message must not quote it
                problem = f"cannot use secrets[{number}], which is empty, has spaces around it, or is not a printable string"
                self._refuse(problem, "Is an environment variable empty, or does a file end in a newline?")

    def _refuse(self, problem: str, advice: str) -> Never:
        msg = f"{type(self).__qualname__} {problem}. {advice}"
        raise ConfigurationError(msg)


def _target(request: HttpRequest) -> str:
    """The path and the query of a request, escaped as `get_event_url` does; Django's own get_full_path escapes more."""
    path = quote(request.path, safe=_SAFE)
    query: str = request.META.get("QUERY_STRING", "")
    return f"{path}?{iri_to_uri(query)}" if query else path


def _header(request: HttpRequest, name: str) -> str | None:
    return request.META.get(HttpHeaders.to_wsgi_name(name))
