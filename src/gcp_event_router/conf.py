"""`GCP_EVENT_ROUTER`: one dict in the project's settings, read and validated once.

`current()` is called by whoever needs a setting; `apps` calls it at start-up, so that a mistake stops the project there.
Dotted paths are kept as they are: whoever uses one resolves it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from string import Formatter
from typing import Any, Final, Literal, Never, NotRequired, TypeGuard

from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed
from typing_extensions import TypedDict

from .exceptions import ConfigurationError

__all__ = ["MAX_ATTEMPTS", "AuthenticatorSetting", "InboxSetting", "InboxSettings", "RouterSettings", "Settings", "current"]

NAME = "GCP_EVENT_ROUTER"
OWN_SIGNAL = "gcp_event_router.signals.event_received"
_HEADER = re.compile(r"[A-Za-z0-9-]+")


class AuthenticatorSetting(TypedDict):
    """One entry of `AUTHENTICATION`, in Django's usual form."""

    BACKEND: str
    OPTIONS: NotRequired[dict[str, Any]]


class InboxSetting(TypedDict, total=False):
    """The entry `INBOX`, for projects that install `gcp_event_router.inbox`."""

    DATABASE: str
    LEASE: timedelta
    MAX_ATTEMPTS: int
    MAX_LOST: int
    MAX_WAIT: timedelta
    DEFERRED: bool
    RETENTION: timedelta
    ERROR_TEXT: bool
    KEEP_HEADERS: Sequence[str]


class RouterSettings(TypedDict, total=False):
    """The type of `GCP_EVENT_ROUTER`, for projects that check their settings' types."""

    AUTHENTICATION: Sequence[AuthenticatorSetting]
    MAX_BODY_SIZE: int
    MAX_BATCH: int
    UNHANDLED: Literal["accept", "error", "keep"]
    FAILURE_STATUS: int
    SIGNALS: Sequence[str]
    INBOX: InboxSetting
    TRACING: bool
    SOURCE_URL: str


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """`GCP_EVENT_ROUTER["INBOX"]` with its defaults filled in; the fields are its keys."""

    #: The alias of the database that has the inbox; None for the one that the project's routers write its models to.
    DATABASE: str | None = None
    #: How long one run of a handler may take; after that, another delivery of the event runs it again.
    LEASE: timedelta = timedelta(minutes=5)
    #: After how many failed runs a handler is given up for an event.
    MAX_ATTEMPTS: int = 10
    #: After how many lost runs it is given up: those whose end nobody could note, as the worker or the database was gone.
    #: None: three times as many as `MAX_ATTEMPTS`, and ten at least.
    MAX_LOST: int | None = None
    #: For how long workers run a handler again that ends in `Retry`, or for want of a database, each time.
    MAX_WAIT: timedelta = timedelta(days=1)
    #: Whether handlers run after the sender is answered, unless they say otherwise.
    DEFERRED: bool = False
    #: How long finished events are kept, and so for how long a duplicate is known.
    RETENTION: timedelta = timedelta(days=14)
    #: Whether the text and traceback of a handler's exception are kept, for those who may see payloads.
    ERROR_TEXT: bool = True
    #: More headers that are kept of unwrapped pushes and unreadable requests, by their names in `request.META`.
    KEEP_HEADERS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    """`GCP_EVENT_ROUTER` with its defaults filled in; the fields are its keys."""

    #: The authenticators, of which one must accept a request. None: not configured, so nobody may send unless DEBUG is on.
    AUTHENTICATION: tuple[AuthenticatorSetting, ...] | None = None
    #: In bytes. Pub/Sub's largest message, 10 MB, is a body of 13.4 MB.
    MAX_BODY_SIZE: int = 15 * 1024 * 1024
    #: The most events in one batch of CloudEvents: each is handled by itself, and all of them before the answer.
    MAX_BATCH: int = 1_000
    #: Whether an event that nothing handles is accepted (201), an error (400), or accepted and kept in the inbox.
    UNHANDLED: Literal["accept", "error", "keep"] = "accept"
    #: The answer to an unexpected exception in a handler or receiver.
    FAILURE_STATUS: int = 400
    #: Dotted paths of the signals that `events` listens to.
    SIGNALS: tuple[str, ...] = (OWN_SIGNAL,)
    #: How the inbox works, where it is installed.
    INBOX: InboxSettings = InboxSettings()
    #: Whether OpenTelemetry is told of events and handlers.
    TRACING: bool = False
    #: Where a browser finds a line of the project's code, with `{path}` and `{line}`; empty for nowhere.
    SOURCE_URL: str = ""


