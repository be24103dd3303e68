"""The protocol of authenticators, and helpers that read credentials from a request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict

from .. import _check_ids as check_ids
from .. import envelopes
from ..event import Principal
from ..exceptions import AuthenticationError

__all__ = [
    "Authenticator",
    "BodyAuthenticator",
    "CurlHint",
    "bearer",
    "check_query_credentials",
    "curl_hint",
    "parsed_query",
    "query",
]


class Authenticator(Protocol):
    """The protocol of authenticators: a project's own class needs this one method, as `def` or as `async def`.

    Under ASGI, a sync method runs in a thread, so it may block. All else is optional:

    - `async def aauthenticate(self, request)`: the same without blocking; the async view awaits it.
    - `secret_parameters`, `secret_headers`: names of query parameters and headers that hold credentials; handlers and receivers
      do not see them.
    - `check_deployment(self)`: yields the messages of `manage.py check --deploy`.
    - `security_scheme(self)`: returns a name and a security scheme for the AsyncAPI document.
    - `public_facts(self)`: yields pairs of a name and a value for the catalogue.
    - `curl_hint(self, url)`: returns a `CurlHint` for requests to a URL.
    - `setup_hint(self, url)`: returns a sentence for the catalogue that says how to make the sender call a URL.

    None of these may reveal a secret.
    """

    def authenticate(self, request: HttpRequest) -> Principal | Awaitable[Principal | None] | None:
        """Return the sender of `request`, or None if it has no credentials of this authenticator's kind.

        Must not read the body, since the sender is not authenticated yet.

        Raises:
            AuthenticationError: The credentials are invalid. Answered 401.
            ForbiddenError: The credentials are valid, but their owner may not send here. Answered 403.
            UnavailableError: The credentials cannot be verified now. Answered 503, so that the sender tries again.

        """


class BodyAuthenticator(ABC):
    """The base class of authenticators that need the body, such as those that verify a signature over it.

    They are asked for it only if no authenticator accepts the request without it, and it is read up to `max_body`. A project's
    own class needs `authenticate_body`, as `def` or as `async def`; all else of `Authenticator` is optional here, too, and so is
    `async def aauthenticate_body(self, request, body)`.
    """

    #: The most bytes of a body that is read to verify it; by default 1 MiB.
    max_body: int = 2**20
    #: Where the sender puts the metadata of `envelopes.Webhook`. Without it, the event has a plain envelope.
    provider: envelopes.Provider | None = None

    def authenticate(self, request: HttpRequest) -> Principal | Awaitable[Principal | None] | None:
        """Return None: nothing but the body proves the sender."""
        del request
        return None

    def is_signed(self, request: HttpRequest) -> bool:
        """Whether a request has what this authenticator verifies; if not, the body is not read for it. By default, it has."""
        del request
        return True

    @abstractmethod
    def authenticate_body(self, request: HttpRequest, body: bytes) -> Principal | Awaitable[Principal | None] | None:
        """Return the sender of `request`, or None if it is not signed as this authenticator reads it.

        Must not parse the body before it is verified. Raises as `Authenticator.authenticate` does.
        """


class CurlHint(NamedTuple):
    """How `curl` passes an authenticator. In its texts, the shell's variable `$TOKEN` stands for a secret."""

    #: Such as `"with a shared token"`.
    title: str
    #: What to know before running the command.
    text: str = ""
    #: A header as it stands between double quotes in a shell, such as `"X-Token: $TOKEN"`.
    header: str = ""
    #: The query parameter that holds `$TOKEN`.
    parameter: str = ""
    #: Whether the site signs the URL.
    is_signed: bool = False
    #: The provider's name for `manage.py events send --as`, which signs the body as curl cannot.
    provider: str = ""


def curl_hint(authenticator: object, url: str) -> CurlHint:
    """The hint of an authenticator; one that has no such method, or whose method fails, leaves the header to the reader."""
    with suppress(Exception):  # the project's own method may fail
        hint: object = getattr(authenticator, "curl_hint")(url)  # noqa: B009 -- an optional method
        if isinstance(hint, CurlHint):
            return hint
    name = type(authenticator).__qualname__
    return CurlHint(f"for {name}", f"Add what {name} reads from a request.")


def bearer(request: HttpRequest) -> str | None:
    """The token in the header `Authorization`; None if the header is missing or has another scheme than `Bearer`."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, credentials = header.partition(" ")
    return credentials.strip(" ") if scheme.lower() == "bearer" else None


def query(request: HttpRequest) -> dict[str, list[str]]:
    """All values of all query parameters. Raises `AuthenticationError` if there are more than Django reads."""
    try:
        return parsed_query(request)
    except SuspiciousOperation as error:
        raise AuthenticationError(reason="the URL has more parameters than DATA_UPLOAD_MAX_NUMBER_FIELDS") from error


def parsed_query(request: HttpRequest) -> dict[str, list[str]]:
    """Do the same as `query`, but raise `SuspiciousOperation`."""
    text: str = request.META.get("QUERY_STRING", "")
    # WSGI, whose requests have `environ`, passes bytes as Latin-1. request.GET would use the encoding that the sender names
    encoded = text.encode("latin-1") if hasattr(request, "environ") else text
    return dict(QueryDict(encoded, encoding="utf-8").lists())


def check_query_credentials(authenticator: object) -> Iterator[CheckMessage]:
    """Check for `check --deploy` that a URL with credentials is encrypted on its way."""
    base = str(getattr(settings, "BASE_URL", None) or "")
    if not base.startswith("https://"):
        yield Error(
            f"{type(authenticator).__qualname__} reads credentials from the query, and BASE_URL is {base!r}, which is not https.",
            hint='Write BASE_URL = "https://your-server.example", and send events there only.',
            id=check_ids.CREDENTIALS_IN_CLEAR,
        )
