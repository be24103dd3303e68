"""Creates the authenticators that the settings name by dotted path, with options."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.core.signals import setting_changed

from .. import conf
from .._backends import create_backend
from .base import Authenticator
from .chain import AuthenticatorChain, require_authenticator


@cache
def configured() -> AuthenticatorChain:
    """Return the chain of the settings, created once. Raises `ConfigurationError` for an authenticator that cannot be created."""
    entries = conf.current().AUTHENTICATION
    return AuthenticatorChain(None if entries is None else load(entries))


def load(entries: Sequence[conf.AuthenticatorSetting]) -> tuple[Authenticator, ...]:
    """Create authenticators. Raises `ConfigurationError` for one that cannot be created."""
    return tuple(_create(entry["BACKEND"], entry.get("OPTIONS", {})) for entry in entries)


def _create(path: str, options: dict[str, Any]) -> Authenticator:
    authenticator: Authenticator = create_backend("authenticator", path, options)
    require_authenticator(authenticator, repr(path))
    return authenticator


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.auth")