@cache
def current() -> Settings:
    """The validated settings. Raises `ConfigurationError` for a key or a value that cannot be used."""
    given: object = getattr(settings, NAME, {})
    if not _is_dict(given):
        msg = f"{NAME} is of type {type(given).__name__}, which is not dict. Write {NAME} = {{...}}."
        raise ConfigurationError(msg)
    _refuse_unknown(NAME, given, _READERS)
    return Settings(**{key: _READERS[key](value) for key, value in given.items()})


def _refuse_unknown(place: str, given: dict[Any, Any], readers: dict[str, Any]) -> None:
    known = sorted(readers)
    for key in given:
        if key not in known:
            close = get_close_matches(str(key).upper(), known, n=1)
            advice = f"Did you mean {close[0]!r}? " if close else ""
            msg = f"{place} has the key {key!r}, which does not exist. {advice}Choose from {', '.join(known)}."
            raise ConfigurationError(msg)


def _refuse(key: str, value: object, problem: str, advice: str) -> Never:
    place = "".join(f'["{each}"]' for each in key.split("."))
    msg = f"{NAME}{place} is {value!r}, which {problem}. {advice}"
    raise ConfigurationError(msg)


def _is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple))


def _authentication(value: object) -> tuple[AuthenticatorSetting, ...]:
    """Its messages name types and keys only: the values may be secrets."""
    if not _is_list(value):
        _refuse_authenticator("", f"is of type {type(value).__name__}, which is not a list")
    for number, entry in enumerate(value):
        place = f"[{number}]"
        if not _is_dict(entry):
            _refuse_authenticator(place, f"is of type {type(entry).__name__}, which is not dict")
        if "BACKEND" not in entry or set(entry) - {"BACKEND", "OPTIONS"}:
            keys = ", ".join(sorted(map(repr, entry))) or "no keys"
            _refuse_authenticator(place, f'has {keys}, which is not "BACKEND", a dotted path, and perhaps "OPTIONS"')
        for key, wanted in (("BACKEND", str), ("OPTIONS", dict)):
            if key in entry and not isinstance(entry[key], wanted):
                what = f"is of type {type(entry[key]).__name__}, which is not {wanted.__name__}"
                _refuse_authenticator(f'{place}["{key}"]', what)
    return tuple(value)


def _refuse_authenticator(place: str, problem: str) -> Never:
    advice = 'Write [{"BACKEND": "dotted.path.of.Authenticator", "OPTIONS": {...}}], or [] to let everybody in.'
    msg = f'{NAME}["AUTHENTICATION"]{place} {problem}. {advice}'
    raise ConfigurationError(msg)


def _max_body_size(value: object) -> int:
    if type(value) is not int or value <= 0:
        _refuse("MAX_BODY_SIZE", value, "is not a positive whole number", "Give the limit in bytes, such as 15 * 1024 * 1024.")
    return value


def _max_batch(value: object) -> int:
    if type(value) is not int or value <= 0:
        _refuse(
            "MAX_BATCH", value, "is not a positive whole number", "Give the most events that one request may bring, such as 1000."
        )
    return value


def _unhandled(value: object) -> Literal["accept", "error", "keep"]:
    if value == "accept":
        return "accept"
    if value == "error":
        return "error"
    if value != "keep":
        _refuse("UNHANDLED", value, "is not a choice", "Choose from 'accept', 'error', 'keep'.")
    if not apps.is_installed("gcp_event_router.inbox"):
        advice = 'Add "gcp_event_router.inbox" to INSTALLED_APPS, or write "accept".'
        _refuse("UNHANDLED", value, "needs the inbox to keep events in", advice)
    return "keep"


