"""Whatever a stranger writes into the headers and the URL of a signature: the answer is 401."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router.auth import HMACSignature, SignatureScheme, StandardWebhooks, Twilio

from ...conftest import Post
from ...support.signatures import EXAMPLES, Signed, each_example, refusal, stop_clock

FOREVER = timedelta(days=100 * 365)
TIMES = [
    "", " ", "0", "-1", "-1700000000", "+1700000000", "1.7e9", "1700000000.0", "1_700_000_000", "1e400", "-1e400", "nan", "inf",
    "Infinity", "1700000000000", "1700000000000000000000", "9" * 5000, "2023-11-14", "2023-11-14T22:13:20Z",
    "2023-11-14T22:13:20", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2023-13-14T22:13:20Z",
    "Tue, 14 Nov 2023 22:13:20 GMT", "PT5M", "\uff11\uff17" * 5, "\xb2\xb3", "1700000000, 1700000000", "1700000000\t",
    "0x6553f100", "None", "null", "true", "[]", "\x00",
]  # fmt: skip
SIGNATURES = [
    "", " ", ",", "=", ";", "v1", "v1,", "v1=", "v0=", "h1=", "sha256=", "t=", "t=,v1=", "\xff", "\x00", "ü" * 100, "v1a,",
    "v1a,=", "v1a,====", "v1a," + "A" * 88, "v1a,\xff", "v1," * 10_000, "v1=a," * 5000, "h1=a;" * 5000, "v1,a " * 5000,
    "a" * 1_000_000,
]  # fmt: skip


@each_example
@pytest.mark.parametrize("attack", ["time", "signature"])
def test_hostile_texts(example: Signed, attack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time or a signature that is absurd, huge, not ASCII or repeated is refused; an empty signature is none."""
    authenticator = example.authenticator()
    scheme = authenticator.scheme
    stop_clock(monkeypatch, example.at)
    for text in TIMES if attack == "time" else SIGNATURES:
        headers = dict(example.headers)
        if attack == "signature":
            headers[scheme.header] = text
        elif scheme.timestamp.endswith("="):
            headers[scheme.header] = headers[scheme.header].replace(str(example.at), text)
        elif scheme.signs("timestamp"):
            headers[scheme.timestamp] = text
        else:
            return
        if headers != example.headers:
            assert refusal(replace(example, headers=headers), authenticator) is not None, text[:50]


