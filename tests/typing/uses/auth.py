"""Authenticators."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage
from django.http import HttpRequest
from typing_extensions import assert_type, override

from gcp_event_router import Principal
from gcp_event_router.auth import OIDC, Authenticator, CurlHint, SharedToken, SignedURL
from gcp_event_router.exceptions import AuthenticationError, ForbiddenError, UnavailableError
from gcp_event_router.views import AsyncEventView, EventView


class ByHeader:
    def authenticate(self, request: HttpRequest) -> Principal | None:
        return Principal("header", email="a@example.com") if "X-A" in request.headers else None


class Always:
    def authenticate(self, request: HttpRequest) -> Principal:
        return Principal("always", subject="a", claims={"a": 1})


class ByHeaderAsync:
    async def authenticate(self, request: HttpRequest) -> Principal | None:
        return ByHeader().authenticate(request)


class Both:
    secret_headers = ("X-A",)

    def authenticate(self, request: HttpRequest) -> Principal | None:
        raise AuthenticationError(reason="the token is unknown")

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        raise ForbiddenError(reason="the sender may not send")

    def check_deployment(self) -> Iterator[CheckMessage]:
        yield from ()

    def curl_hint(self, url: str) -> CurlHint:
        return CurlHint("with a header", header="X-A: $TOKEN")


class Inherits(Authenticator):
    @override
    def authenticate(self, request: HttpRequest) -> Principal | None:
        raise UnavailableError(reason="the server is down")


class Stricter(SharedToken):
    @override
    def authenticate(self, request: HttpRequest) -> Principal | None:
        return super().authenticate(request) if request.is_secure() else None


authenticators: list[Authenticator] = [
    ByHeader(),
    Always(),
    ByHeaderAsync(),
    Both(),
    Inherits(),
    Stricter(tokens=["secret"], header="X-A"),
    OIDC(service_accounts=["a@example.com"], audience="event-url", leeway=timedelta(seconds=5)),
    OIDC(service_accounts=("a@example.com",), audience=["https://shop.example"], leeway=5, certs_url="http://localhost/"),
    SharedToken(tokens=["secret"], header="X-A"),
    SharedToken(tokens=("secret", "next"), parameter="token"),
    SignedURL(),
    SignedURL(cache="urls"),
]
EventView.as_view(authentication=authenticators)
AsyncEventView.as_view(authentication=[])
assert_type(OIDC(service_accounts=["a@example.com"], audience="a").audience, tuple[str, ...])
assert_type(Principal("header"), Principal)
assert_type(Principal("header").email, str | None)


# --- bad


class WithoutRequest:
    async def authenticate(self) -> Principal | None:
        return None


class SaysYes:
    def authenticate(self, request: HttpRequest) -> bool:
        return True


class SaysWho:
    def authenticate(self, request: HttpRequest) -> str | None:
        return "a@example.com"


class OfText:
    def authenticate(self, request: str) -> Principal | None:
        return None


class Misspelt:
    def authenticates(self, request: HttpRequest) -> Principal | None:
        return None


class Narrower(SharedToken):
    def authenticate(self, request: str) -> Principal | None:  # bad: an override that takes something else
        return None


without_request: Authenticator = WithoutRequest()  # bad: an authenticator without a request
says_yes: Authenticator = SaysYes()  # bad: an authenticator that says yes
says_who: Authenticator = SaysWho()  # bad: an authenticator that names an address
of_text: Authenticator = OfText()  # bad: an authenticator of text
misspelt: Authenticator = Misspelt()  # bad: an authenticator with another method
a_class: Authenticator = ByHeader  # bad: an authenticator's class
a_function: Authenticator = lambda request: None  # bad: a function as an authenticator
Principal()  # bad: a principal without a method
Principal(1)  # bad: a number as a method
Principal("header", mail="a@example.com")  # bad: a principal's unknown field
Principal("header").method = "token"  # bad: a new method
Principal("header").claims["a"] = 1  # bad: a new claim
Principal("header").email.upper()  # bad: an address that may be missing
OIDC()  # bad: OIDC without options
OIDC(service_accounts=["a@example.com"])  # bad: OIDC without an audience
OIDC(audience="a")  # bad: OIDC without accounts
OIDC(service_account="a@example.com", audience="a")  # bad: a misspelt option of OIDC
OIDC(service_accounts="a@example.com", audience="a")  # bad: one account as text
OIDC(service_accounts=["a@example.com"], audience=None)  # bad: no audience
OIDC(service_accounts=["a@example.com"], audience="a", leeway="5")  # bad: a leeway as text
OIDC(service_accounts=[1], audience="a")  # bad: a number as an account
OIDC(["a@example.com"], "a")  # bad: options by position
SharedToken(header="X-A")  # bad: no tokens
SharedToken(tokens="secret", header="X-A")  # bad: one token as text
SharedToken(tokens=["secret"])  # bad: a token without a place
SharedToken(tokens=["secret"], header="X-A", parameter="token")  # bad: a token in two places
SharedToken(tokens=5, header="X-A")  # bad: a number as tokens
SharedToken(["secret"], "X-A")  # bad: tokens by position
SharedToken(tokens=["secret"], headers="X-A")  # bad: a misspelt option of SharedToken
SignedURL(cache=1)  # bad: a number as a cache
SignedURL("urls", True)  # bad: options of SignedURL by position
AuthenticationError(reason=1)  # bad: a number as a reason
claims: dict[str, Any] = Principal("header").claims  # bad: claims as a dict
CurlHint()  # bad: a hint without a title
