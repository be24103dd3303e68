"""`GCP_EVENT_ROUTER`: one dict in the project's settings, validated once.

`apps` calls `current()` at start-up, so that a mistake stops the project there. Dotted paths stay text: their users import them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from types import NoneType
from typing import Annotated, Any, ClassVar, Final, Literal, NotRequired

from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    with_config,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from .exceptions import ConfigurationError

__all__ = ["MAX_ATTEMPTS", "AuthenticatorSetting", "InboxSetting", "InboxSettings", "RouterSettings", "Settings", "current"]

NAME: Final = "GCP_EVENT_ROUTER"
OWN_SIGNAL: Final = "gcp_event_router.signals.event_received"
#: The highest number that the inbox can count to.
MAX_ATTEMPTS: Final = 32_767


@with_config(ConfigDict(extra="forbid"))
class AuthenticatorSetting(TypedDict):
    """One entry of `AUTHENTICATION`, in Django's usual form."""

    BACKEND: str
    OPTIONS: NotRequired[dict[str, Any]]


class InboxSetting(TypedDict, total=False):
    """The type of the entry `INBOX`. `InboxSettings` validates it, and a new key goes into both."""

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
    """The type of `GCP_EVENT_ROUTER`, for projects that check their settings' types.

    `Settings` validates it, and a new key goes into both.
    """

    AUTHENTICATION: Sequence[AuthenticatorSetting]
    MAX_BODY_SIZE: int
    MAX_BATCH: int
    UNHANDLED: Literal["accept", "error", "keep"]
    FAILURE_STATUS: int
    SIGNALS: Sequence[str]
    INBOX: InboxSetting
    TRACING: bool
    SOURCE_URL: str


def _check_list(value: Any) -> Any:
    if not issubclass(type(value), (list, tuple, NoneType)):
        raise PydanticCustomError("list", "Input should be a list")
    return value


def _check_alias(alias: str) -> str:
    if alias not in settings.DATABASES:
        aliases = ", ".join(map(repr, settings.DATABASES))
        raise PydanticCustomError("alias", "Input should be one of {aliases}", {"aliases": aliases})
    return alias


def _check_unhandled(unhandled: str) -> str:
    if unhandled == "keep" and not apps.is_installed("gcp_event_router.inbox"):
        raise PydanticCustomError("inbox", "'keep' needs \"gcp_event_router.inbox\" in INSTALLED_APPS")
    return unhandled


def _check_tracing(tracing: bool) -> bool:
    if tracing and find_spec("opentelemetry") is None:
        raise PydanticCustomError("otel", "True needs the package gcp-event-router[otel]")
    return tracing


def _meta_keys(names: frozenset[str]) -> frozenset[str]:
    return frozenset(f"HTTP_{name.upper().replace('-', '_')}" for name in names)


#: For types that settings do not name.
_MESSAGES = {
    "tuple_type": "Input should be a list",
    "frozen_set_type": "Input should be a list",
    "model_type": "Input should be a dict",
}
_Count = Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)]
_Duration = Annotated[timedelta, Field(gt=timedelta(0))]
_Header = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9-]+$")]
_SOURCE_URL = r"^https?://([^{}\s]|\{line\})*\{path\}([^{}\s]|\{line\}|\{path\})*$"


