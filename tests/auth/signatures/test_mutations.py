"""A signed request in which one bit is changed: nobody who changes anything that is signed is let in, and nothing fails."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from random import Random
from typing import Final
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import override_settings

from ...conftest import Post
from ...support.signatures import EXAMPLES, Signed, refusal, stop_clock

#: Long enough that there are 10,000 bits to flip.
_LENGTH: Final = 1250


def _long(example: Signed) -> Signed:
    """A longer request of the same provider, with what differs when it is decoded: escapes, several bytes, repeated names."""
    random = Random(example.provider)
    texts = ["".join(random.choices("aA0 +%&=~é/☃\x00,.;:", k=8)) for _ in range(60)]
    body = json.dumps({"webhookTimestamp": example.at * 1000, "texts": texts}, ensure_ascii=False).encode().ljust(_LENGTH)
    if _has_digest(example):
        example = replace(example, target=b"/events/k/r?bodySHA256=" + sha256(body).hexdigest().encode())
    elif example.provider == "Twilio":
        body = urlencode([(f"Name{number % 50}", text) for number, text in enumerate(texts)]).encode()
    signed = replace(example, body=body)
    if not _is_public(example):
        return signed.signed_again(example.authenticator())
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    message = f"{example.headers['webhook-id']}.{example.at}.".encode() + body
    headers = {**example.headers, "webhook-signature": f"v1a,{b64encode(key.sign(message)).decode()}"}
    return replace(signed, secret=f"whpk_{b64encode(key.public_key().public_bytes_raw()).decode()}", headers=headers)


def _has_digest(example: Signed) -> bool:
    return b"bodySHA256" in example.target


def _is_public(example: Signed) -> bool:
    return example.secret.startswith("whpk_")


#: One request for each way to sign.
WAYS: Final = {
    f"{example.provider}{'-ed25519' * _is_public(example)}{'-digest' * _has_digest(example)}": _long(example)
    for example in EXAMPLES
}
each_way = pytest.mark.parametrize("signed", WAYS.values(), ids=WAYS)


def _verdicts(signed: Signed, mutations: Iterable[Signed]) -> Counter[str | None]:
    authenticator = signed.authenticator()
    return Counter(refusal(mutation, authenticator) for mutation in mutations)


@pytest.mark.proof
@each_way
def test_some_flipped_bits(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is accepted as it is, and refused with 401 if one of its bits is flipped."""
    stop_clock(monkeypatch, signed.at)
    assert refusal(signed) is None
    assert None not in _verdicts(signed, islice(signed.flipped(), 0, None, 97))


@pytest.mark.proof
@each_way
def test_every_flipped_bit(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is so for each of more than 10,000 bits."""
    stop_clock(monkeypatch, signed.at)
    verdicts = _verdicts(signed, signed.flipped())
    assert None not in verdicts
    assert verdicts.total() >= 10_000


def test_flipped_bits_at_the_endpoint(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint answers 401 to them."""
    signed = WAYS["StandardWebhooks"]
    stop_clock(monkeypatch, signed.at)
    entry = {"BACKEND": "gcp_event_router.auth.StandardWebhooks", "OPTIONS": {"secrets": [signed.secret]}}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        answers = Counter(
            (response.status_code, response.content)
            for changed in islice(signed.flipped(), 0, None, 499)
            for response in [post("/events/k/r", changed.body, **changed.headers)]
        )
        assert post("/events/k/r", signed.body, **signed.headers).status_code == 201
    assert set(answers) == {(401, b'{"error": "Unauthorized"}')}
