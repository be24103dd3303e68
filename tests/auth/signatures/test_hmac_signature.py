"""`auth.HMACSignature`: its options, the mistakes that it refuses, and what it keeps to itself."""

from __future__ import annotations

import hashlib
import hmac
import json
import pprint
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, cast

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.urls import clear_script_prefix, set_script_prefix
from django.views.debug import ExceptionReporter
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.auth import (
    AuthenticatorChain,
    GitHub,
    HMACSignature,
    Linear,
    Provider,
    SignatureScheme,
    Square,
    StandardWebhooks,
    Svix,
)
from gcp_event_router.auth.signatures.guessable import is_guessable
from gcp_event_router.envelopes import Handshake
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.signals import event_received
from gcp_event_router.utils import get_event_url

from ...conftest import Post
from ...support.signatures import HOST, NOON, Signed, refusal, stop_clock, verify

SECRET = "0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d0"
OTHER = "9b1e7d7a5f0c4f0c8a3d2b1e0f9c8d7e"
SCHEME = SignatureScheme(header="X-Sig")
UNUSABLE = (
    "GitHub cannot use secrets[1], which is empty, has spaces around it, or is not a printable string. "
    "Is an environment variable empty, or does a file end in a newline?"
)
NO_BASE64 = "StandardWebhooks cannot use secrets[0], which is not whsec_ or whpk_ and base64. Copy it from the sender as it is."


