"""`GCP_EVENT_ROUTER`: one dict in the project's settings, validated once.

`apps` calls `current()` at start-up, so that a mistake stops the project there. Dotted paths stay text: their users import them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from types import NoneType
from typing import Any, Final, Literal, NamedTuple, NotRequired, cast

from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, SchemaValidator, ValidationError
from pydantic_core import core_schema as core
from typing_extensions import TypedDict

from .backoff import Backoff
from .exceptions import ConfigurationError

__all__ = [
    "MAX_ATTEMPTS",
    "AuthenticatorSetting",
    "InboxSetting",
    "InboxSettings",
    "OutboxSetting",
    "OutboxSettings",
    "RouterSettings",
    "Settings",
    "TransportSetting",
    "current",
]

NAME: Final = "GCP_EVENT_ROUTER"
OWN_SIGNAL: Final = "gcp_event_router.signals.event_received"
#: The highest number that the inbox can count to.
MAX_ATTEMPTS: Final = 32_767
_ORIGIN: Final = r"[a-z0-9._-]+|\*"
_SOURCE_URL: Final = r"https?://([^{}\s]|\{line\})*\{path\}([^{}\s]|\{line\}|\{path\})*"


class AuthenticatorSetting(TypedDict):
    """One entry of `AUTHENTICATION`, in Django's usual form."""

    BACKEND: str
    OPTIONS: NotRequired[dict[str, Any]]


class TransportSetting(TypedDict):
    """The entry `TRANSPORT` of `OUTBOX`, in the same form."""

    BACKEND: str
    OPTIONS: NotRequired[dict[str, Any]]


# A new key goes into `InboxSettings` and `INBOX_KEYS`, too.
class InboxSetting(TypedDict, total=False):
    """The type of the entry `INBOX`."""

    DATABASE: str
    LEASE: timedelta
    MAX_ATTEMPTS: int
    MAX_LOST: int
    MAX_WAIT: timedelta
    DEFERRED: bool
    RETENTION: timedelta
    ERROR_TEXT: bool
    KEEP_HEADERS: list[str] | tuple[str, ...]
    RETRY: Backoff
    NOTIFY: bool


# A new key goes into `OutboxSettings` and `OUTBOX_KEYS`, too.
class OutboxSetting(TypedDict, total=False):
    """The type of the entry `OUTBOX`."""

    DATABASE: str
    TRANSPORT: TransportSetting
    LEASE: timedelta
    BATCH: int
    MAX_ATTEMPTS: int
    RETRY: Backoff
    RETENTION: timedelta
    ERROR_TEXT: bool
    NOTIFY: bool


# A new key goes into `Settings` and `ROUTER_KEYS`, too.
class RouterSettings(TypedDict, total=False):
    """The type of `GCP_EVENT_ROUTER`, for projects that check the types of their settings."""

    AUTHENTICATION: list[AuthenticatorSetting] | tuple[AuthenticatorSetting, ...]
    MAX_BODY_SIZE: int
    MAX_BATCH: int
    UNHANDLED: Literal["accept", "error", "keep"]
    FAILURE_STATUS: int
    SIGNALS: list[str] | tuple[str, ...]
    INBOX: InboxSetting
    OUTBOX: OutboxSetting
    TRACING: bool
    SOURCE_URL: str
    WEBHOOK_ORIGINS: list[str] | tuple[str, ...]


def _check_list(value: Any) -> Any:
    """Refuse collections that may be empty by mistake, such as a set or a generator."""
    if not issubclass(type(value), (list, tuple, NoneType)):
        raise PydanticCustomError("list", "Input should be a list")
    return value


