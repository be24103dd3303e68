"""The commands that send an event: read by a real shell, they say what they should; and none holds a secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client, override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router._contract.channels import channels
from gcp_event_router.auth import OIDC, Authenticator, CurlHint, GitHub, HMACSignature, SharedToken, SignedURL, Stripe
from gcp_event_router.catalogue.channel_page import details_of
from gcp_event_router.catalogue.security import Security
from gcp_event_router.catalogue.snippets import Sending
from gcp_event_router.utils import get_event_url

BASE = "https://shop.example"
SECRET = "a secret that nobody may see"
HOSTILE = "a'b\"c$(touch x)`id`\\ !#&;|<>*?[x]{1,2}~é\t@/etc/passwd"
#: Programs that print their words, each with a NUL behind it, instead of doing anything.
STUBS = """
words() { printf '%s\\0' "$@"; }
curl() { words "$@"; }
gcloud() { if [ "$1" = auth ]; then printf 'TOKEN<%s>' "$*"; else words "$@"; fi; }
python() { if [ "$2" = shell ]; then "$PYTHON" -c 'import sys, ast; ast.parse(sys.argv[1]); print(sys.argv[1])' "$6"
    else words "$@"; fi; }
TOKEN='the token'
"""


class Own:
    """An authenticator of a project's own."""

    def authenticate(self, request: HttpRequest) -> Principal | None:
        return None


class Hinting(Own):
    def curl_hint(self, url: str) -> CurlHint:
        return CurlHint("for partners", f"Ask them for TOKEN of {url}.", header="X-Partner: $TOKEN")


def sending(*guards: Authenticator, kind: str = "order-placed", data: bytes = b'{"a": 1}', **options: Any) -> Sending:
    security = Security(("/",), "guarded" if guards else "open", "", (), guards)
    chosen: dict[str, Any] = {
        "ce_type": None,
        "is_json": True,
        "base_url": BASE,
        "path": f"/events/{kind}/1",
        "security": security,
        **options,
    }
    return Sending(kind=kind, data=data, **chosen)