def hmac_signature(**options: Any) -> HMACSignature:
    given: dict[str, Any] = {"secrets": [SECRET], "scheme": SCHEME, **options}
    return HMACSignature(**given)


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: GitHub(secrets=cast("Any", SECRET)),
        'GitHub needs a list of secrets, not secrets of type str. Write "secrets": [os.environ["WEBHOOK_SECRET"]].',
    ),
    (
        lambda: GitHub(secrets=[]),
        'GitHub needs at least one secret, and secrets is empty. Write "secrets": [os.environ["WEBHOOK_SECRET"]].',
    ),
    (lambda: GitHub(secrets=[SECRET, f"{SECRET}\n"]), UNUSABLE),
    (lambda: GitHub(secrets=[SECRET, ""]), UNUSABLE),
    (lambda: GitHub(secrets=[SECRET, "\udcff"]), UNUSABLE),
    (lambda: GitHub(secrets=cast("Any", [SECRET, SECRET.encode()])), UNUSABLE),
    (
        lambda: HMACSignature(secrets=[SECRET]),
        'HMACSignature does not know how the sender signs. Write "scheme": SignatureScheme(header="X-Signature").',
    ),
    (
        lambda: hmac_signature(provider="courier"),
        "HMACSignature cannot use provider='courier', which is not a Provider. Write provider=Provider(name=\"courier\").",
    ),
    (
        lambda: type("Courier", (HMACSignature,), {"provider": "courier", "scheme": SCHEME})(secrets=[SECRET]),
        "Courier cannot use provider='courier', which is not a Provider. Write provider=Provider(name=\"courier\").",
    ),
    (lambda: Provider(name=""), "A Provider has name='', which is not a name. Write one such as \"github\"."),
    (
        lambda: Provider(name="courier", delivery_id="X Courier Id"),
        "The Provider 'courier' has delivery_id='X Courier Id', which is not a place. Write the name of a header, or a JSON "
        'pointer such as "/type".',
    ),
    (
        lambda: Provider(name="courier", attributes={"depot": cast("Any", 5)}),
        "The Provider 'courier' has attributes['depot']=5, which is not a place. Write the name of a header, or a JSON "
        'pointer such as "/type".',
    ),
    (
        lambda: Provider(name="courier", attributes=cast("Any", ["X-Courier-Depot"])),
        "The Provider 'courier' has attributes=['X-Courier-Depot'], which is not a dict. Write one from names to places.",
    ),
    (
        lambda: Provider(name="courier", handshakes=cast("Any", Handshake("/type", "ping"))),
        "The Provider 'courier' has handshakes of type Handshake, which is not a tuple of Handshake objects. "
        "Write handshakes=(Handshake(...),).",
    ),
    (
        lambda: hmac_signature(tolerance=300),
        "HMACSignature cannot use tolerance=300, which is not a positive timedelta. "
        'Write "tolerance": timedelta(minutes=5), or leave it out.',
    ),
    (
        lambda: hmac_signature(tolerance=-timedelta(1)),
        "HMACSignature cannot use tolerance=datetime.timedelta(days=-1), which is not a positive timedelta. "
        'Write "tolerance": timedelta(minutes=5), or leave it out.',
    ),
    (
        lambda: hmac_signature(max_body=0),
        "HMACSignature cannot use max_body=0, which is not a positive number of bytes. Leave it out.",
    ),
    (
        lambda: hmac_signature(max_body=True),
        "HMACSignature cannot use max_body=True, which is not a positive number of bytes. Leave it out.",
    ),
    (
        lambda: hmac_signature(name="shop"),
        "HMACSignature cannot use name='shop', since it has no provider to name. Give provider=Provider(name='shop').",
    ),
    (
        lambda: StandardWebhooks(secrets=["whsk_" + "A" * 86]),
        "StandardWebhooks cannot use secrets[0], which is the sender's private key. "
        "Give the public key, which begins with whpk_, and change the key pair.",
    ),
    (lambda: StandardWebhooks(secrets=["whpk_AAAA"]), NO_BASE64),
    (lambda: StandardWebhooks(secrets=["whpk_"]), NO_BASE64),
    (lambda: StandardWebhooks(secrets=["whsec_"]), NO_BASE64),
    (lambda: StandardWebhooks(secrets=["whsec_%%%%"]), NO_BASE64),
    (lambda: StandardWebhooks(secrets=["whsec_é"]), NO_BASE64),
    (
        lambda: StandardWebhooks(secrets=[f"whpk_{'A' * 43}"]).sign(b"{}"),
        "A public key cannot sign. Sign with a secret that sender and site share, such as one that begins with whsec_.",
    ),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_mistakes(make: Callable[[], object], message: str) -> None:
    """Each mistake has a message of its own, without the secret."""
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"header": "X Sig"}, "header='X Sig', which is not the name of a header. Write one such as X-Hub-Signature-256"),
        ({"id": "X Id"}, "id='X Id', which is not the name of a header. Write one such as X-Hub-Signature-256"),
        ({"header": 5}, "header=5, which is not a string. Write one, or leave it out"),
        ({"algorithm": "md5"}, "algorithm='md5', which is unknown. Write one of sha256, sha512, sha1"),
        ({"encoding": "hexa"}, "encoding='hexa', which is unknown. Write one of hex, base64"),
        ({"time_format": "days"}, "time_format='days', which is unknown. Write one of seconds, milliseconds, iso8601"),
        ({"signed": "{Body}"}, "the unknown field {Body}. Write one of {body}, {timestamp}, {id} and {url}"),
        ({"signed": "{url}"}, "no field {body}, so anybody could change the body. Add it"),
        ({"signed": "body"}, "no field {body}, so anybody could change the body. Add it"),
        ({"signed": "{body}{body}"}, "a field that occurs twice. Write each once"),
        ({"signed": "{body}."}, "the text '.' after its last field, which no provider is known to sign. Leave it out"),
        (
            {"signed": "{id}{body}", "id": "X-Id"},
            "two fields without a text between them, so part of an id could pass as part of the next field. Separate them",
        ),
        ({"signed": "{id}.{body}"}, 'the field {id}, but no place for it. Give id="X-Name-Of-The-Header"'),
        ({"id": "X-Id"}, "id='X-Id', but does not sign it. Add {id} to signed"),
        ({"signed": "{timestamp}.{body}"}, 'the field {timestamp}, but no place for it. Give timestamp="X-Name-Of-The-Header"'),
        (
            {"signed": "{timestamp}.{body}", "timestamp": "/at"},
            'the field {timestamp}, but no place for it. Give timestamp="X-Name-Of-The-Header"',
        ),
        ({"timestamp": "X-At"}, "timestamp='X-At', but does not sign it. Add {timestamp} to signed"),
        (
            {"timestamp": "X At"},
            "timestamp='X At', which is not a place. Write the name of a header, a field such as t=, or a JSON pointer",
        ),
        (
            {"signed": "{timestamp}.{body}", "timestamp": "t="},
            "timestamp='t=', but nothing separates it from signatures. Give separator=\",\"",
        ),
    ],
)
def test_mistakes_in_a_scheme(options: dict[str, Any], problem: str) -> None:
    """A scheme that would protect less than it seems is refused where it is written."""
    make: Any = SignatureScheme
    with pytest.raises(ConfigurationError) as raised:
        make(**{"header": "X-Sig", **options})
    assert str(raised.value) == f"A SignatureScheme with signed={options.get('signed', '{body}')!r} has {problem}."