def _failure_status(value: object) -> int:
    if type(value) is not int or not 400 <= value <= 599:  # noqa: PLR2004 -- HTTP's error statuses
        advice = "Choose an HTTP status from 400 to 599: any other would acknowledge an event that failed."
        _refuse("FAILURE_STATUS", value, "is not an error status", advice)
    return value


def _signals(value: object) -> tuple[str, ...]:
    if not _is_list(value) or not all(isinstance(path, str) for path in value):
        _refuse("SIGNALS", value, "is not a list of dotted paths", f"Write a list, such as [{OWN_SIGNAL!r}].")
    if not value:
        advice = f"Leave the key out, or write [{OWN_SIGNAL!r}]."
        _refuse("SIGNALS", value, "would leave every handler of `events` without any event", advice)
    return tuple(value)


def _inbox(value: object) -> InboxSettings:
    if not _is_dict(value):
        _refuse("INBOX", value, "is not a dict", 'Write {}, or a dict such as {"MAX_ATTEMPTS": 5}.')
    _refuse_unknown(f'{NAME}["INBOX"]', value, _INBOX_READERS)
    return InboxSettings(**{key: _INBOX_READERS[key](f"INBOX.{key}", given) for key, given in value.items()})


def _tracing(value: object) -> bool:
    is_on = _flag("TRACING", value)
    if is_on and find_spec("opentelemetry") is None:
        _refuse("TRACING", value, "needs OpenTelemetry's API", "Install gcp-event-router[otel], or write False.")
    return is_on


def _source_url(value: object) -> str:
    advice = 'Write it with {path} and {line}, such as "https://github.com/me/shop/blob/main/{path}#L{line}".'
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        _refuse("SOURCE_URL", value, "is no URL of http or https", advice)
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(value) if name is not None]
    except ValueError:
        fields = [("", "", None)]
    if ("path", "", None) not in fields or not set(fields) <= {("path", "", None), ("line", "", None)}:
        _refuse("SOURCE_URL", value, "does not name a file", advice)
    return value


def _headers(key: str, value: object) -> frozenset[str]:
    if not _is_list(value) or not all(isinstance(name, str) and _HEADER.fullmatch(name) for name in value):
        _refuse(key, value, "is not a list of names of headers", 'Write a list, such as ["X-Region"].')
    return frozenset(f"HTTP_{name.upper().replace('-', '_')}" for name in value)


def _alias(key: str, value: object) -> str:
    if not isinstance(value, str) or value not in settings.DATABASES:
        _refuse(key, value, "is no alias in DATABASES", f"Choose from {', '.join(map(repr, settings.DATABASES))}.")
    return value


def _time(key: str, value: object) -> timedelta:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        _refuse(key, value, "is not a positive time", "Give a timedelta, such as timedelta(minutes=5).")
    return value


def _count(key: str, value: object) -> int:
    if type(value) is not int or not 0 < value <= MAX_ATTEMPTS:
        _refuse(key, value, "is no number of runs", f"Give a whole number from 1 to {MAX_ATTEMPTS}.")
    return value


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        _refuse(key, value, "is neither True nor False", "Choose one of them.")
    return value


_INBOX_READERS: dict[str, Any] = {
    "DATABASE": _alias,
    "LEASE": _time,
    "MAX_ATTEMPTS": _count,
    "MAX_LOST": _count,
    "MAX_WAIT": _time,
    "DEFERRED": _flag,
    "RETENTION": _time,
    "ERROR_TEXT": _flag,
    "KEEP_HEADERS": _headers,
}
_READERS: dict[str, Any] = {
    "AUTHENTICATION": _authentication,
    "MAX_BODY_SIZE": _max_body_size,
    "MAX_BATCH": _max_batch,
    "UNHANDLED": _unhandled,
    "FAILURE_STATUS": _failure_status,
    "SIGNALS": _signals,
    "INBOX": _inbox,
    "TRACING": _tracing,
    "SOURCE_URL": _source_url,
}


def _forget(*, setting: str, **_: object) -> None:
    if setting == NAME:
        current.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.conf")


#: What the inbox can count.
MAX_ATTEMPTS: Final = 32_767
