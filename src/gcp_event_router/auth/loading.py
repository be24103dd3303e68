"""Creates the authenticators that the settings name by dotted path, with options."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from inspect import signature
from typing import Any

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from .. import conf
from ..exceptions import ConfigurationError
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
    """Create one; messages name its options, but no values, which may be secrets."""
    try:
        backend = import_string(path)
    except ConfigurationError:
        raise
    except Exception as error:
        problem = str(error) if isinstance(error, ImportError) else f"its module raised {type(error).__name__}"
        msg = f"The authenticator {path!r} cannot be imported: {problem}. Give the dotted path of a class as its BACKEND."
        raise ConfigurationError(msg) from error
    try:
        authenticator: Authenticator = backend(**options)
    except ConfigurationError:
        raise
    except Exception as error:
        names = ", ".join(sorted(map(str, options))) or "none"
        problem = f"it raised {type(error).__name__}.{_describe_parameters(backend)}"
        msg = f"The authenticator {path!r} cannot be created with its OPTIONS ({names}): {problem}"
        raise ConfigurationError(msg) from error
    require_authenticator(authenticator, repr(path))
    return authenticator


def _describe_parameters(backend: Any) -> str:
    try:
        names = ", ".join(signature(backend).parameters)
    except (TypeError, ValueError):  # not callable, or written in C
        return ""
    return f" It takes {names or 'none'}."


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.auth")