def test_base_url_is_required() -> None:
    """Nobody can verify a signature over the URL without knowing how the site's URLs begin."""
    with override_settings(BASE_URL=""), pytest.raises(ConfigurationError) as raised:
        Square(secrets=[SECRET])
    assert str(raised.value) == (
        "Square verifies a signature over the URL, and needs BASE_URL, which is not set. "
        'Write BASE_URL = "https://your-server.example" in your settings.'
    )


def test_base_url_of_the_settings() -> None:
    """Without an option, the URL begins with BASE_URL, as it is when a request comes."""
    signed = Signed("Square", "", b"{}", Square(secrets=[SECRET], base_url=HOST).sign(b"{}", url="/events/k/r"))
    with override_settings(BASE_URL=f"{HOST}/"):
        square = Square(secrets=[SECRET])
        assert refusal(signed, square) is None
        assert square.sign(b"{}", url="/events/k/r") == signed.headers
    with override_settings(BASE_URL="https://other.example"):
        assert refusal(signed, square) == "no signature was made with one of our secrets"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_algorithms(algorithm: Any, encoding: Any) -> None:
    """Each algorithm and each encoding is the one of Python's own hmac."""
    scheme = SignatureScheme(header="X-Sig", signed="v1:{body}", algorithm=algorithm, encoding=encoding, prefix="v1=")
    digest = hmac.new(SECRET.encode(), b"v1:{}", getattr(hashlib, algorithm))
    text = digest.hexdigest() if encoding == "hex" else b64encode(digest.digest()).decode()
    authenticator = hmac_signature(scheme=scheme)
    assert authenticator.sign(b"{}") == {"X-Sig": f"v1={text}"}
    assert verify(Signed("", "", b"{}", {"X-Sig": f"v1={text}"}), authenticator) == Principal("hmac")
    assert refusal(Signed("", "", b"{}", {"X-Sig": text}), authenticator) == "no signature was made with one of our secrets"


