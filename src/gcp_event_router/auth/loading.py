"""Creates the authenticators that the settings name by dotted path, with options."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from inspect import Parameter, isclass, signature
from typing import Any

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from .. import conf
from ..exceptions import ConfigurationError
from .base import Authenticator
from .chain import AuthenticatorChain, require_authenticator


@cache
def configured() -> AuthenticatorChain:
    """Return the chain of the settings, made once. Raises `ConfigurationError` for an authenticator that cannot be created."""
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
        msg = f"The authenticator {path!r} cannot be imported{_import_problem(path, error)}"
        raise ConfigurationError(msg) from error
    try:
        authenticator: Authenticator = backend(**options)
    except ConfigurationError:
        raise
    except Exception as error:
        names = ", ".join(sorted(map(str, options))) or "none"
        problem = f". {_advice(backend, options)}" if isinstance(error, TypeError) else f": it raised {type(error).__name__}."
        msg = f"The authenticator {path!r} cannot be created with its OPTIONS ({names}){problem}"
        raise ConfigurationError(msg) from error
    require_authenticator(authenticator, repr(path))
    return authenticator


def _import_problem(path: str, error: Exception) -> str:
    if not isinstance(error, ImportError):
        return f", since its module raises {type(error).__name__}. Fix the module, or name another."
    if isinstance(error, ModuleNotFoundError) and not (error.name and path.startswith(error.name)):
        return f", since its module imports {error.name!r}, which is not installed."
    return ". Give the dotted path of a class as its BACKEND."


def _advice(backend: object, options: dict[str, Any]) -> str:
    """List the options that an authenticator takes, if its signature shows them."""
    if not isclass(backend) and not callable(backend):
        return "Give the dotted path of a class as its BACKEND."
    try:
        parameters = signature(backend).parameters.values()
    except (TypeError, ValueError):
        return "Check its options."
    names = [
        parameter.name for parameter in parameters if parameter.kind not in {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}
    ]
    for name in options:
        if name not in names and (close := get_close_matches(str(name), names, n=1)):
            return f"Did you mean {close[0]!r}? It takes {', '.join(names)}."
    return f"It takes {', '.join(names)}." if names else "It takes none."


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.auth")
