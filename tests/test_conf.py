"""GCP_EVENT_ROUTER: its defaults, and the errors for mistakes in it."""

from __future__ import annotations

import sys
from collections import deque
from inspect import isclass
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils.module_loading import import_string

from gcp_event_router import conf
from gcp_event_router.conf import InboxSetting, InboxSettings, OutboxSetting, OutboxSettings, RouterSettings, Settings, current

AUTHENTICATION = '[{"BACKEND": "gcp_event_router.auth.SignedURL"}]'
TRANSPORT = "gcp_event_router.outbox.transports.PubSub"
EXAMPLES = {"AUTHENTICATION": AUTHENTICATION, "SIGNALS": '["gcp_event_router.signals.event_received"]'}
KEYS = (
    "AUTHENTICATION, FAILURE_STATUS, INBOX, MAX_BATCH, MAX_BODY_SIZE, OUTBOX, SIGNALS, SOURCE_URL, TRACING, UNHANDLED, "
    "WEBHOOK_ORIGINS"
)


@override_settings(GCP_EVENT_ROUTER={})
def test_defaults() -> None:
    """Without settings, the endpoint is closed, accepts 15 MiB, and answers as django-gcp does."""
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
    """The types for users, the values and what validates them name the same keys."""
    for typed, made, validated in (
        (RouterSettings, Settings, conf.ROUTER_KEYS),
        (InboxSetting, InboxSettings, conf.INBOX_KEYS),
        (OutboxSetting, OutboxSettings, conf.OUTBOX_KEYS),
    ):
        assert (list(typed.__annotations__), set(validated)) == (list(made._fields), set(made._fields))


def test_defaults_are_valid() -> None:
    """The settings accept their own defaults, if a project writes them."""
    given: dict[str, Any] = Settings()._asdict() | {"WEBHOOK_ORIGINS": []}
    for name in ("INBOX", "OUTBOX"):
        given[name] = given[name]._asdict()
    with override_settings(GCP_EVENT_ROUTER=given):
        assert current() == Settings()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], f'GCP_EVENT_ROUTER is of type list, but must be a dict. Write {{"AUTHENTICATION": {AUTHENTICATION}}}.'),
        (None, f'GCP_EVENT_ROUTER is None, but must be a dict. Write {{"AUTHENTICATION": {AUTHENTICATION}}}.'),
        ("secret", f'GCP_EVENT_ROUTER is of type str, but must be a dict. Write {{"AUTHENTICATION": {AUTHENTICATION}}}.'),
        ({1: 2}, "GCP_EVENT_ROUTER[1]: Keys should be strings."),
        (
            {"AUTHENTICATON": []},
            f"GCP_EVENT_ROUTER[\"AUTHENTICATON\"] does not exist. Did you mean 'AUTHENTICATION'? Choose from {KEYS}.",
        ),
        ({"x": 1}, f'GCP_EVENT_ROUTER["x"] does not exist. Choose from {KEYS}.'),
        (
            {"MAX_BODY_SIZE": "15MB"},
            'GCP_EVENT_ROUTER["MAX_BODY_SIZE"] is of type str, but must be an integer. Write 15 * 1024 * 1024.',
        ),
        (
            {"MAX_BODY_SIZE": True},
            'GCP_EVENT_ROUTER["MAX_BODY_SIZE"] is True, but must be an integer. Write 15 * 1024 * 1024.',
        ),
        (
            {"MAX_BATCH": 0},
            'GCP_EVENT_ROUTER["MAX_BATCH"] is 0, but must be greater than 0. Write 1000.',
        ),
        (
            {"INBOX": {"KEEP_HEADERS": "X-Region"}},
            'GCP_EVENT_ROUTER["INBOX"]["KEEP_HEADERS"] is of type str, but must be a list. Write ["X-Region"].',
        ),
        (
            {"INBOX": {"KEEP_HEADERS": ["X-Region: eu"]}},
            'GCP_EVENT_ROUTER["INBOX"]["KEEP_HEADERS"][0] must be the name of a header. Write "X-Region".',
        ),
        (
            {"UNHANDLED": "raise"},
            "GCP_EVENT_ROUTER[\"UNHANDLED\"] is 'raise', but must be 'accept', 'error' or 'keep'.",
        ),
        (
            {"FAILURE_STATUS": 204},
            'GCP_EVENT_ROUTER["FAILURE_STATUS"] is 204, but must be greater than or equal to 400. Write 400.',
        ),
        (
            {"SIGNALS": []},
            'GCP_EVENT_ROUTER["SIGNALS"] must have at least one item. Write ["gcp_event_router.signals.event_received"].',
        ),
        ({"SIGNALS": [1]}, 'GCP_EVENT_ROUTER["SIGNALS"][0] is 1, but must be a string.'),
        (
            {"SIGNALS": "a.b"},
            'GCP_EVENT_ROUTER["SIGNALS"] is of type str, but must be a list. Write ["gcp_event_router.signals.event_received"].',
        ),
        (
            {"TRACING": "yes"},
            'GCP_EVENT_ROUTER["TRACING"] is of type str, but must be True or False.',
        ),
        (
            {"AUTHENTICATION": "secret"},
            f'GCP_EVENT_ROUTER["AUTHENTICATION"] is of type str, but must be a list. Write {AUTHENTICATION}.',
        ),
        (
            {"AUTHENTICATION": ["secret"]},
            'GCP_EVENT_ROUTER["AUTHENTICATION"][0] is of type str, but must be a dict. '
            'Write {"BACKEND": "gcp_event_router.auth.SignedURL"}.',
        ),
        (
            {"AUTHENTICATION": [{"backend": "secret"}]},
            'GCP_EVENT_ROUTER["AUTHENTICATION"][0]["BACKEND"] is missing. Write "gcp_event_router.auth.SignedURL".\n'
            'GCP_EVENT_ROUTER["AUTHENTICATION"][0]["backend"] does not exist. Did you mean \'BACKEND\'? '
            "Choose from BACKEND, OPTIONS.",
        ),
        (
            {"AUTHENTICATION": [{"BACKEND": int}]},
            'GCP_EVENT_ROUTER["AUTHENTICATION"][0]["BACKEND"] is of type type, but must be a string. '
            'Write "gcp_event_router.auth.SignedURL".',
        ),
        (
            {"AUTHENTICATION": [{"BACKEND": "a.B", "OPTION": "secret"}]},
            'GCP_EVENT_ROUTER["AUTHENTICATION"][0]["OPTION"] does not exist. Did you mean \'OPTIONS\'? '
            "Choose from BACKEND, OPTIONS.",
        ),
        (
            {"AUTHENTICATION": [{"BACKEND": "a.B", "OPTIONS": "secret"}]},
            'GCP_EVENT_ROUTER["AUTHENTICATION"][0]["OPTIONS"] is of type str, but must be a dict. '
            'Write a dict of its arguments, such as {"tokens": [...]}.',
        ),
        (
            {"AUTHENTICATION": [{"BACKEND": "a.B", "OPTIONS": {1: "secret"}}]},
            'GCP_EVENT_ROUTER["AUTHENTICATION"][0]["OPTIONS"][1]: Keys should be strings.',
        ),
        (
            {"OUTBOX": {"TRANSPORT": TRANSPORT}},
            f'GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"] is of type str, but must be a dict. Write {{"BACKEND": "{TRANSPORT}"}}.',
        ),
        (
            {"OUTBOX": {"TRANSPORT": {}}},
            f'GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]["BACKEND"] is missing. Write "{TRANSPORT}".',
        ),
        (
            {"OUTBOX": {"TRANSPORT": {"BACKEND": TRANSPORT, "OPTIONS": []}}},
            'GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]["OPTIONS"] is of type list, but must be a dict. '
            'Write a dict of its arguments, such as {"project": "my-project"}.',
        ),
    ],
)
def test_mistakes(given: Any, message: str) -> None:
    """The error names a wrong key or value and says what is expected, without quoting a possible secret."""
    with override_settings(GCP_EVENT_ROUTER=given), pytest.raises(ImproperlyConfigured) as refused:
        current()

    assert str(refused.value) == message