def _check_some(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse an empty list; pydantic's own limit counts valid items only."""
    if not value:
        raise PydanticCustomError("too_short", "Input should have at least one item")
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


def _check_source_url(url: str) -> str:
    if url and not re.fullmatch(_SOURCE_URL, url):
        msg = "Input should be a URL with {path}, such as 'https://github.com/me/shop/blob/main/{path}#L{line}'"
        raise PydanticCustomError("source_url", msg)
    return url


def _check_origin(origin: str) -> str:
    if not re.fullmatch(_ORIGIN, origin):
        msg = 'Input should be a name such as "eventgrid.azure.net", or "*" for all senders'
        raise PydanticCustomError("origin", msg)
    return origin


def _meta_keys(names: frozenset[str]) -> frozenset[str]:
    return frozenset(f"HTTP_{name.upper().replace('-', '_')}" for name in names)


def _check_section(value: Any) -> Any:
    if type(value) is not dict:
        raise PydanticCustomError("section", "Input should be a dict")
    return cast("object", value)


class InboxSettings(NamedTuple):
    """`GCP_EVENT_ROUTER["INBOX"]`, with its defaults."""

    #: The alias of the inbox's database; None for the default of its model.
    DATABASE: str | None = None
    #: One run of a handler ends within this time.
    LEASE: timedelta = timedelta(minutes=5)
    #: How many runs of a delivery may fail.
    MAX_ATTEMPTS: int = 10
    #: How many runs may be lost, because the worker or the database is gone. None: three times `MAX_ATTEMPTS`, ten at least.
    MAX_LOST: int | None = None
    #: How long workers retry a handler.
    MAX_WAIT: timedelta = timedelta(days=1)
    #: Whether handlers run after the sender is answered.
    DEFERRED: bool = False
    #: How long finished events are kept, and duplicates recognised.
    RETENTION: timedelta = timedelta(days=14)
    #: Whether the text and the traceback of a handler's exception are kept.
    ERROR_TEXT: bool = True
    #: The headers to keep of unwrapped pushes and unreadable requests; as keys of `request.META`.
    KEEP_HEADERS: frozenset[str] = frozenset()
    #: When a handler that has failed is tried again, unless it has a policy of its own.
    RETRY: Backoff = Backoff()
    #: Whether storing a deferred delivery wakes the workers at once, on PostgreSQL.
    NOTIFY: bool = True


class OutboxSettings(NamedTuple):
    """`GCP_EVENT_ROUTER["OUTBOX"]`, with its defaults."""

    #: The alias of the outbox's database; None for the default of its model.
    DATABASE: str | None = None
    #: What sends the events. The default handles them in this project.
    TRANSPORT: TransportSetting = TransportSetting(BACKEND="gcp_event_router.outbox.transports.Local")
    #: A relay that is gone keeps its events for this long.
    LEASE: timedelta = timedelta(minutes=1)
    #: How many events a relay takes at once.
    BATCH: int = 200
    #: How many attempts to send an event may fail.
    MAX_ATTEMPTS: int = 50
    #: When an event that could not be sent is tried again.
    RETRY: Backoff = Backoff(first=timedelta(seconds=1), cap=timedelta(minutes=5))
    #: How long events are kept after they were sent.
    RETENTION: timedelta = timedelta(days=7)
    #: Whether the text and the traceback of a transport's exception are kept.
    ERROR_TEXT: bool = True
    #: Whether publishing wakes the relays at once, on PostgreSQL.
    NOTIFY: bool = True


class Settings(NamedTuple):
    """`GCP_EVENT_ROUTER`, with its defaults."""

    #: One of them must accept a request. None: nobody may send, unless DEBUG is on. Empty: everybody may.
    AUTHENTICATION: tuple[AuthenticatorSetting, ...] | None = None
    #: In bytes. Pub/Sub's largest message, 10 MB, is a body of 13.4 MB.
    MAX_BODY_SIZE: int = 15 * 1024 * 1024
    #: How many events a batch may have. All of them are handled before the answer.
    MAX_BATCH: int = 1_000
    #: How to treat an event without a handler: answer 201, answer 400, or store it in the inbox.
    UNHANDLED: Literal["accept", "error", "keep"] = "accept"
    #: The HTTP status for an unexpected exception.
    FAILURE_STATUS: int = 400
    #: The dotted paths of the signals to which `events` listens.
    SIGNALS: tuple[str, ...] = (OWN_SIGNAL,)
    INBOX: InboxSettings = InboxSettings()
    OUTBOX: OutboxSettings = OutboxSettings()
    #: Whether events are reported to OpenTelemetry.
    TRACING: bool = False
    #: The URL of a line of source code, such as "https://github.com/me/shop/blob/main/{path}#L{line}".
    SOURCE_URL: str = ""
    #: The senders of CloudEvents that may send here if they ask for it by OPTIONS, such as "eventgrid.azure.net"; "*" for all.
    WEBHOOK_ORIGINS: frozenset[str] = frozenset()


def _section(made: Callable[..., object], keys: Mapping[str, CoreSchema]) -> CoreSchema:
    fields = {key: core.typed_dict_field(schema, required=False) for key, schema in keys.items()}
    given = core.no_info_before_validator_function(_check_section, core.typed_dict_schema(fields, extra_behavior="forbid"))
    return core.no_info_after_validator_function(lambda values: made(**values), given)


def _listed(schema: CoreSchema) -> CoreSchema:
    return core.no_info_before_validator_function(_check_list, schema)


# What each key takes, in the schemas of pydantic's core: its models would take most of the time of a start.
_TEXT: Final = core.str_schema(strict=True)
_SWITCH: Final = core.bool_schema(strict=True)
_COUNT: Final = core.int_schema(ge=1, le=MAX_ATTEMPTS, strict=True)
_DURATION: Final = core.timedelta_schema(gt=timedelta(0), strict=True)
_BACKEND: Final = core.typed_dict_schema(
    {
        "BACKEND": core.typed_dict_field(core.str_schema(), required=True),
        "OPTIONS": core.typed_dict_field(core.dict_schema(core.str_schema(), core.any_schema()), required=False),
    },
    extra_behavior="forbid",
)
_BOX: Final[Mapping[str, CoreSchema]] = {
    "DATABASE": core.nullable_schema(core.no_info_after_validator_function(_check_alias, _TEXT)),
    "LEASE": _DURATION,
    "MAX_ATTEMPTS": _COUNT,
    "RETRY": core.is_instance_schema(Backoff),
    "RETENTION": _DURATION,
    "ERROR_TEXT": _SWITCH,
    "NOTIFY": _SWITCH,
}
_HEADER: Final = core.str_schema(pattern="^[A-Za-z0-9-]+$", strict=True)
INBOX_KEYS: Final[Mapping[str, CoreSchema]] = {
    **_BOX,
    "MAX_LOST": core.nullable_schema(_COUNT),
    "MAX_WAIT": _DURATION,
    "DEFERRED": _SWITCH,
    "KEEP_HEADERS": core.no_info_after_validator_function(_meta_keys, core.frozenset_schema(_HEADER)),
}
OUTBOX_KEYS: Final[Mapping[str, CoreSchema]] = {
    **_BOX,
    "TRANSPORT": _BACKEND,
    "BATCH": core.int_schema(gt=0, le=10_000, strict=True),
}
_UNHANDLED: Final = core.literal_schema(["accept", "error", "keep"])
_ORIGINS: Final = core.frozenset_schema(
    core.no_info_after_validator_function(_check_origin, core.str_schema(to_lower=True, strict=True))
)
ROUTER_KEYS: Final[Mapping[str, CoreSchema]] = {
    "AUTHENTICATION": _listed(core.nullable_schema(core.tuple_schema([_BACKEND], variadic_item_index=0))),
    "MAX_BODY_SIZE": core.int_schema(gt=0, strict=True),
    "MAX_BATCH": core.int_schema(gt=0, strict=True),
    "UNHANDLED": core.no_info_after_validator_function(_check_unhandled, _UNHANDLED),
    "FAILURE_STATUS": core.int_schema(ge=400, le=599, strict=True),
    "SIGNALS": _listed(core.no_info_after_validator_function(_check_some, core.tuple_schema([_TEXT], variadic_item_index=0))),
    "INBOX": _section(InboxSettings, INBOX_KEYS),
    "OUTBOX": _section(OutboxSettings, OUTBOX_KEYS),
    "TRACING": core.no_info_after_validator_function(_check_tracing, _SWITCH),
    "SOURCE_URL": core.no_info_after_validator_function(_check_source_url, _TEXT),
    "WEBHOOK_ORIGINS": _listed(_ORIGINS),
}


@cache
def current() -> Settings:
    """Validate the project's settings. Raises `ConfigurationError` for a key or a value that cannot be used."""
    try:
        validator = SchemaValidator(_section(Settings, ROUTER_KEYS))
        return cast("Settings", validator.validate_python(getattr(settings, NAME, {})))
    except ValidationError as error:
        raise ConfigurationError("\n".join(map(_describe, error.errors()))) from None


def _describe(error: ErrorDetails) -> str:
    """Say where a mistake is and what to write there, without a value that may be a secret."""
    from ._setting_mistakes import describe_mistake, place_of  # noqa: PLC0415 -- a start without mistakes does not need it

    path = error["loc"]
    place = place_of(NAME, path)
    if error["type"] != "extra_forbidden":
        return describe_mistake(place, error)
    section = _SECTIONS[tuple(part for part in path[:-1] if isinstance(part, str))]
    keys = sorted(section.__annotations__)
    close = get_close_matches(str(path[-1]).upper(), keys, n=1)
    advice = f"Did you mean {close[0]!r}? " if close else ""
    return f"{place} does not exist. {advice}Choose from {', '.join(keys)}."


#: The types of the sections, by the keys that lead to them.
_SECTIONS: Final[Mapping[tuple[str, ...], type[Any]]] = {
    (): RouterSettings,
    ("AUTHENTICATION",): AuthenticatorSetting,
    ("INBOX",): InboxSetting,
    ("OUTBOX",): OutboxSetting,
    ("OUTBOX", "TRANSPORT"): TransportSetting,
}


def _forget(*, setting: str, **_: object) -> None:
    if setting == NAME:
        current.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.conf")
