"""A Google of the tests' own: who signs tokens, a server that has the keys, and clocks that stand still."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.apps import apps
from django.core.checks import run_checks
from django.http import HttpResponse
from django.test import AsyncClient, override_settings
from jwt.algorithms import RSAAlgorithm

from gcp_event_router import Event, EventRouter
from gcp_event_router.auth.keys import key_set
from gcp_event_router.signals import event_received

from ..checks.test_checks import told
from ..conftest import Post, post_wsgi
from .key_server import PATIENCE, KeyServer, with_keys

NOW = 1_800_000_000
HOUR = 3600
AUDIENCE = "https://shop.example"
ACCOUNT = "sender@my-project.iam.gserviceaccount.com"
#: The name of the thread that fetches keys.
FETCHER = "gcp_event_router.keys"


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """The same key for the same name, since a key takes a while to make."""
    return rsa.generate_private_key(65537, 2048)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Issuer:
    """Signs tokens with an RSA key, which has an id.

    Args:
        kid: The id.
        key: The name of the key; that of another issuer's for one that has the same key.

    """

    def __init__(self, kid: str, key: str | None = None) -> None:
        self.kid = kid
        self.private = private_key(key or kid)

    def jwk(self) -> dict[str, Any]:
        """The public key, as Google publishes its own."""
        public = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {"kty": public["kty"], "n": public["n"], "e": public["e"], "kid": self.kid, "alg": "RS256", "use": "sig"}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What Google claims for a service account; a claim changed to None is left out."""
        claims: dict[str, Any] = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "azp": "106501184722563409817",
            "sub": "106501184722563409817",
            "email": ACCOUNT,
            "email_verified": True,
            "iat": NOW,
            "exp": NOW + HOUR,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, algorithm: str = "RS256", fields: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token with these claims, and these fields besides in its header, as PyJWT makes it."""
        return jwt.encode(self.claims(**changes), self.private, algorithm, headers={"kid": self.kid, **(fields or {})})

    def signed(self, payload: bytes, header: bytes | None = None) -> str:
        """A token with these bytes for its segments, which no library would make, properly signed."""
        if header is None:
            header = json.dumps({"alg": "RS256", "kid": self.kid, "typ": "JWT"}).encode()
        message = f"{b64(header)}.{b64(payload)}"
        return f"{message}.{b64(self.private.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Google:
    """Who signs, where the keys are, and what time it is."""

    server: KeyServer
    issuer: Issuer
    #: The time by which claims are judged.
    wall: Clock = field(default_factory=lambda: Clock(NOW))
    #: The time by which keys grow old.
    steady: Clock = field(default_factory=lambda: Clock(1000.0))

    def backend(self, **options: Any) -> dict[str, Any]:
        """An entry of AUTHENTICATION: OIDC with the tests' account, audience and key server, but for some options."""
        given = {"service_accounts": [ACCOUNT], "audience": AUDIENCE, "certs_url": self.server.url, **options}
        return {"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": given}


@contextmanager
def google(**options: Any) -> Generator[Google]:
    """Have OIDC guard the endpoint, with these options besides; its keys are on a server of the tests' own.

    However busy the machine is, nobody gives up waiting for keys, unless a test says so.
    """
    issuer = Issuer("first")
    with KeyServer(with_keys(issuer)) as server, pytest.MonkeyPatch.context() as patch:
        made = Google(server, issuer)
        patch.setattr("gcp_event_router.auth.oidc.time", made.wall)
        patch.setattr("gcp_event_router.auth.keys.monotonic", made.steady)
        patch.setattr("gcp_event_router.auth.keys.TIMEOUT", PATIENCE)
        key_set.cache_clear()
        with guarded(made.backend(**options)):
            yield made
        server.die()
        settled()
        key_set.cache_clear()


def guarded(*backends: dict[str, Any]) -> Any:
    """Settings with these entries in AUTHENTICATION."""
    return override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": list(backends)})


def checked(*, deploy: bool = False) -> list[tuple[type, str, str | None, str]]:
    """What our system checks say."""
    return told(run_checks([apps.get_app_config("gcp_event_router")], include_deployment_checks=deploy))


def fetchers() -> list[threading.Thread]:
    """The threads that are fetching keys."""
    return [each for each in threading.enumerate() if each.name == FETCHER]


def settled() -> None:
    """Wait until no keys are being fetched."""
    for each in fetchers():
        each.join(PATIENCE)
        assert not each.is_alive(), "keys are being fetched for too long"


def status(post: Post, token: str, path: str = "/events/k/r") -> int:
    """How a request with a token is answered."""
    return post(path, Authorization=f"Bearer {token}").status_code


def fresh(issuer: Issuer, count: int = 1) -> list[str]:
    """Good tokens that have not been sent before."""
    return [issuer.token(jti=uuid4().hex) for _ in range(count)]


def one(world: Google, post: Post) -> int:
    """How a good token is answered that nobody has sent before."""
    return status(post, fresh(world.issuer)[0])


async def asend(token: str, path: str = "/async/events/k/r") -> HttpResponse:
    """Send a request with a token to the async view, on the loop that runs."""
    headers = {"Authorization": f"Bearer {token}"}
    response = await AsyncClient().generic("POST", path, b"{}", "application/json", headers=headers)
    assert isinstance(response, HttpResponse)
    return response


def listening(router: EventRouter) -> list[str]:
    """Who is called with an event from now on: the receiver, the handler of the kind `k`."""
    names: list[str] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        names.append("handler")

    def receiver(event_kind: str) -> None:
        names.append("receiver")

    event_received.connect(receiver, weak=False)  # conftest.py disconnects it
    return names


def url_of(post: Post, path: str) -> str:
    """The URL of a path, at which one of the two doors is."""
    return f"https://shop.example{'' if post is post_wsgi else '/async'}{path}"