@each_example
def test_missing_headers(example: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one of the headers, the request is refused; and so it is with one of them twice, as servers join them."""
    authenticator = example.authenticator()
    stop_clock(monkeypatch, example.at)
    for name, value in example.headers.items():
        rest = {other: text for other, text in example.headers.items() if other != name}
        assert refusal(replace(example, headers=rest), authenticator) is not None, name
        if not authenticator.scheme.separator or name != authenticator.scheme.header:
            for joined in (f"{value},{value}", f"{value}, {value}", f"{value},x", f"x,{value}"):
                assert refusal(replace(example, headers={**rest, name: joined}), authenticator) is not None, name


@pytest.mark.parametrize("count", [16, 17])
def test_number_of_signatures(count: int) -> None:
    """Of 16 items in a header, one may be ours; a header with more is refused unread."""
    authenticator = HMACSignature(secrets=["the secret of this test"], scheme=SignatureScheme(header="X-Sig", separator=","))
    (signature,) = authenticator.sign(b"{}").values()
    signed = Signed("", "", b"{}", {"X-Sig": ",".join(["0" * 64] * (count - 1) + [signature])})
    assert refusal(signed, authenticator) == (None if count == 16 else "the header of the signature has too many parts")


def test_spelling_of_signatures() -> None:
    """Each signature has one spelling: other cases of hex, other padding and other unused bits of base64 are refused."""
    for example in EXAMPLES:
        authenticator = example.authenticator(tolerance=FOREVER)
        signed = example if example.secret.startswith("whpk_") else example.signed_again(authenticator)
        header = authenticator.scheme.header
        value = signed.headers[header]
        assert refusal(signed, authenticator) is None
        spellings = {value.swapcase(), value + "=", value + "A", value.rstrip("="), value[:-1], value + "\t", f'"{value}"'}
        spellings |= {value.replace("+", "-").replace("/", "_"), value.replace("Ag==", "Ah=="), value.replace("8=", "9=")}
        for spelling in spellings - {value}:
            assert refusal(replace(signed, headers={**signed.headers, header: spelling}), authenticator), spelling


@given(st.binary(max_size=200), st.text(max_size=60), st.text(max_size=40))
def test_any_form_of_twilio(body: bytes, query: str, signature: str) -> None:
    """Any body and any query that Twilio has not signed are refused."""
    target = f"/events/k/r?{query}".encode("utf-8", "replace")
    headers = {"X-Twilio-Signature": signature.encode("utf-8", "replace").decode("latin-1") or "x"}
    assert refusal(Signed("Twilio", "of the account of this test", body, headers, target)) is not None


FORM = b"From=%2B14155550100&Body=caf%C3%A9"
URL = "/events/sms/main"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (FORM, None),
        (b"Body=caf%C3%A9&From=%2B14155550100", None),
        (b"Body=caf%c3%a9&From=%2B14155550100", "the body is not a form, and the URL has no bodySHA256"),
        (FORM + b"&", "the body is not a form, and the URL has no bodySHA256"),
        (FORM + b"&From=%2B14155550100", None),
        (FORM + b"&From=", "no signature was made with one of our secrets"),
        (FORM + b"&x=%FF", "the body is not a form, and the URL has no bodySHA256"),
        (FORM + b"&x=\xff", "the body is not a form, and the URL has no bodySHA256"),
        (FORM + b"&x=%", "the body is not a form, and the URL has no bodySHA256"),
        (b"x=y&" * 2000 + FORM, "the body is not a form, and the URL has no bodySHA256"),
        (b'{"From": "+14155550100"}', "the body is not a form, and the URL has no bodySHA256"),
        # what Twilio's signature does not tell apart
        (b"Bod=ycaf%C3%A9&From=%2B14155550100", None),
    ],
)
def test_forms_of_twilio(body: bytes, reason: str | None) -> None:
    """The set of names and values is signed, joined as Twilio joins them; a form has one spelling of escapes."""
    twilio = Twilio(secrets=["of the account of this test"], base_url="https://shop.example")
    signed = Signed("Twilio", "", body, twilio.sign(FORM, url=URL), URL.encode())
    assert refusal(signed, twilio) == reason


def test_digest_of_twilio() -> None:
    """A body whose digest is in the signed URL has to have it, even if it is a form or empty."""
    twilio = Twilio(secrets=["of the account of this test"], base_url="https://shop.example")
    url = f"{URL}?bodySHA256={sha256(b'{}').hexdigest()}"
    signed = Signed("Twilio", "", b"{}", twilio.sign(b"{}", url=url), url.encode())
    assert refusal(signed, twilio) is None
    for body in (b"", b"{ }", b"a=b"):
        assert refusal(replace(signed, body=body), twilio) == "the body has another digest than the URL"
    assert refusal(replace(signed, target=URL.encode()), twilio) == "the body is not a form, and the URL has no bodySHA256"


@pytest.mark.parametrize("host", ["evil.example", "shop.example", "bad host", "\xff"])
def test_host(host: str) -> None:
    """The URL begins with BASE_URL: the request's Host, which its sender claims, changes nothing."""
    example = next(example for example in EXAMPLES if example.provider == "Square")
    assert refusal(replace(example, headers={**example.headers, "Host": host})) is None


@pytest.mark.parametrize("name", ["webhook-timestamp", "webhook-id", "webhook-signature"])
@pytest.mark.parametrize("value", ["\xff", "9" * 5000, "nan", ""])
def test_at_the_endpoint(post: Post, name: str, value: str) -> None:
    """Through WSGI and ASGI, the answer to such headers is 401."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = StandardWebhooks(secrets=[secret]).sign(b"{}", message_id="msg_1")
    entry = {"BACKEND": "gcp_event_router.auth.StandardWebhooks", "OPTIONS": {"secrets": [secret]}}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        assert post("/events/k/r", b"{}", **headers).status_code == 201
        assert post("/events/k/r", b"{}", **{**headers, name: value}).status_code == 401