def test_rotation() -> None:
    """While one secret replaces another, signatures of both are accepted, alone or in one header; then, the old one is not."""
    scheme = SignatureScheme(header="X-Sig", prefix="v1=", separator=",")
    old, new, third = (hmac_signature(secrets=[secret], scheme=scheme) for secret in (SECRET, OTHER, "another one of the kind"))
    signatures = [authenticator.sign(b"{}")["X-Sig"] for authenticator in (old, new, third)]
    both = hmac_signature(secrets=[OTHER, SECRET], scheme=scheme)
    headers = [*signatures, f"{signatures[0]},{signatures[1]}", f"{signatures[2]}, {signatures[0]}", f"v0=x,{signatures[1]},"]
    refused = "no signature was made with one of our secrets"
    verdicts = {
        name: [refusal(Signed("", "", b"{}", {"X-Sig": header}), authenticator) for header in headers]
        for name, authenticator in (("both", both), ("new", new))
    }
    assert verdicts == {
        "both": [None, None, refused, None, None, None],
        "new": [refused, None, refused, None, refused, None],
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'{{"webhookTimestamp": {NOON}000}}', None),
        (f'{{"webhookTimestamp": "{NOON}000"}}', None),
        (f'{{"webhookTimestamp": {NOON}}}', "the signature's time is too far from ours"),
        ("{}", "the signature has no time that can be read"),
        ("not JSON", "the signature has no time that can be read"),
        ('{"webhookTimestamp": 1e400}', "the signature has no time that can be read"),
        (f'{{"webhookTimestamp": {NOON}000.5}}', "the signature has no time that can be read"),
        ('{"webhookTimestamp": null}', "the signature has no time that can be read"),
        ('{"webhookTimestamp": -1}', "the signature has no time that can be read"),
        (f'{{"webhookTimestamp": {"9" * 5000}}}', "the signature has no time that can be read"),
        ("[" * 100_000, "the signature has no time that can be read"),
    ],
)
def test_time_in_the_body(text: str, reason: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that the signed body itself has is required, and compared once the signature is verified."""
    stop_clock(monkeypatch, NOON)
    linear = Linear(secrets=[SECRET])
    signed = Signed("Linear", "", text.encode(), linear.sign(text.encode()))
    assert refusal(signed, linear) == reason
    assert refusal(replace(signed, body=signed.body + b" "), linear) == "no signature was made with one of our secrets"


class Broken(HMACSignature):
    """Fails in the middle of its work, as a mistake of ours would."""

    scheme = SCHEME

    @override
    def _signed_body(self, body: bytes, url: str) -> bytes:
        raise RuntimeError


def variables(error: BaseException) -> list[str]:
    """What Django's page about an exception shows of the frames of this package."""
    frames = ExceptionReporter(None, type(error), error, error.__traceback__).get_traceback_frames()
    shown = [str(frame["vars"]) for frame in frames if "gcp_event_router/auth" in frame["filename"]]
    assert shown
    return shown


def test_secrets_stay_secret() -> None:
    """No secret is in an authenticator's attributes, its texts, a check, an error, or Django's page about an exception."""
    authenticator = Broken(secrets=[SECRET], provider=Provider(name="shop"))
    shown = [
        repr(authenticator),
        pprint.pformat(vars(authenticator)),
        *map(pprint.pformat, map(vars, vars(authenticator)["_keys"])),
    ]
    shown += [str(authenticator.security_scheme()), str([*authenticator.public_facts()]), str(authenticator.curl_hint(""))]
    shown += [str(message) for message in Broken(secrets=[SECRET[:8]]).check_deployment()]
    assert "is short or an example" in shown[-1]
    with pytest.raises(RuntimeError) as raised, override_settings(DEBUG=True):
        authenticator.authenticate_body(Signed("", "", b"{}", {"X-Sig": "x"}).request(), b"{}")
    shown += variables(raised.value)
    mistakes: list[Callable[[], object]] = [
        lambda: StandardWebhooks(secrets=[f"whsec_{SECRET}%"]),
        lambda: hmac_signature(secrets=[SECRET, ""]),
        lambda: hmac_signature(max_body=0),
    ]
    for make in mistakes:
        with pytest.raises(ConfigurationError) as refused:
            make()
        shown += [str(refused.value), *variables(refused.value)]  # DEBUG is off, so Django hides what is sensitive
    assert [text for text in shown if SECRET[:8] in text] == []


@given(st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=20))
def test_urls(label: str) -> None:
    """The URL that `get_event_url` returns is the one that is verified, whatever the kind and the reference are."""
    square = Square(secrets=[SECRET], base_url=HOST)
    for prefix in ("/", "/shop/"):
        set_script_prefix(prefix)
        try:
            target = get_event_url("order placed", f"a {label}", {"a b": ["é&", "~"]}, base_url="")
        finally:
            clear_script_prefix()
        signed = Signed("Square", "", b"{}", square.sign(b"{}", url=HOST + target), target.encode())
        assert square.sign(b"{}", url=target) == signed.headers
        assert refusal(signed, square) is None
        assert refusal(replace(signed, target=target.encode() + b"1"), square) == "no signature was made with one of our secrets"


