"""A secret that sender and site share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.auth import SharedToken
from gcp_event_router.auth.base import CurlHint
from gcp_event_router.signals import event_received

from ..conftest import Post

OLD, NEW = "the old one, of enough length", "the new one, of enough length"


def settings(**options: Any) -> Any:
    entry = {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"tokens": [OLD, NEW], **options}}
    return override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]})


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("X-Shop-Token", OLD, 201),
        ("X-Shop-Token", NEW, 201),
        ("x-shop-token", NEW, 201),
        ("X-Shop-Token", f"{OLD}, {NEW}", 401),
        ("X-Shop-Token", NEW[:-1], 401),
        ("X-Shop-Token", f"{NEW}x", 401),
        ("X-Shop-Token", NEW.upper(), 401),
        ("X-Shop-Token", "", 401),
        ("X-Shop-Token", "ü", 401),
        ("X-Other", NEW, 401),
    ],
)
def test_header(router: EventRouter, post: Post, header: str, value: str, status: int) -> None:
    """Whoever sends one of the tokens in the header is let in, and nobody else."""
    with settings(header="X-Shop-Token"):
        assert post("/events/k/r", **{header: value}).status_code == status


@pytest.mark.parametrize(
    ("value", "status"), [(f"Bearer {NEW}", 201), (f"bearer {NEW}", 201), (NEW, 401), (f"Basic {NEW}", 401), ("Bearer", 401)]
)
def test_authorization(router: EventRouter, post: Post, value: str, status: int) -> None:
    """In the header Authorization, the token follows the word Bearer."""
    with settings(header="Authorization"):
        assert post("/events/k/r", Authorization=value).status_code == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("token=the+new+one%2C+of+enough+length", 201),
        ("token=the+new+one%2C+of+enough+length&token=", 401),
        ("token=the+new+one%2C+of+enough+length&token=the+new+one%2C+of+enough+length", 401),
        ("token=", 401),
        ("token=%FF", 401),
        ("Token=the+new+one%2C+of+enough+length", 401),
        ("", 401),
        ("&".join("token=x" for _ in range(1001)), 401),
    ],
)
def test_parameter(router: EventRouter, post: Post, query: str, status: int) -> None:
    """Whoever sends one of the tokens once in the query is let in, and nobody else."""
    with settings(parameter="token"):
        assert post(f"/events/k/r?{query}").status_code == status


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("token=wrong", "the shared token is not one of ours"),
        (f"token={NEW}&token={NEW}", "the shared token occurs more than once"),
        ("&".join("token=x" for _ in range(1001)), "the URL has more parameters than DATA_UPLOAD_MAX_NUMBER_FIELDS"),
    ],
)
def test_the_log_says_why_a_token_is_refused(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], query: str, reason: str
) -> None:
    """Each way to refuse a token has a reason of its own."""
    with settings(parameter="token"):
        post(f"/events/k/r?{query}")

    assert [line.partition("AuthenticationError, ")[2] for line in lines()] == [reason]


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"header": "X-Shop-Token"}, {"header": "X-Shop-Token: $TOKEN"}),
        ({"header": "authorization"}, {"header": "authorization: Bearer $TOKEN"}),
        ({"parameter": "token"}, {"parameter": "token"}),
    ],
)
def test_hint_for_curl(options: dict[str, Any], hint: dict[str, Any]) -> None:
    """The catalogue shows where the token goes, and where it comes from."""
    text = "TOKEN is one of the tokens in the settings: TOKEN=…"

    assert SharedToken(tokens=[NEW], **options).curl_hint("https://shop.example") == CurlHint("with a shared token", text, **hint)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"header": "X-Shop-Token"}, {"in": "header", "name": "X-Shop-Token"}),
        ({"parameter": "token"}, {"in": "query", "name": "token"}),
    ],
)
def test_security_scheme(options: dict[str, Any], place: dict[str, str]) -> None:
    """The AsyncAPI document says where the token is."""
    described = {"type": "httpApiKey", **place, "description": "A secret that sender and site share."}

    assert SharedToken(tokens=[NEW], **options).security_scheme() == ("sharedToken", described)


def test_names_of_credentials() -> None:
    """What handlers must not see is the header or the parameter with the token, and nothing else."""
    header, parameter = SharedToken(tokens=[NEW], header="X-Shop-Token"), SharedToken(tokens=[NEW], parameter="token")

    assert (header.secret_headers, header.secret_parameters) == (("X-Shop-Token",), ())
    assert (parameter.secret_headers, parameter.secret_parameters) == ((), ("token",))


@pytest.mark.parametrize(("length", "warnings"), [(15, 1), (16, 0)])
def test_a_token_has_sixteen_characters(length: int, warnings: int) -> None:
    """`check --deploy` warns of tokens with fewer than 16 characters."""
    assert len(list(SharedToken(tokens=["x" * length], header="X-Shop-Token").check_deployment())) == warnings


def test_a_token_in_the_query_stays_at_the_door(router: EventRouter, post: Post, lines: Any) -> None:
    """Neither handlers nor plain receivers nor the log see the parameter that holds the token; a second one stays, too."""
    seen: list[object] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        seen.extend([event.parameters, event.principal])

    def receiver(event_parameters: dict[str, str]) -> None:
        seen.append(event_parameters)

    event_received.connect(receiver, weak=False)
    with settings(parameter="token"):
        post(f"/events/k/r?a=1&token={NEW}")
        post("/events/k/r?a=1&token=wrong-secret")

    assert sorted(map(str, seen)) == sorted(map(str, [{"a": "1"}, Principal("shared-token"), {"a": "1"}]))
    text = "\n".join(lines())
    assert (NEW in text, "wrong-secret" in text, "AuthenticationError, the shared token is not one of ours" in text) == (
        False,
        False,
        True,
    )


def test_a_token_in_a_header_stays_at_the_door(router: EventRouter, post: Post) -> None:
    """The header that holds the token is no attribute of an unwrapped push."""
    seen: list[Mapping[str, str]] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        seen.append(event.envelope.attributes)

    with settings(header="X-Shop-Token"):
        post("/events/k/r", **{"X-Shop-Token": NEW, "X-Other": "a", "x-goog-pubsub-message-id": "17"})

    assert seen == [{"x-other": "a"}]


def test_a_parameter_of_the_name_is_the_users_where_it_is_no_credential(router: EventRouter, post: Post) -> None:
    """Only an authenticator that is in force takes its parameter away."""
    seen: list[dict[str, str]] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        seen.append(event.parameters)

    post("/events/k/r?token=a&signature=b")

    assert seen == [{"token": "a", "signature": "b"}]


LIST = 'Write "tokens": [os.environ["SHOP_TOKEN"]].'
HEADER = 'Write "header": "X-Shop-Token".'
PRINTABLE = (
    "which is not a string of printable ASCII without spaces around it. "
    "Is an environment variable empty, or does a file end in a newline?"
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            (
                {"tokens": [NEW], "header": header, "parameter": parameter},
                f"needs the name of either a header or a parameter, not header={header!r} and parameter={parameter!r}. {HEADER}",
            )
            for header, parameter in [(None, None), ("a", "b"), ("", None), ("X_A", None), ("X-A:", None), (None, "")]
        ),
        ({"header": "a"}, f"needs a list of at least one token, and tokens is empty. {LIST}"),
        ({"tokens": [], "header": "a"}, f"needs a list of at least one token, and tokens is empty. {LIST}"),
        ({"tokens": NEW, "header": "a"}, f"needs a list of at least one token, and tokens is of type str. {LIST}"),
        ({"tokens": [NEW, None], "header": "a"}, f"cannot use tokens[1], {PRINTABLE}"),
        ({"tokens": [""], "header": "a"}, f"cannot use tokens[0], {PRINTABLE}"),
        ({"tokens": [f"{NEW}\n"], "header": "a"}, f"cannot use tokens[0], {PRINTABLE}"),
        ({"tokens": ["ü" * 20], "header": "a"}, f"cannot use tokens[0], {PRINTABLE}"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    """Creating the authenticator fails with a message that quotes no token."""
    with pytest.raises(ImproperlyConfigured) as caught:
        SharedToken(**options)

    assert str(caught.value) == f"SharedToken {message}"