@pytest.mark.parametrize("path", [TRANSPORT, "gcp_event_router.auth.SignedURL"])
def test_the_examples_exist(path: str) -> None:
    """What the messages say to write can be imported."""
    assert isclass(import_string(path))


@pytest.mark.parametrize("key", ["AUTHENTICATION", "SIGNALS"])
@pytest.mark.parametrize("empty", ["", b"", {}, set[str](), frozenset[str](), iter(()), deque[str](), range(0), False, 0])
def test_only_an_empty_list_or_tuple_is_an_empty_list(key: str, empty: object) -> None:
    """No other empty value opens the endpoint, or changes the signals."""
    with override_settings(GCP_EVENT_ROUTER={key: empty}), pytest.raises(ImproperlyConfigured) as refused:
        current()

    message = str(refused.value)
    assert message.startswith(f'GCP_EVENT_ROUTER["{key}"] is ')
    assert message.partition(", but ")[2] == f"must be a list. Write {EXAMPLES[key]}."


def test_tracing_without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRACING without its package stops the start."""
    monkeypatch.setattr(sys, "path", [])  # where the package would be found
    monkeypatch.delitem(sys.modules, "opentelemetry", raising=False)

    with override_settings(GCP_EVENT_ROUTER={"TRACING": True}), pytest.raises(ImproperlyConfigured) as refused:
        current()

    assert str(refused.value) == ('GCP_EVENT_ROUTER["TRACING"]: True needs the package gcp-event-router[otel].')


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:{path}", "//host/{path}", "vscode://file/{path}"),
        *("https://git.example/a", "https://git.example/{line}", "https://git.example/{path", "https://git.example/{path}{file}"),
        *("https://git.example/{path!r}", "https://git.example/{path:>9}", "https://git.example/{path.parent}"),
        *("https://git.example/{}{path}", "https://git.example/{path}\n"),
    ],
)
def test_source_url_has_a_place_for_the_path(url: str) -> None:
    """It is a URL of http or https, since a page links to it, and has {path}, perhaps {line}, and no other field."""
    with override_settings(GCP_EVENT_ROUTER={"SOURCE_URL": url}), pytest.raises(ImproperlyConfigured) as refused:
        current()

    assert str(refused.value) == (
        'GCP_EVENT_ROUTER["SOURCE_URL"] must be a URL with {path}, such as '
        "'https://github.com/me/shop/blob/main/{path}#L{line}'."
    )


def test_source_url_may_be_empty() -> None:
    """An empty SOURCE_URL is the default: the catalogue has no links to the code."""
    with override_settings(GCP_EVENT_ROUTER={"SOURCE_URL": ""}):
        assert current() == Settings()
