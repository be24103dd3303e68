"""OIDC cannot be half-configured: what its OPTIONS may be, and what is said of those that it cannot use."""

from __future__ import annotations

import re
from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from gcp_event_router import EventRouter
from gcp_event_router.auth import OIDC, load
from gcp_event_router.exceptions import ConfigurationError

from ..conftest import Post
from ..support.issuers import ACCOUNT, AUDIENCE, checked, guarded, listening

GIVEN: dict[str, Any] = {"service_accounts": [ACCOUNT], "audience": AUDIENCE}
WRONG: dict[str, list[Any]] = {
    "service_accounts": [
        [],
        (),
        None,
        "",
        ACCOUNT,
        {ACCOUNT},
        {ACCOUNT: 1},
        [None],
        [1],
        [ACCOUNT, 1],
        [ACCOUNT.encode()],
        [[ACCOUNT]],
        [""],
        [" "],
        ["sender"],
        [ACCOUNT, "sender"],
        [f"{ACCOUNT} "],
        [f"\n{ACCOUNT}"],
        [f"serviceAccount:{ACCOUNT}"],
        [ACCOUNT, f"user:{ACCOUNT}"],
        ["allUsers"],
        ["*@my-project.iam.gserviceaccount.com"],
        1,
        True,
    ],
    "audience": [
        [],
        (),
        None,
        "",
        {AUDIENCE},
        {AUDIENCE: 1},
        [None],
        [1],
        [AUDIENCE, None],
        [""],
        [AUDIENCE, ""],
        b"x",
        [b"x"],
        1,
        True,
    ],
    "leeway": [
        -1,
        -0.001,
        300.001,
        301,
        nan,
        inf,
        -inf,
        True,
        None,
        "10",
        [10],
        timedelta(seconds=-1),
        timedelta(minutes=5, microseconds=1),
    ],
    "certs_url": [
        "",
        None,
        1,
        b"https://keys.example",
        "keys.example",
        "https://",
        "https:///certs",
        "//keys.example/certs",
        "http://keys.example/certs",
        "http://127.0.0.1.keys.example/certs",
        "http://localhost.keys.example/certs",
        "http://localhost@keys.example/certs",
        "http://10.0.0.1/certs",
        "http://[::1",
        "https://[keys.example",
        "ftp://keys.example/certs",
        "ftp://localhost/certs",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "data:application/json,{}",
    ],
}
RIGHT: dict[str, list[Any]] = {
    "service_accounts": [[ACCOUNT], (ACCOUNT,), [ACCOUNT, "1234-compute@developer.gserviceaccount.com"]],
    "audience": [
        AUDIENCE,
        [AUDIENCE],
        (AUDIENCE, "b"),
        "event-url",
        ["event-url", AUDIENCE],
        "4711-x.apps.googleusercontent.com",
    ],
    "leeway": [0, 0.0, 10, 0.5, 300, timedelta(0), timedelta(minutes=5), timedelta(milliseconds=1)],
    "certs_url": [
        "https://keys.example/certs",
        "HTTPS://keys.example",
        "https://keys.example:8443/certs?a=1",
        "http://127.0.0.1:8000/certs",
        "http://localhost/certs",
        "http://LOCALHOST:80/certs",
        "http://[::1]:8000/certs",
    ],
}


def pairs(values: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(option, value) for option, listed in values.items() for value in listed]


@pytest.mark.parametrize(("option", "value"), pairs(RIGHT))
def test_right(option: str, value: Any) -> None:
    """Lists, tuples, one audience or several, times as numbers or as such, and URLs that nobody can listen to are taken."""
    assert len(load([{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {**GIVEN, option: value}}])) == 1


@pytest.mark.parametrize(("option", "value"), pairs(WRONG))
def test_wrong(option: str, value: Any) -> None:
    """Any other value is an ImproperlyConfigured, which tells the option, the value, what is wrong, and what to give instead."""
    with pytest.raises(ConfigurationError) as caught:
        OIDC(**{**GIVEN, option: value})

    subject, problem = re.escape(f"OIDC's {option}={value!r}"), r"(is|needs)\b[^\n]{5,}"
    assert re.fullmatch(rf"{subject} {problem}\. (Give|Write|List|Leave) [^\n]{{10,}}\.", str(caught.value))
    assert isinstance(caught.value, ImproperlyConfigured)