def read(command: str) -> list[str]:
    """The words of a command, as a shell reads it."""
    run = subprocess.run(
        ["bash", "-c", STUBS + command],
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert run.stderr == b""
    return run.stdout.decode().split("\0")[:-1]


def texts(found: Sending) -> dict[str, str]:
    return {line.title: line.text for line in found.lines()}


def headers(words: Sequence[str]) -> Mapping[str, str]:
    return dict(value.split(": ", 1) for option, value in pairwise(words) if option == "-H")


def test_open() -> None:
    """Without authenticators there is one curl, the gcloud line, and the command of this package."""
    assert texts(sending()) == {
        "curl": (
            "curl -i https://shop.example/events/order-placed/1 \\\n  -H 'Content-Type: application/json' \\\n"
            "  --data-raw '{\"a\": 1}'"
        ),
        "gcloud": "gcloud pubsub topics publish TOPIC \\\n  --message='{\"a\": 1}'",
        "manage.py": "python manage.py events send --data '{\"a\": 1}' order-placed",
    }


def test_each_way_in_has_a_curl() -> None:
    """Each authenticator has a command with its own credentials, of which the shell makes what the sender has; one of a project's
    own says that something is missing.
    """  # noqa: D205 -- one sentence
    guards = (
        OIDC(service_accounts=["b@p.iam.gserviceaccount.com", "a@p.iam.gserviceaccount.com"], audience=[BASE]),
        SharedToken(tokens=[SECRET.replace(" ", "-")], header="X-Shop-Token"),
        SharedToken(tokens=[SECRET.replace(" ", "-")], header="Authorization"),
        SharedToken(tokens=[SECRET.replace(" ", "-")], parameter="to&ken"),
        Own(),
    )
    lines = sending(*guards).lines()

    oidc, header, bearer, parameter, own = (read(each.text) for each in lines[:5])
    assert headers(oidc)["Authorization"] == (
        "Bearer TOKEN<auth print-identity-token --impersonate-service-account=a@p.iam.gserviceaccount.com --include-email "
        "--audiences=https://shop.example>"
    )
    assert headers(header)["X-Shop-Token"] == "the token"
    assert headers(bearer)["Authorization"] == "Bearer the token"
    assert parameter[1] == "https://shop.example/events/order-placed/1?to%26ken=the token"
    assert headers(own) == {"Content-Type": "application/json"}
    assert (lines[4].title, lines[4].hint) == ("curl, for Own", "Add what Own reads from a request.")
    assert SECRET.replace(" ", "-") not in str(lines)


def test_authenticator_that_gives_a_hint() -> None:
    """An authenticator of a project's own says what curl needs."""
    line = sending(Hinting()).lines()[0]

    assert (line.title, line.hint) == (
        "curl, for partners",
        "Ask them for TOKEN of https://shop.example/events/order-placed/1.",
    )
    assert headers(read(line.text))["X-Partner"] == "the token"


def test_audience_of_the_event() -> None:
    """Where a token is for the event's own URL, that is what it is asked for."""
    found = sending(OIDC(service_accounts=["a@p.iam.gserviceaccount.com"], audience="event-url"))

    assert f"--audiences={BASE}/events/order-placed/1>" in headers(read(found.lines()[0].text))["Authorization"]


def test_signed_url() -> None:
    """The command has the site sign the URL: what it runs makes one that is let in."""
    code = read(sending(SignedURL()).lines()[0].text)[1]

    printed: list[str] = []
    exec(code, {"print": printed.append})
    path = printed[0].removeprefix(BASE)
    assert path.startswith("/events/order-placed/1?signature=")
    request = HttpRequest()
    request.path_info, _, request.META["QUERY_STRING"] = path.partition("?")
    assert SignedURL().authenticate(request) == Principal("signed-url")


@pytest.mark.proof
@settings(max_examples=20)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(HOSTILE), max_size=30))
def test_nothing_is_run_or_lost(text: str) -> None:
    """Whatever a kind, a type and a payload hold, a shell hands it on as it is, and runs nothing of it."""
    data = json.dumps({"a": text}, ensure_ascii=False).encode()
    kind = text.replace("/", "") or "k"
    path = get_event_url(kind, 1, base_url="") if kind.isprintable() else "/events/k/1"
    found = sending(
        SharedToken(tokens=["t" * 16], header="X-T"), SignedURL(), kind=kind, data=data, path=path, ce_type=f"t{text}"
    )
    shared, signed, gcloud, own = (read(each.text) for each in found.lines())

    assert shared[:2] == ["-i", BASE + path]
    assert shared[-2:] == signed[-2:] == ["--data-raw", data.decode()]
    assert headers(shared)["ce-type"] == f"t{text}"
    assert json.dumps(kind, ensure_ascii=False) in signed[1]
    assert gcloud[:5] == ["pubsub", "topics", "publish", "TOPIC", f"--message={data.decode()}"]
    assert f"ce-type=t{text}" in gcloud[5]
    assert own[-1] == kind
    assert own[own.index("--data") + 1] == data.decode()


def test_hostile_text() -> None:
    """The same, of what shells read in their own way."""
    test_nothing_is_run_or_lost.hypothesis.inner_test(HOSTILE)  # pyright: ignore[reportFunctionMemberAccess] -- hypothesis adds it


@pytest.mark.parametrize(
    ("ce_type", "expected"),
    [
        ("com.example", "ce-specversion=1.0,ce-id=ID,ce-source=//example.com/you,ce-type=com.example"),
        ("a,b", "^;^ce-specversion=1.0;ce-id=ID;ce-source=//example.com/you;ce-type=a,b"),
        ("a,;b", "^|^ce-specversion=1.0|ce-id=ID|ce-source=//example.com/you|ce-type=a,;b"),
    ],
)
def test_attributes(ce_type: str, expected: str) -> None:
    """A CloudEvent in a message has its attributes, between delimiters that none of them holds."""
    found = read(sending(ce_type=ce_type).lines()[1].text)[-1]

    assert re.sub(r"\d+-\d+-\d+", "ID", found) == f"--attribute={expected}"


