"""What an authenticator is, and where a request carries credentials. Read by each authenticator, and by who writes one."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, QueryDict

from ..event import Principal
from ..exceptions import AuthenticationError

__all__ = ["Authenticator", "CurlHint", "bearer", "check_query_credentials", "curl_hint", "parsed_query", "query"]


class Authenticator(Protocol):
    """What an authenticator is: a class of the user's own needs this one method, as `def` or as `async def`.

    Under ASGI a sync one runs in a thread, so it may block. One that is sync and knows a way without blocking may have
    `async def aauthenticate(self, request)` besides, which the async view then awaits. One whose credentials are in the
    query or in a header names those in `secret_parameters` or `secret_headers`, a collection of strings, and neither handlers
    nor receivers see them.
    What `manage.py check --deploy` should say of its options, it returns from `check_deployment(self)`; from
    `security_scheme(self)` what AsyncAPI calls a security scheme, with a name for it; from `public_facts(self)` what the
    catalogue may show, pairs of a name and a value; from `curl_hint(self, url)` a `CurlHint` for requests to a URL. None of it
    is a secret.
    """

    def authenticate(self, request: HttpRequest) -> Principal | Awaitable[Principal | None] | None:
        """Return who sent `request`, or None if it holds no credentials of this authenticator's kind.

        Must not read the body: nobody has been let in yet.

        Raises:
            AuthenticationError: The credentials are bad. Answered 401.
            ForbiddenError: The credentials are good, and their owner may not send here. Answered 403.
            UnavailableError: It cannot be decided now. Answered 503, so that the sender tries again.

        """


class CurlHint(NamedTuple):
    """How `curl` passes an authenticator. The variable `$TOKEN` of the shell stands for a secret."""

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


def curl_hint(authenticator: object, url: str) -> CurlHint:
    """The hint of an authenticator; one that has no such method, or whose method fails, leaves the header to the reader."""
    with suppress(Exception):  # a method of the project's own
        hint: object = getattr(authenticator, "curl_hint")(url)  # noqa: B009 -- which need not be there
        if isinstance(hint, CurlHint):
            return hint
    name = type(authenticator).__qualname__
    return CurlHint(f"for {name}", f"Add what {name} reads from a request.")


def bearer(request: HttpRequest) -> str | None:
    """What follows `Bearer` in the header `Authorization`; None where the header is absent or has another scheme."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, credentials = header.partition(" ")
    return credentials.strip(" ") if scheme.lower() == "bearer" else None


def query(request: HttpRequest) -> dict[str, list[str]]:
    """All values of all query parameters, as handlers see them. Raises `AuthenticationError` for more than Django reads."""
    try:
        return parsed_query(request)
    except SuspiciousOperation as error:
        raise AuthenticationError(reason="the URL has more parameters than DATA_UPLOAD_MAX_NUMBER_FIELDS") from error


def parsed_query(request: HttpRequest) -> dict[str, list[str]]:
    """Do the same. Raises `SuspiciousOperation` instead. Called by `_endpoint.request`, too."""
    text: str = request.META.get("QUERY_STRING", "")
    # WSGI has bytes as Latin-1. Not request.GET, whose encoding is whatever the sender writes into Content-Type
    encoded = text.encode("latin-1") if isinstance(request, WSGIRequest) else text
    return dict(QueryDict(encoded, encoding="utf-8").lists())


def check_query_credentials(authenticator: object) -> Iterator[CheckMessage]:
    """For `check --deploy`: credentials in a query can be read by everybody on the way, unless the way is encrypted."""
    base = str(getattr(settings, "BASE_URL", None) or "")
    if not base.startswith("https://"):
        yield Error(
            f"{type(authenticator).__qualname__} reads credentials from the query, and BASE_URL is {base!r}, which is not https.",
            hint='Write BASE_URL = "https://your-server.example", and send events there only.',
            id="gcp_event_router.E006",
        )
