"""Posts events to a URL, in any of the envelopes that the endpoint reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, Literal, TypeAlias, cast, get_args
from urllib.parse import SplitResult, quote, urlsplit

from django.views.decorators.debug import sensitive_variables
from typing_extensions import override

from ..._event_urls import configured_base_url
from ..._url_signing import PARAMETER, signed_query
from ...auth import StandardWebhooks
from ...exceptions import ConfigurationError
from ...outcomes import ACKNOWLEDGED
from ..models import OutgoingEvent
from .base import NotAcknowledgedError, Transport
from .identity_token import IdentityToken
from .keep_alive import KeepAliveClient
from .transport_options import refuse, seconds_to_send
from .written import HEADER_NAME, Written, as_cloudevent, as_headers_and_data, as_push, as_structured_cloudevent, trace_headers

__all__ = ["HTTP", "OutgoingForm"]

#: The names of the envelopes.
OutgoingForm: TypeAlias = Literal["pubsub", "cloudevents", "cloudevents-structured", "json", "standard-webhooks"]
_FORMS: Final[tuple[OutgoingForm, ...]] = get_args(OutgoingForm)
#: The longest time for which a receiver may ask, in seconds.
_LONGEST_WAIT: Final = 3600.0
#: How long the signature of a URL is valid; each attempt has a new one.
_SIGNED_FOR: Final = timedelta(hours=1)
_PLACEHOLDER: Final = re.compile(r"\{(kind|id)\}")

#: The headers that the client writes itself.
_OWN_HEADERS: Final = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class HTTP(Transport):
    """Posts each event to a URL, over connections that stay open, and reads the answer as Pub/Sub does.

    Args:
        url: Where to, such as `"https://other.example/events/{kind}/{id}"`. `{kind}` stands for the event's kind, and `{id}` for
            its id; both may be left out.
        envelope: `"pubsub"`: as Pub/Sub would push it. `"cloudevents"` and `"cloudevents-structured"`: as a CloudEvent in binary
            or structured mode, whose type is the kind. `"json"`: the payload alone, with the metadata in headers, as an unwrapped
            push has them. `"standard-webhooks"`: the payload alone, signed.
        audience: Sends an OIDC token of this process's Google credentials for this audience, to `auth.OIDC` or Cloud Run; needs
            the extra `pubsub`.
        secret: The secret of `"standard-webhooks"`, such as `"whsec_…"`.
        signed: Signs the URL with `SECRET_KEY`, for `auth.SignedURL` of a site that has the same key.
        headers: Further headers, such as a shared token's.
        source: The source of the CloudEvents; by default `settings.BASE_URL`.
        timeout: How long an exchange may take; by default 30 seconds, or half of `LEASE` if that is shorter.
        concurrency: How many lines are sent at once.

    It follows no redirects. An event is sent if the answer's status is 102, 200, 201, 202 or 204; the `Retry-After` of any other
    answer delays the next attempt, by an hour at most.

    Raises:
        ConfigurationError: An option is invalid, or does not go with another one.

    """

    @sensitive_variables("secret", "headers")
    def __init__(
        self,
        *,
        url: str,
        envelope: OutgoingForm = "pubsub",
        audience: str = "",
        secret: str = "",
        signed: bool = False,
        headers: Mapping[str, str] | None = None,
        source: str = "",
        timeout: timedelta | None = None,
        concurrency: int = 8,
    ) -> None:
        self._url = self._split(url)
        if envelope not in _FORMS:
            refuse(self, f"cannot use envelope={envelope!r}, which is unknown", f"Choose from {', '.join(map(repr, _FORMS))}.")
        if type(concurrency) is not int or concurrency < 1:
            refuse(self, f"cannot use concurrency={concurrency!r}, which is not a positive number", "Leave it out.")
        for name, value in (("audience", audience), ("source", source), ("secret", secret)):
            if not isinstance(cast("object", value), str) or not value.isprintable():
                refuse(self, f"needs a printable text for {name}, not what is there", "Is an environment variable wrong?")
        if type(signed) is not bool:
            refuse(self, f"cannot use signed of the type {type(signed).__name__}", "Write True or False.")
        if (audience or signed) and self._url.scheme != "https" and self._url.hostname not in _LOOPBACK:
            problem = f"cannot use {'audience' if audience else 'signed'} with a URL of http, which anybody on the way can read"
            refuse(self, problem, "Write https://.")
        if signed and PARAMETER in self._url.query:
            refuse(self, f"cannot sign a URL that has the parameter {PARAMETER!r}", "Leave it out, or leave signed out.")
        self.concurrency: int = concurrency
        #: In seconds.
        self.timeout: float = seconds_to_send(self, timeout)
        self._signed = signed
        self._headers = self._checked(headers or {})
        if audience and any(name.lower() == "authorization" for name in self._headers):
            refuse(self, "cannot send both an Authorization header and a token for its audience", "Leave one of them out.")
        self._write = self._writer(envelope, source, secret)
        self._client = KeepAliveClient(self._url, self.timeout)
        self._token = IdentityToken(audience, self.timeout) if audience else None

    @override
    def open(self) -> None:
        """Get an OIDC token, if the options name an audience. Raises `ConfigurationError` if there are no credentials for one."""
        if self._token is not None:
            self._token.text()

    @override
    def send(self, event: OutgoingEvent) -> str:
        """Post an event.

        Raises:
            NotAcknowledgedError: The answer does not acknowledge the event.
            OSError, http.client.HTTPException: There was no answer in time, or none in HTTP.
            ConfigurationError, google.auth.exceptions.GoogleAuthError: Google issues no token.

        """
        body, content_type, written = self._write(event)
        headers = {**trace_headers(event), **written, **self._headers, "User-Agent": "gcp-event-router"}
        if content_type:
            headers["Content-Type"] = content_type
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.text()}"
        status, wait = self._client.post(self._target(event), body, headers)
        if status not in ACKNOWLEDGED:
            answer, after = f"answered {status}", None if wait is None else timedelta(seconds=min(wait, _LONGEST_WAIT))
            raise NotAcknowledgedError(answer, after)
        return ""

    @override
    def close(self) -> None:
        super().close()
        self._client.close()

    def _target(self, event: OutgoingEvent) -> str:
        """The path and the query for an event."""
        values = {"kind": quote(event.kind, safe=""), "id": str(event.key)}
        path, query = (
            _PLACEHOLDER.sub(lambda match: values[match[1]], part) for part in (self._url.path or "/", self._url.query)
        )
        if self._signed:
            query = signed_query(path, query, signed=True, max_age=_SIGNED_FOR, single_use=False)
        return f"{path}?{query}" if query else path

    def _writer(self, envelope: OutgoingForm, source: str, secret: str) -> Callable[[OutgoingEvent], Written]:
        """Return the function that writes an event, after a check of the options that belong to its envelope."""
        if secret and envelope != "standard-webhooks":
            refuse(self, f"has no use for a secret with envelope={envelope!r}", 'Write "envelope": "standard-webhooks".')
        if source and not envelope.startswith("cloudevents"):
            refuse(self, f"has no use for a source with envelope={envelope!r}", 'Write "envelope": "cloudevents".')
        if envelope == "standard-webhooks":
            return self._webhook_writer(secret)
        if envelope in {"cloudevents", "cloudevents-structured"}:
            source = source or configured_base_url() or ""
            if not source:
                refuse(self, "needs a source for CloudEvents, and BASE_URL is not set", 'Write "source": "https://shop.example".')
            write = as_cloudevent if envelope == "cloudevents" else as_structured_cloudevent
            return lambda event: write(event, source)
        return as_push if envelope == "pubsub" else as_headers_and_data

    @sensitive_variables("secret")
    def _webhook_writer(self, secret: str) -> Callable[[OutgoingEvent], Written]:
        try:
            signer = StandardWebhooks(secrets=[secret])
            signer.sign(b"")
        except ConfigurationError as error:
            problem = f"cannot use its secret to sign ({error})"
            refuse(self, problem, 'Write "secret": os.environ["WEBHOOK_SECRET"], which begins with whsec_.')

        def write(event: OutgoingEvent) -> Written:
            body, content_type, _ = as_headers_and_data(event)
            return Written(body, content_type, signer.sign(body, message_id=str(event.key)))

        return write

    def _split(self, url: object) -> SplitResult:
        """Split the URL. The message does not quote it, since it may have a secret."""
        try:
            parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
            host = (parts.hostname or "").encode("idna")
            is_usable = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0 and "@" not in parts.netloc
        except ValueError:
            is_usable, parts = False, urlsplit("")
        text = str(url)
        rest = _PLACEHOLDER.sub("", parts.path + parts.query)
        if not is_usable or not text.isascii() or not text.isprintable() or {" ", "{", "}"} & set(parts.netloc + rest):
            advice = 'Write "url": "https://other.example/events/{kind}/{id}", without other braces, a user or a password.'
            refuse(self, "cannot post to its url", advice)
        return parts

    def _checked(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of the options. The message quotes no values, which may be secrets."""
        if not isinstance(cast("object", headers), Mapping):
            refuse(self, "needs a dict of headers", 'Write "headers": {"X-Token": os.environ["TOKEN"]}.')
        pairs = cast("Mapping[object, object]", headers).items()
        for name, value in pairs:
            if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
                problem = f"cannot send the header {name!r}, which is not the name of one"
                refuse(self, problem, 'Write "headers": {"X-Token": os.environ["TOKEN"]}.')
            if name.lower() in _OWN_HEADERS:
                refuse(self, f"cannot send the header {name!r}, which it writes itself", "Leave it out.")
            if not isinstance(value, str) or not value.isascii() or not value.isprintable():
                refuse(self, f"cannot send the value of the header {name!r}", "Write printable ASCII characters.")
        return dict(headers)