def test_base_url(router: EventRouter, post: Post) -> None:
    """The beginning of the URL may differ from BASE_URL, and the path is the request's own: another one is refused."""
    router.listen(event_received)
    entry = {"BACKEND": "gcp_event_router.auth.Square", "OPTIONS": {"secrets": [SECRET], "base_url": "https://proxy.example/x/"}}
    prefix = "/async" if "asgi" in post.__name__ else ""
    headers = Square(secrets=[SECRET]).sign(b"{}", url=f"https://proxy.example/x{prefix}/events/k/r?a=1")
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        statuses = [post(f"/events/k/{rest}", b"{}", **headers).status_code for rest in ("r?a=1", "r?a=2", "r", "s?a=1")]
    assert statuses == [201, 401, 401, 401]


def test_name() -> None:
    """Senders who use one standard have names of their own, so the ids of one are not those of another."""
    own = StandardWebhooks(secrets=[f"whsec_{SECRET}"], name="openai")
    assert own.provider is not None
    assert StandardWebhooks.provider is not None
    assert (own.provider.name, own.provider.event, StandardWebhooks.provider.name) == ("openai", "/type", "standard-webhooks")
    assert verify(Signed("", "", b"{}", own.sign(b"{}", message_id="msg_1")), own) == Principal("openai")
    svix = Svix(secrets=[SECRET])
    assert refusal(Signed("", "", b"{}", own.sign(b"{}", message_id="msg_1")), svix) == (
        "it has no credentials that an authenticator reads"
    )


def test_several_senders() -> None:
    """Of several senders who use one header, the one whose secret it is counts."""
    senders = [
        StandardWebhooks(secrets=[f"whsec_{secret}"], name=name) for secret, name in ((SECRET, "openai"), (OTHER, "supabase"))
    ]
    chain = AuthenticatorChain(senders)
    methods: list[str | None] = []
    for sender in senders:
        principal = chain.authenticate(Signed("", "", b"{}", sender.sign(b"{}", message_id="msg_1")).request())
        methods.append(principal.method if principal else None)
    assert methods == ["openai", "supabase"]


def test_unsigned() -> None:
    """A request without the header is left to other authenticators."""
    request = Signed("", "", b"{}", {}).request()
    assert (hmac_signature().is_signed(request), hmac_signature().authenticate_body(request, b"{}")) == (False, None)


def test_public_key_as_a_secret() -> None:
    """Who knows the public key, and signs with it as if it were a shared secret, is refused."""
    public = "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    forged = StandardWebhooks(secrets=[f"whsec_{public}"]).sign(b"{}", message_id="msg_1")
    authenticator = StandardWebhooks(secrets=[f"whpk_{public}"])
    refused = "no signature was made with one of our secrets"
    for prefix in ("v1,", "v1a,"):
        headers = {**forged, "webhook-signature": forged["webhook-signature"].replace("v1,", prefix)}
        assert refusal(Signed("", "", b"{}", headers), authenticator) == refused


@given(st.floats(0, 2**35), st.sampled_from(["seconds", "milliseconds", "iso8601"]))
def test_times(seconds: float, time_format: Any) -> None:
    """A time that is written is read again, in each format."""
    scheme = SignatureScheme(header="X-Sig", time_format=time_format)
    precision = 0.001 if time_format == "milliseconds" else 1
    read = scheme.read_time(scheme.write_time(seconds))
    assert read is not None
    assert 0 <= seconds - read < precision + 1e-5


