"""What users' tests need: tokens as Google signs them."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from threading import current_thread, main_thread
from time import monotonic
from typing import Any

import jwt
import pytest
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.auth import keys
from gcp_event_router.testing import TokenSigner

from ..conftest import Post

SENDER: dict[str, Any] = {"email": "sender@my-project.iam.gserviceaccount.com", "audience": "https://shop.example"}
OPTIONS = {"service_accounts": [SENDER["email"]], "audience": SENDER["audience"]}
SETTINGS = {"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": OPTIONS}]}


@pytest.fixture(autouse=True)
def _verified(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings' OIDC is in force, and the network is out of reach."""

    def fetch(url: str, **_: object) -> Any:
        msg = f"{url} is asked for"
        raise OSError(msg)

    monkeypatch.setattr("urllib.request.OpenerDirector.open", fetch)
    with override_settings(GCP_EVENT_ROUTER=SETTINGS):
        yield
    keys.key_set.cache_clear()


def test_a_signed_token_is_accepted_for_what_it_claims(router: EventRouter, post: Post) -> None:
    """The settings of the project stay in force: the account, the audience and the time are judged as ever."""
    seen: list[Principal | None] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        seen.append(event.principal)

    changes: list[dict[str, Any]] = [
        {},
        {"email": "other@example.com"},
        {"audience": "https://other.example"},
        {"expires_in": timedelta(seconds=-11)},
        {"email_verified": None},
        {"iss": "https://issuer.example"},
    ]
    with TokenSigner() as signer:
        statuses = [post("/events/k/r", **signer.headers(**{**SENDER, **each})).status_code for each in changes]

    assert statuses == [201, 403, 401, 401, 403, 401]
    assert [(each.method, each.email) for each in seen if each] == [("oidc", SENDER["email"])]


def test_signer_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what to install."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)

    with pytest.raises(ImportError) as caught:
        TokenSigner()

    assert str(caught.value) == "TokenSigner needs cryptography, which is not installed. pip install 'gcp-event-router[oidc]'."


def test_only_in_its_block(router: EventRouter, post: Post) -> None:
    """Before and after the block the key is not Google's, also for a token that was accepted in it."""
    signer = TokenSigner()
    headers = signer.headers(**SENDER)
    statuses = [post("/events/k/r", **headers).status_code]
    with signer:
        statuses.append(post("/events/k/r", **headers).status_code)
    statuses.append(post("/events/k/r", **headers).status_code)

    assert statuses == [503, 201, 503]


def test_no_other_keys_count_in_its_block(router: EventRouter, post: Post) -> None:
    """A block also replaces the keys of a project that takes them from elsewhere, such as from the issuer of a laptop."""
    options = {**OPTIONS, "certs_url": "http://127.0.0.1:8099/certs"}
    backend = {"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": options}

    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [backend]}), TokenSigner() as signer:
        assert post("/events/k/r", **signer.headers(**SENDER)).status_code == 201


def test_a_frozen_clock(router: EventRouter, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Freezegun freezes `monotonic`, except for what `threading` calls (freezegun/config.py); a later time needs new keys."""
    frozen = [1e9]
    monkeypatch.setattr(keys, "monotonic", lambda: frozen[0] if current_thread() is main_thread() else monotonic())

    statuses: list[int] = []
    with TokenSigner() as signer:
        for frozen[0] in (1e9, 2e9, 1e9):
            statuses.append(post("/events/k/r", **signer.headers(**SENDER)).status_code)

    assert statuses == [201, 201, 201]


def test_nested_blocks(router: EventRouter, post: Post) -> None:
    """The inner signer's key takes the place of the outer one's, until its block ends."""
    with TokenSigner() as outer:
        with TokenSigner() as inner:
            statuses = [post("/events/k/r", **each.headers(**SENDER)).status_code for each in (outer, inner)]
        statuses += [post("/events/k/r", **each.headers(**SENDER)).status_code for each in (outer, inner)]

    assert statuses == [401, 201, 201, 401]


def test_what_a_token_claims() -> None:
    """A token claims what Google's do; a claim can be given or left out by name."""
    signer = TokenSigner()
    token = signer.token(**SENDER, iat=1, exp=2, sub=None, extra={"a": 1})

    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": signer.kid, "typ": "JWT"}
    assert jwt.decode(token, options={"verify_signature": False}) == {
        "iss": "https://accounts.google.com",
        "aud": "https://shop.example",
        "azp": "113774264463038321964",
        "email": "sender@my-project.iam.gserviceaccount.com",
        "email_verified": True,
        "iat": 1,
        "exp": 2,
        "extra": {"a": 1},
    }


def test_its_document_verifies_its_tokens() -> None:
    """The key set document is one that other libraries read, and holds nothing private."""
    signer = TokenSigner()
    document = json.loads(signer.jwks())
    key = jwt.PyJWKSet.from_dict(document)[signer.kid]

    assert jwt.decode(signer.token(**SENDER), key, algorithms=["RS256"], audience="https://shop.example")["exp"]
    assert [sorted(each) for each in document["keys"]] == [["alg", "e", "key_ops", "kid", "kty", "n", "use"]]
