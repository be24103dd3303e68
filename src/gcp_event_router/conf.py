"""`GCP_EVENT_ROUTER`: one dict in the project's settings, read and validated once.

`current()` is called by whoever needs a setting; `apps` calls it at start-up, so that a mistake stops the project there.
Dotted paths are kept as they are: whoever uses one resolves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, Never, NotRequired, TypeGuard

from django.conf import settings
from django.core.signals import setting_changed
from typing_extensions import TypedDict

from .exceptions import ConfigurationError

__all__ = ["AuthenticatorSetting", "RouterSettings", "Settings", "current"]

NAME = "GCP_EVENT_ROUTER"
OWN_SIGNAL = "gcp_event_router.signals.event_received"


class AuthenticatorSetting(TypedDict):
    """One entry of `AUTHENTICATION`, in Django's usual form."""

    BACKEND: str
    OPTIONS: NotRequired[dict[str, Any]]


class RouterSettings(TypedDict, total=False):
    """The type of `GCP_EVENT_ROUTER`, for projects that check their settings' types."""

    AUTHENTICATION: Sequence[AuthenticatorSetting]
    MAX_BODY_SIZE: int
    UNHANDLED: Literal["accept", "error"]
    FAILURE_STATUS: int
    SIGNALS: Sequence[str]


@dataclass(frozen=True, slots=True)
class Settings:
    """`GCP_EVENT_ROUTER` with its defaults filled in; the fields are its keys."""

    #: The authenticators, of which one must accept a request. None: not configured, so nobody may send unless DEBUG is on.
    AUTHENTICATION: tuple[AuthenticatorSetting, ...] | None = None
    #: In bytes. Pub/Sub's largest message, 10 MB, is a body of 13.4 MB.
    MAX_BODY_SIZE: int = 15 * 1024 * 1024
    #: Whether a kind without a handler is accepted (201) or an error (400).
    UNHANDLED: Literal["accept", "error"] = "accept"
    #: The answer to an unexpected exception in a handler or receiver.
    FAILURE_STATUS: int = 400
    #: Dotted paths of the signals that `events` listens to.
    SIGNALS: tuple[str, ...] = (OWN_SIGNAL,)


@cache
def current() -> Settings:
    """The validated settings. Raises `ConfigurationError` for a key or a value that cannot be used."""
    given: object = getattr(settings, NAME, {})
    if not _is_dict(given):
        msg = f"{NAME} is of type {type(given).__name__}, which is not dict. Write {NAME} = {{...}}."
        raise ConfigurationError(msg)
    known = sorted(field.name for field in fields(Settings))
    for key in given:
        if key not in known:
            close = get_close_matches(str(key).upper(), known, n=1)
            advice = f"Did you mean {close[0]!r}? " if close else ""
            msg = f"{NAME} has the key {key!r}, which does not exist. {advice}Choose from {', '.join(known)}."
            raise ConfigurationError(msg)
    return Settings(**{key: _READERS[key](value) for key, value in given.items()})


def _refuse(key: str, value: object, problem: str, advice: str) -> Never:
    msg = f'{NAME}["{key}"] is {value!r}, which {problem}. {advice}'
    raise ConfigurationError(msg)


def _is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple))


def _authentication(value: object) -> tuple[AuthenticatorSetting, ...]:
    """Its messages name types and keys only: the values may be secrets."""
    place = f'{NAME}["AUTHENTICATION"]'
    advice = 'Write [{"BACKEND": "dotted.path.of.Authenticator", "OPTIONS": {...}}], or [] to let everybody in.'
    if not _is_list(value):
        msg = f"{place} is of type {type(value).__name__}, which is not a list. {advice}"
        raise ConfigurationError(msg)
    for number, entry in enumerate(value):
        if not _is_dict(entry):
            msg = f"{place}[{number}] is of type {type(entry).__name__}, which is not dict. {advice}"
            raise ConfigurationError(msg)
        if not isinstance(entry.get("BACKEND"), str) or set(entry) - {"BACKEND", "OPTIONS"}:
            keys = ", ".join(sorted(map(repr, entry))) or "no keys"
            msg = f'{place}[{number}] has {keys}, which is not "BACKEND", a dotted path, and perhaps "OPTIONS". {advice}'
            raise ConfigurationError(msg)
        if not _is_dict(entry.get("OPTIONS", {})):
            msg = f'{place}[{number}]["OPTIONS"] is of type {type(entry["OPTIONS"]).__name__}, which is not dict. {advice}'
            raise ConfigurationError(msg)
    return tuple(value)


def _max_body_size(value: object) -> int:
    if type(value) is not int or value <= 0:
        _refuse("MAX_BODY_SIZE", value, "is not a positive whole number", "Give the limit in bytes, such as 15 * 1024 * 1024.")
    return value


def _unhandled(value: object) -> Literal["accept", "error"]:
    if value == "accept":
        return "accept"
    if value == "error":
        return "error"
    return _refuse("UNHANDLED", value, "is not a choice", "Choose from 'accept', 'error'.")


def _failure_status(value: object) -> int:
    if type(value) is not int or not 400 <= value <= 599:  # noqa: PLR2004 -- HTTP's error statuses
        advice = "Choose an HTTP status from 400 to 599: any other would acknowledge an event that failed."
        _refuse("FAILURE_STATUS", value, "is not an error status", advice)
    return value


def _signals(value: object) -> tuple[str, ...]:
    if not _is_list(value) or not all(isinstance(path, str) for path in value):
        _refuse("SIGNALS", value, "is not a list of dotted paths", f"Write a list, such as [{OWN_SIGNAL!r}].")
    return tuple(value)


_READERS: dict[str, Any] = {
    "AUTHENTICATION": _authentication,
    "MAX_BODY_SIZE": _max_body_size,
    "UNHANDLED": _unhandled,
    "FAILURE_STATUS": _failure_status,
    "SIGNALS": _signals,
}


def _forget(*, setting: str, **_: object) -> None:
    if setting == NAME:
        current.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.conf")