def test_without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only public keys need the package; the error says how to install it."""
    for name in list(sys.modules):
        if name.partition(".")[0] == "cryptography":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert StandardWebhooks(secrets=[f"whsec_{SECRET}"]).sign(b"{}", message_id="1")
    with pytest.raises(ConfigurationError) as raised:
        StandardWebhooks(secrets=[f"whpk_{'A' * 43}"])
    assert str(raised.value) == (
        "StandardWebhooks cannot use secrets[0], which is a public key, and needs cryptography, which is not installed. "
        "pip install 'gcp-event-router[webhooks]'."
    )


PLACEHOLDERS = [
    "secret", "changeme", "change-me", "ChangeMe", "CHANGE_ME_123", "your-webhook-secret", "<your secret here>", "whsec_...",
    "YOUR_SIGNING_SECRET", "xxxxxxxxxxxxxxxx", "whsec_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "todo", "TODO: insert the secret",
    "placeholder", "example-secret-1", "test_secret_123", "github_webhook_secret", "aaaaaaaaaaaaaaaaaaaaaaaa", "0000000000000000",
    "1212121212121212", "It's a Secret to Everybody",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "8f742231b10e8888abcd99yyyzzz85a5",
    "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
]  # fmt: skip


def test_placeholders() -> None:
    """Placeholders and published examples are recognised, and no secret that a provider or a generator makes is."""
    assert [secret for secret in PLACEHOLDERS if not is_guessable(secret)] == []
    chance = Random(1)  # always the same: one secret in a million is made of four characters

    def url_safe(size: int) -> str:
        return urlsafe_b64encode(chance.randbytes(size)).decode().rstrip("=")

    makers: list[Callable[[], str]] = [
        lambda: chance.randbytes(8).hex(),
        lambda: chance.randbytes(20).hex(),
        lambda: url_safe(16),
        lambda: f"whsec_{b64encode(chance.randbytes(24)).decode()}",
        lambda: f"whsec_{chance.randbytes(32).hex()}",
        lambda: f"shpss_{chance.randbytes(16).hex()}",
        lambda: f"pdl_ntfset_{chance.randbytes(13).hex()}_{url_safe(24)}",
        lambda: "correct horse battery staple " + chance.randbytes(2).hex(),
    ]
    assert [secret for make in makers for secret in (make() for _ in range(500)) if is_guessable(secret)] == []
    assert (is_guessable("zqvk" * 8), is_guessable("zqvkj" * 8)) == (True, False)  # four different characters, and five


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    """`check --deploy` warns of a secret that is shorter than those of the provider, by its place in the list."""
    entry = {"BACKEND": "gcp_event_router.auth.StandardWebhooks", "OPTIONS": {"secrets": [f"whsec_{SECRET}", "whsec_c2hvcnQ="]}}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        call_command("check", "--deploy")
    warning = "secrets[1] of StandardWebhooks is short or an example, so strangers can guess it and sign events."
    written = capsys.readouterr().err
    assert f"?: (gcp_event_router.W007) {warning}" in written
    assert "HINT: Copy the secret from the provider; it has at least 32 characters." in written
    assert "secrets[0]" not in written
    assert "c2hvcnQ" not in written


class Shop(HMACSignature):
    """A project's own provider, as docs/guides/authentication.md shows it."""

    scheme = SignatureScheme(header="X-Shop-Signature", signed="{timestamp}.{body}", prefix="v1=", timestamp="X-Shop-Time")
    provider = Provider(name="shop", delivery_id="X-Shop-Id", event="/type", attributes={"region": "X-Shop-Region"})


def test_own_provider(router: EventRouter, post: Post) -> None:
    """A project's own provider is data, too, in a subclass or in the settings."""
    router.listen(event_received)
    received: list[tuple[object, ...]] = []

    @router.on("k")
    def keep(event: Event[Any]) -> None:
        received.append((event.principal, event.envelope.message_id, dict(event.envelope.attributes)))

    options = {"secrets": [SECRET], "scheme": Shop.scheme, "provider": Shop.provider}
    entries: list[dict[str, Any]] = [
        {"BACKEND": f"{__name__}.Shop", "OPTIONS": {"secrets": [SECRET]}},
        {"BACKEND": "gcp_event_router.auth.HMACSignature", "OPTIONS": options},
    ]
    body = json.dumps({"type": "order.placed"}).encode()
    for entry in entries:
        with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
            headers = {**Shop(secrets=[SECRET]).sign(body), "X-Shop-Id": "7", "X-Shop-Region": "eu"}
            assert post("/events/k/r", body, **headers).status_code == 201
    assert received == [(Principal("shop"), "7", {"region": "eu", "event": "order.placed"})] * 2