def test_attributes_that_no_header_carries() -> None:
    """The curl command leaves out attributes that cannot be headers, or that proxies or credentials use; others send them."""
    for name in ("a b", "x-shop", "api-token", "héé"):
        lines = sending(attributes={name: "1"}).lines()
        assert [line.title for line in lines] == ["gcloud", "manage.py"]
        assert [read(line.text)[-1] for line in lines[:1]] == [f"--attribute={name}=1"]
    assert "ce-subject=x" in read(sending(ce_type="a", attributes={"subject": "x", "eventType": "y"}).lines()[1].text)[-1]


def test_id_of_each_event() -> None:
    """A command that is run again sends another event: https://github.com/cloudevents/spec, `id`, tells duplicates by it."""
    command = sending(ce_type="com.example").lines()[0].text

    first, second = (headers(read(command))["ce-id"] for _ in range(2))
    assert re.fullmatch(r"\d+-\d+-\d+", first)
    assert first != second


def test_query() -> None:
    """What has to be in the query of the URL is in each command that has a URL."""
    query = {"shop": ["a b"], "tag": ["x", "y&z"]}
    guards = (SharedToken(tokens=["t" * 16], parameter="token"), SignedURL())
    shared, signed, _, own = (read(each.text) for each in sending(*guards, query=query).lines())

    assert shared[1] == f"{BASE}/events/order-placed/1?shop=a+b&tag=x&tag=y%26z&token=the token"
    printed: list[str] = []
    exec(signed[1], {"print": printed.append})
    assert printed[0].startswith(f"{BASE}/events/order-placed/1?shop=a+b&tag=x&tag=y%26z&signature=")
    assert [value for option, value in pairwise(own) if option == "--parameter"] == ["shop=a b", "tag=x", "tag=y&z"]


def test_no_example() -> None:
    """What there is no example of is a variable of the shell, or a word in capitals."""
    guards = (SharedToken(tokens=["t" * 16], parameter="token"), SharedToken(tokens=["t" * 16], header="X-T"))
    lines = Sending("k", None, None, True, BASE, "/events/k/1", sending(*guards).security, None).lines()
    parameter, header, gcloud, own = (read(f"PAYLOAD='a b' QUERY='c=d'\n{each.text}") for each in lines)

    assert parameter[1] == f"{BASE}/events/k/1?c=d&token=the token"
    assert header[1] == f"{BASE}/events/k/1?c=d"
    assert header[-1] == "a b"
    assert gcloud[-1] == "--message=a b"
    assert own == ["manage.py", "events", "send", "--parameter", "NAME=VALUE", "--data", "a b", "k"]
    assert lines[2].hint == (
        "TOPIC has a subscription that pushes to https://shop.example/events/k/1. "
        "Set PAYLOAD yourself: there is no example. Set QUERY yourself: there is no example."
    )


def test_other_payloads() -> None:
    """Bytes say that they are; a message without data has an attribute, since it has to have one of both."""
    octets = sending(data=b"something", is_json=False, ce_type="t")
    assert headers(read(octets.lines()[0].text))["Content-Type"] == "application/octet-stream"
    assert read(octets.lines()[1].text)[-1].endswith(",content-type=application/octet-stream")
    assert read(sending(data=b"").lines()[1].text) == ["pubsub", "topics", "publish", "TOPIC", "--attribute=sent-by=gcloud"]


def test_kind_like_an_option() -> None:
    """A kind that begins as options do is none."""
    assert read(sending(kind="--help").lines()[2].text)[-2:] == ["--", "--help"]