@pytest.mark.parametrize("option", GIVEN)
def test_missing(option: str) -> None:
    """Neither the accounts nor the audience can be left out, nor be guessed."""
    with pytest.raises(ConfigurationError, match=rf"^OIDC's .*{option}.*\. (Give|List) .*\.$"):
        OIDC(**{name: value for name, value in GIVEN.items() if name != option})


LIST = 'List the addresses of the senders without a prefix, such as ["pubsub@my-project.iam.gserviceaccount.com"].'
GOOGLES = "Leave it out to use Google's keys at https://www.googleapis.com/oauth2/v3/certs."
MESSAGES = [
    ({"service_accounts": ACCOUNT}, f"service_accounts='{ACCOUNT}' is not a list of addresses. {LIST}"),
    ({"service_accounts": ["user:a@b.example"]}, f"service_accounts=['user:a@b.example'] is not a list of addresses. {LIST}"),
    (
        {"audience": 1},
        "audience=1 is neither a string nor a list of strings. Give the audience of your senders, "
        'such as "https://shop.example", or "event-url" for each event\'s own URL.',
    ),
    ({"leeway": 301}, "leeway=301 is not a time of at most five minutes. Give a timedelta, or seconds from 0 to 300."),
    (
        {"certs_url": "http://keys.example"},
        "certs_url='http://keys.example' is not an https URL, so anybody on the way could replace the keys. " + GOOGLES,
    ),
]


@pytest.mark.parametrize(("options", "message"), MESSAGES)
def test_messages(options: dict[str, Any], message: str) -> None:
    """The messages as a whole."""
    with pytest.raises(ConfigurationError) as caught:
        OIDC(**{**GIVEN, **options})

    assert str(caught.value) == f"OIDC's {message}"


@pytest.mark.parametrize("base_url", [None, ""])
@pytest.mark.parametrize("audience", ["event-url", [AUDIENCE, "event-url"]])
def test_event_url_needs_a_base_url(audience: Any, base_url: str | None) -> None:
    """The event's own URL is made from BASE_URL, without which there is none."""
    with override_settings(BASE_URL=base_url), pytest.raises(ConfigurationError) as caught:
        OIDC(service_accounts=[ACCOUNT], audience=audience)

    assert str(caught.value) == (
        f"OIDC's audience={audience!r} needs BASE_URL, which is not set. "
        'Write BASE_URL = "https://your-server.example" in your settings.'
    )


@pytest.mark.parametrize(
    ("options", "names", "problem"),
    [
        (
            {**GIVEN, "audiences": [AUDIENCE]},
            "audience, audiences, service_accounts",
            "it has no option 'audiences'. Did you mean 'audience'?",
        ),
        (
            {"service_account": [ACCOUNT]},
            "service_account",
            "it has no option 'service_account'. Did you mean 'service_accounts'?",
        ),
        ({"account": [ACCOUNT]}, "account", "it has no option 'account'. Did you mean 'service_accounts'?"),
    ],
)
def test_unknown_option(options: dict[str, Any], names: str, problem: str) -> None:
    """An option with another name is an error, whose message suggests and lists the options that OIDC takes."""
    with pytest.raises(ConfigurationError) as caught:
        load([{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": options}])

    assert str(caught.value) == (
        f"The authenticator 'gcp_event_router.auth.OIDC' cannot be created with its OPTIONS ({names}): "
        f"{problem} It takes service_accounts, audience, leeway, certs_url."
    )


def test_by_name_only() -> None:
    """Nobody can take the accounts for the audience: both are given by their names."""
    with pytest.raises(TypeError):
        OIDC([ACCOUNT], AUDIENCE)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue] -- which is what is tested


@pytest.mark.parametrize("options", [{}, {**GIVEN, "service_accounts": []}, {**GIVEN, "audience": ""}, {**GIVEN, "leeway": -1}])
def test_half_configured_lets_nobody_in(router: EventRouter, post: Post, options: dict[str, Any]) -> None:
    """While OIDC cannot be made of the settings, nobody gets in, and the check at the start says why."""
    called = listening(router)
    backend = {"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": options}
    with pytest.raises(ConfigurationError) as caught:
        OIDC(**options)

    with guarded(backend):
        response = post("/events/k/r", Authorization="Bearer x")
        said = checked()

    assert (response.status_code >= 400, called) == (True, [])
    assert said == [(Error, "gcp_event_router.E002", "Until then, every request fails.", str(caught.value))]
