"""Signed requests: the published examples of providers, and what becomes of a request whose bits are changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from django.core.handlers.wsgi import WSGIRequest

from gcp_event_router import Principal, auth
from gcp_event_router.auth import HMACSignature
from gcp_event_router.auth.signatures import hmac_signature
from gcp_event_router.exceptions import AuthenticationError

HOST: Final = "https://shop.example"
#: When requests are signed whose provider signs no time.
NOON: Final = 1_700_000_000


@dataclass(frozen=True)
class Signed:
    """A signed request, and who verifies it."""

    provider: str
    secret: str
    body: bytes
    headers: Mapping[str, str]
    #: The path and the query, as they are sent.
    target: bytes = b"/events/k/r"
    base_url: str = HOST
    at: int = NOON

    def authenticator(self, **options: Any) -> HMACSignature:
        """The provider's authenticator with the secret, unless options say something else."""
        made: HMACSignature = getattr(auth, self.provider)(**{"secrets": [self.secret], "base_url": self.base_url, **options})
        return made

    def request(self) -> WSGIRequest:
        """The request, as a WSGI server passes it on."""
        path, _, query = self.target.partition(b"?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(self.body)),
            "wsgi.input": BytesIO(self.body),
        }
        for name, value in self.headers.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return WSGIRequest(environ)

    def signed_again(self, authenticator: HMACSignature) -> Signed:
        """The same body at the same time, with the headers that the authenticator itself makes."""
        ids = [self.headers[authenticator.scheme.id]] if authenticator.scheme.id else [""]
        at = datetime.fromtimestamp(self.at, UTC)
        return replace(self, headers=authenticator.sign(self.body, url=self.target.decode(), message_id=ids[0], at=at))

    def flipped(self) -> Iterator[Signed]:
        """The request once for each bit of its body, its headers and, if that is signed, its URL, with that bit flipped."""
        for body in _flipped(self.body):
            yield replace(self, body=body)
        for name, value in self.headers.items():
            for changed in _flipped(value.encode()):
                yield replace(self, headers={**self.headers, name: changed.decode("latin-1")})
        if self.authenticator().scheme.signs("url"):
            for target in _flipped(self.target):
                yield replace(self, target=target)


def _flipped(data: bytes) -> Iterator[bytes]:
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def _example(entry: dict[str, Any]) -> Signed:
    address: str = entry.get("url", f"{HOST}/events/k/r")
    url = urlsplit(address)
    target = url.path + (f"?{url.query}" if url.query else "")
    return Signed(
        entry["provider"],
        entry["secret"],
        entry["body"].encode(),
        entry["headers"],
        target.encode(),
        f"{url.scheme}://{url.netloc}",
        entry.get("at", NOON),
    )


EXAMPLES: Final = [_example(entry) for entry in json.loads((Path(__file__).parent.parent / "data/signatures.json").read_text())]

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[f"{example.provider}-{n}" for n, example in enumerate(EXAMPLES)])


def stop_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let signatures be verified at a time."""
    monkeypatch.setattr(hmac_signature, "time", lambda: seconds)


def verify(signed: Signed, authenticator: HMACSignature | None = None) -> Principal | None:
    """Ask the endpoint's chain of authenticators, of which there is one."""
    return auth.AuthenticatorChain([authenticator or signed.authenticator()]).authenticate(signed.request())


def refusal(signed: Signed, authenticator: HMACSignature | None = None) -> str | None:
    """Why a request is refused with 401; None if it is accepted. Raises what would be answered otherwise."""
    try:
        verify(signed, authenticator)
    except AuthenticationError as error:
        return error.reason
    return None