class _Section(BaseModel):
    """Settings with their defaults filled in. The fields are the keys; an error quotes a field's description."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class InboxSettings(_Section):
    """`GCP_EVENT_ROUTER["INBOX"]`."""

    DATABASE: Annotated[str, AfterValidator(_check_alias)] | None = Field(
        default=None, description="the alias of the inbox's database"
    )
    LEASE: _Duration = Field(default=timedelta(minutes=5), description="a timedelta, in which one run of a handler ends")
    MAX_ATTEMPTS: _Count = Field(default=10, description="the number of failed runs that an event may have")
    #: A run is lost if its worker or the database is gone at its end. None: three times `MAX_ATTEMPTS`, ten at least.
    MAX_LOST: _Count | None = Field(default=None, description="the number of lost runs that an event may have")
    MAX_WAIT: _Duration = Field(default=timedelta(days=1), description="a timedelta, for which workers retry a handler")
    DEFERRED: bool = Field(default=False, description="True to run handlers after the sender is answered")
    #: For as long, duplicates are recognised.
    RETENTION: _Duration = Field(default=timedelta(days=14), description="a timedelta, for which finished events are kept")
    ERROR_TEXT: bool = Field(default=True, description="True to keep the text and traceback of a handler's exception")
    #: Of unwrapped pushes and unreadable requests; as keys of `request.META`.
    KEEP_HEADERS: Annotated[frozenset[_Header], AfterValidator(_meta_keys)] = Field(
        default=frozenset(), strict=False, description='a list of headers to keep, such as ["X-Region"]'
    )


class Settings(_Section):
    """`GCP_EVENT_ROUTER`."""

    #: One of them must accept a request. None: nobody may send, unless DEBUG is on.
    AUTHENTICATION: Annotated[tuple[AuthenticatorSetting, ...] | None, BeforeValidator(_check_list)] = Field(
        default=None, strict=False, description='[{"BACKEND": "dotted.path", "OPTIONS": {...}}], or [] to let everybody in'
    )
    #: Pub/Sub's largest message, 10 MB, is a body of 13.4 MB.
    MAX_BODY_SIZE: int = Field(default=15 * 1024 * 1024, gt=0, description="the number of bytes that a body may have")
    #: All of a batch is handled before the answer.
    MAX_BATCH: int = Field(default=1_000, gt=0, description="the number of events that a batch may have")
    UNHANDLED: Annotated[Literal["accept", "error", "keep"], AfterValidator(_check_unhandled)] = Field(
        default="accept",
        description='"accept" to answer 201, "error" to answer 400, or "keep" to store an event without a handler',
    )
    FAILURE_STATUS: int = Field(default=400, ge=400, le=599, description="the HTTP status for an unexpected exception")
    SIGNALS: Annotated[tuple[str, ...], BeforeValidator(_check_list)] = Field(
        default=(OWN_SIGNAL,),
        min_length=1,
        strict=False,
        description=f"a list of dotted paths of signals, such as [{OWN_SIGNAL!r}]",
    )
    INBOX: InboxSettings = Field(default=InboxSettings(), description='a dict such as {"MAX_ATTEMPTS": 5}')
    TRACING: Annotated[bool, AfterValidator(_check_tracing)] = Field(
        default=False, description="True to report events to OpenTelemetry, or False"
    )
    SOURCE_URL: str = Field(
        default="", pattern=_SOURCE_URL, description='a URL such as "https://github.com/me/shop/blob/main/{path}#L{line}"'
    )


@cache
def current() -> Settings:
    """Validate the project's settings. Raises `ConfigurationError` for a key or a value that cannot be used."""
    try:
        return Settings.model_validate(getattr(settings, NAME, {}))
    except ValidationError as error:
        raise ConfigurationError("\n".join(map(_describe, error.errors()))) from None


def _describe(error: ErrorDetails) -> str:
    """Say where a mistake is and what to write instead, without the value, which may be a secret."""
    path = error["loc"]
    section, key = (InboxSettings, path[1]) if path[:1] == ("INBOX",) and path[1:] else (Settings, path[0] if path else "")
    place = NAME + "".join(f"[{json.dumps(part)}]" for part in path)
    if error["type"] == "extra_forbidden":
        keys = sorted(AuthenticatorSetting.__annotations__ if key == "AUTHENTICATION" else section.model_fields)
        close = get_close_matches(str(path[-1]).upper(), keys, n=1)
        advice = f"Did you mean {close[0]!r}? " if close else ""
        return f"{place} does not exist. {advice}Choose from {', '.join(keys)}."
    field = section.model_fields.get(str(key))
    message = _MESSAGES.get(error["type"], error["msg"])
    return f"{place}: {message}." + (f" Write {field.description}." if field else "")


def _forget(*, setting: str, **_: object) -> None:
    if setting == NAME:
        current.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.conf")
