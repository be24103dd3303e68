"""GCP_EVENT_ROUTER: its defaults, and what is said of a mistake in it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from gcp_event_router import conf
from gcp_event_router.conf import RouterSettings, Settings, current

KEYS = "AUTHENTICATION, FAILURE_STATUS, INBOX, MAX_BATCH, MAX_BODY_SIZE, SIGNALS, SOURCE_URL, TRACING, UNHANDLED"
ENTRY = 'Write [{"BACKEND": "dotted.path.of.Authenticator", "OPTIONS": {...}}], or [] to let everybody in.'


@override_settings(GCP_EVENT_ROUTER={})
def test_defaults() -> None:
    """Without settings the endpoint is closed, takes 15 MiB, and answers as django-gcp did."""
    assert current() == Settings(
        AUTHENTICATION=None,
        MAX_BODY_SIZE=15 * 1024 * 1024,
        UNHANDLED="accept",
        FAILURE_STATUS=400,
        SIGNALS=("gcp_event_router.signals.event_received",),
    )


def test_settings_are_read_once_and_again_after_a_change() -> None:
    """The settings are validated once, and forgotten when they change."""
    first = current()
    assert current() is first

    with override_settings(GCP_EVENT_ROUTER={"FAILURE_STATUS": 500}):
        assert current().FAILURE_STATUS == 500
    assert current() == first


def test_every_key_is_typed_read_and_filled_in() -> None:
    """The type for users, the readers and the defaults name the same keys."""
    assert list(RouterSettings.__annotations__) == list(conf._READERS) == list(Settings.__dataclass_fields__)  # pyright: ignore[reportPrivateUsage] -- what is compared


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "GCP_EVENT_ROUTER is of type list, which is not dict. Write GCP_EVENT_ROUTER = {...}."),
        (
            {"AUTHENTICATON": []},
            "GCP_EVENT_ROUTER has the key 'AUTHENTICATON', which does not exist. Did you mean 'AUTHENTICATION'? "
            f"Choose from {KEYS}.",
        ),
        ({"x": 1}, f"GCP_EVENT_ROUTER has the key 'x', which does not exist. Choose from {KEYS}."),
        (
            {"MAX_BODY_SIZE": "15MB"},
            "GCP_EVENT_ROUTER[\"MAX_BODY_SIZE\"] is '15MB', which is not a positive whole number. "
            "Give the limit in bytes, such as 15 * 1024 * 1024.",
        ),
        (
            {"MAX_BODY_SIZE": True},
            'GCP_EVENT_ROUTER["MAX_BODY_SIZE"] is True, which is not a positive whole number. '
            "Give the limit in bytes, such as 15 * 1024 * 1024.",
        ),
        (
            {"MAX_BATCH": 0},
            'GCP_EVENT_ROUTER["MAX_BATCH"] is 0, which is not a positive whole number. '
            "Give the most events that one request may bring, such as 1000.",
        ),
        (
            {"INBOX": {"KEEP_HEADERS": "X-Region"}},
            'GCP_EVENT_ROUTER["INBOX"]["KEEP_HEADERS"] is \'X-Region\', which is not a list of names of headers. '
            'Write a list, such as ["X-Region"].',
        ),
        (
            {"INBOX": {"KEEP_HEADERS": ["X-Region: eu"]}},
            'GCP_EVENT_ROUTER["INBOX"]["KEEP_HEADERS"] is [\'X-Region: eu\'], which is not a list of names of headers. '
            'Write a list, such as ["X-Region"].',
        ),
        (
            {"UNHANDLED": "raise"},
            "GCP_EVENT_ROUTER[\"UNHANDLED\"] is 'raise', which is not a choice. Choose from 'accept', 'error', 'keep'.",
        ),
        (
            {"FAILURE_STATUS": 204},
            'GCP_EVENT_ROUTER["FAILURE_STATUS"] is 204, which is not an error status. '
            "Choose an HTTP status from 400 to 599: any other would acknowledge an event that failed.",
        ),
        (
            {"SIGNALS": []},
            'GCP_EVENT_ROUTER["SIGNALS"] is [], which would leave every handler of `events` without any event. '
            "Leave the key out, or write ['gcp_event_router.signals.event_received'].",
        ),
        (
            {"SIGNALS": "a.b"},
            "GCP_EVENT_ROUTER[\"SIGNALS\"] is 'a.b', which is not a list of dotted paths. "
            "Write a list, such as ['gcp_event_router.signals.event_received'].",
        ),
        ({"TRACING": "yes"}, "GCP_EVENT_ROUTER[\"TRACING\"] is 'yes', which is neither True nor False. Choose one of them."),
        ({"AUTHENTICATION": "secret"}, f'GCP_EVENT_ROUTER["AUTHENTICATION"] is of type str, which is not a list. {ENTRY}'),
        ({"AUTHENTICATION": ["secret"]}, f'GCP_EVENT_ROUTER["AUTHENTICATION"][0] is of type str, which is not dict. {ENTRY}'),
        (
            {"AUTHENTICATION": [{"backend": "secret"}]},
            'GCP_EVENT_ROUTER["AUTHENTICATION"][0] has \'backend\', which is not "BACKEND", a dotted path, and perhaps '
            f'"OPTIONS". {ENTRY}',
        ),
        (
            {"AUTHENTICATION": [{"BACKEND": int}]},
            f'GCP_EVENT_ROUTER["AUTHENTICATION"][0]["BACKEND"] is of type type, which is not str. {ENTRY}',
        ),
        (
            {"AUTHENTICATION": [{"BACKEND": "a.B", "OPTION": "secret"}]},
            "GCP_EVENT_ROUTER[\"AUTHENTICATION\"][0] has 'BACKEND', 'OPTION', which is not \"BACKEND\", a dotted path, "
            f'and perhaps "OPTIONS". {ENTRY}',
        ),
        (
            {"AUTHENTICATION": [{"BACKEND": "a.B", "OPTIONS": "secret"}]},
            f'GCP_EVENT_ROUTER["AUTHENTICATION"][0]["OPTIONS"] is of type str, which is not dict. {ENTRY}',
        ),
    ],
)
def test_mistakes(given: Any, message: str) -> None:
    """A wrong key or value is named, with what can be written instead, and without anything that may be a secret."""
    with override_settings(GCP_EVENT_ROUTER=given), pytest.raises(ImproperlyConfigured) as refused:
        current()

    assert str(refused.value) == message


def test_tracing_without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing that is asked for, and cannot be had, stops the start."""
    monkeypatch.setattr(sys, "path", [])  # where the package would be found
    monkeypatch.delitem(sys.modules, "opentelemetry", raising=False)

    with override_settings(GCP_EVENT_ROUTER={"TRACING": True}), pytest.raises(ImproperlyConfigured) as refused:
        current()

    assert str(refused.value) == (
        'GCP_EVENT_ROUTER["TRACING"] is True, which needs OpenTelemetry\'s API. Install gcp-event-router[otel], or write False.'
    )