def test_no_endpoint_and_closed() -> None:
    """Without an endpoint there is no curl; where nobody gets in, that is said."""
    closed = Security((), "closed", "", (), ())

    assert [each.title for each in sending(path="").lines()] == ["gcloud", "manage.py"]
    assert sending(security=closed).lines()[0].hint == "The endpoint rejects everybody now."


@pytest.mark.django_db
def test_curl_is_taken(router: EventRouter) -> None:
    """What curl would send is handled."""
    seen: list[object] = []

    def record(event: Event[dict[str, int]]) -> None:
        seen.append((event.kind, event.payload, event.envelope.type))

    router.on("order-placed")(record)
    router.on("refund", attributes={"eventType": "OBJECT_*", "bucket_id": "a"})(record)
    router.on("refund", attributes={"source": "//shop"})(record)
    pushed = sending(kind="refund", attributes={"eventType": "OBJECT_X", "bucket_id": "a"})
    event = sending(kind="refund", ce_type="com.example", attributes={"source": "//shop"})
    for each in (sending(), sending(ce_type="com.example"), pushed, event):
        words = read(each.lines()[0].text)
        given = {name: value for name, value in headers(words).items() if name != "Content-Type"}
        response = Client().post(words[1].removeprefix(BASE), words[-1], content_type="application/json", headers=given)
        assert response.status_code == 201

    assert seen == [(kind, {"a": 1}, ce_type) for kind in ("order-placed", "refund") for ce_type in (None, "com.example")]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["com.example/thing", "*/thing", "x" * 256])
@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]})
def test_kind_that_no_url_holds(router: EventRouter, kind: str) -> None:
    """It is sent as the type of a CloudEvent at `/events/`, which the site signs too (CloudEvents, spec.md, "type")."""
    seen: list[object] = []

    def record(event: Event[dict[str, int]]) -> None:
        seen.append((event.kind, event.payload))

    router.on(kind)(record)
    found = details_of(channels(router)[0], BASE)
    words = read(found.lines[0].text)
    printed: list[str] = []
    exec(words[1], {"print": printed.append})
    given = {name: value for name, value in headers(words).items() if name != "Content-Type"}
    response = Client().post(printed[0].removeprefix(BASE), words[-1], content_type="application/json", headers=given)

    sent = kind.replace("*", "example")
    assert (response.status_code, seen) == (201, [(sent, {"key": 1})])
    assert read(found.lines[-1].text)[-4:] == [sent, "--data", '{"key": 1}', sent]


def test_signature() -> None:
    """Where curl cannot sign, the command of this package does, as each provider that has the attributes; for a sender without a
    name, the header is left to the reader.
    """  # noqa: D205 -- one sentence
    github = GitHub(secrets=[SECRET.replace(" ", "-")])
    own = HMACSignature(secrets=[SECRET.replace(" ", "-")], scheme=GitHub.scheme)
    stripe = Stripe(secrets=[SECRET.replace(" ", "-")])
    first, second, third = sending(github, stripe, own, attributes={"event": "push", "action": "a"}).lines()[:3]

    assert third.title == "gcloud"
    assert read(first.text) == [
        *("manage.py", "events", "send", "--as", "github", "--attribute", "event=push", "--attribute", "action=a"),
        *("--data", '{"a": 1}', "order-placed"),
    ]
    assert (first.title, first.hint) == (
        "manage.py, signed for GitHub",
        "curl cannot sign a body. The command signs it with the first secret in the settings. Add --url to send it to a site.",
    )
    assert (second.title, second.hint) == (
        "curl, for HMACSignature",
        "curl cannot sign a body. Add the header X-Hub-Signature-256 with its signature.",
    )


class Failing(Own):
    def curl_hint(self, url: str) -> CurlHint:
        raise RuntimeError


def test_authenticator_whose_hint_fails() -> None:
    """A hint that fails leaves a command that says what to add."""
    assert texts(sending(Failing()))["curl, for Failing"].startswith("curl -i https://shop.example/events/order-placed/1 ")
