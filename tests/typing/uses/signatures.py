"""Signatures over the body: the options of providers, a project's own provider, and its own authenticator."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest
from typing_extensions import assert_type, override

from gcp_event_router import Principal
from gcp_event_router.auth import (
    BodyAuthenticator,
    GitHub,
    Handshake,
    HMACSignature,
    Provider,
    SignatureScheme,
    Square,
    Stripe,
)
from gcp_event_router.views import EventView


class Courier(HMACSignature):
    scheme = SignatureScheme(header="X-Mac", signed="{timestamp}.{body}", timestamp="X-Time", algorithm="sha512")
    provider = Provider(name="courier", delivery_id="X-Id", event="/type", handshakes=(Handshake("/type", "ping"),))


class Kiosk(BodyAuthenticator):
    max_body = 2**16

    @override
    def authenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        return Principal("kiosk") if body.endswith(b"!") else None


class KioskAsync(BodyAuthenticator):
    @override
    async def authenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        return None


EventView.as_view(authentication=[GitHub(secrets=["a"]), Kiosk(), KioskAsync(), Courier(secrets=("a", "b"))])
Stripe(secrets=["a"], tolerance=timedelta(minutes=1), max_body=2**16, name="stripe-eu")
Square(secrets=["a"], base_url="https://shop.example")
HMACSignature(secrets=["a"], scheme=SignatureScheme(header="X-Mac", encoding="base64"), provider=Provider(name="shop"))
assert_type(GitHub(secrets=["a"]).sign(b"{}"), dict[str, str])
assert_type(Courier.scheme.header, str)


# --- bad


class Reads(BodyAuthenticator):
    @override
    def authenticate_body(self, request: HttpRequest) -> Principal | None:  # bad: a body authenticator without a body
        return None


class Answers(BodyAuthenticator):
    @override
    def authenticate_body(self, request: HttpRequest, body: bytes) -> bool:  # bad: a body authenticator that says yes
        return True


class Unfinished(BodyAuthenticator):
    pass


Unfinished()  # bad: a body authenticator without its method
GitHub()  # bad: a provider without secrets
GitHub(secrets="a")  # bad: one secret as text
GitHub(secrets=[b"a"])  # bad: a secret as bytes
GitHub(["a"])  # bad: secrets by position
GitHub(secret=["a"])  # bad: a misspelt option of a provider
GitHub(secrets=["a"], tolerance=300)  # bad: a tolerance in seconds
SignatureScheme()  # bad: a scheme without a header
SignatureScheme(header="X-Mac", algorithm="md5")  # bad: an unknown algorithm
SignatureScheme(header="X-Mac", encoding="hexadecimal")  # bad: an unknown encoding
SignatureScheme(header="X-Mac", time_format="days")  # bad: an unknown format of times
SignatureScheme(header="X-Mac").header = "X-Other"  # bad: a new header
Provider()  # bad: a provider without a name
Provider(name="shop", id="X-Id")  # bad: an unknown place
GitHub(secrets=["a"]).sign("{}")  # bad: a text to sign