SOURCE = 'Write it with {path} and {line}, such as "https://github.com/me/shop/blob/main/{path}#L{line}".'


@pytest.mark.parametrize("url", ["", "javascript:{path}", "//host/{path}", "vscode://file/{path}", 7, None])
def test_source_url_that_a_browser_would_not_open(url: object) -> None:
    """Where code is has to be at a URL of http or https: it becomes a link."""
    with override_settings(GCP_EVENT_ROUTER={"SOURCE_URL": url}), pytest.raises(ImproperlyConfigured) as refused:
        current()

    assert str(refused.value) == f'GCP_EVENT_ROUTER["SOURCE_URL"] is {url!r}, which is no URL of http or https. {SOURCE}'


@pytest.mark.parametrize("rest", ["a", "{line}", "{path", "{path}{file}", "{path!r}", "{path:>9}", "{path.parent}", "{}{path}"])
def test_source_url_that_names_no_file(rest: str) -> None:
    """It has to say where the file's name goes, and nothing else that there is not."""
    url = f"https://git.example/{rest}"
    with override_settings(GCP_EVENT_ROUTER={"SOURCE_URL": url}), pytest.raises(ImproperlyConfigured) as refused:
        current()

    assert str(refused.value) == f'GCP_EVENT_ROUTER["SOURCE_URL"] is {url!r}, which does not name a file. {SOURCE}'
