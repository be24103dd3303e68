"""Authenticators as settings name them: by dotted path, with options. Read by `views` and by the system checks."""

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

__all__ = ["configured", "load"]


@cache
def configured() -> AuthenticatorChain:
    """The door of the settings, made once. Raises `ConfigurationError` for an authenticator that cannot be made."""
    entries = conf.current().AUTHENTICATION
    return AuthenticatorChain(None if entries is None else load(entries))


def load(entries: Sequence[conf.AuthenticatorSetting]) -> tuple[Authenticator, ...]:
    """Make the authenticators that settings name. Raises `ConfigurationError` for one that cannot be made."""
    return tuple(_made(entry["BACKEND"], entry.get("OPTIONS", {})) for entry in entries)


def _made(path: str, options: dict[str, Any]) -> Authenticator:
    """Its messages name options only: a value may be a secret."""
    try:
        backend = import_string(path)
    except ModuleNotFoundError as error:
        if error.name is not None and path.startswith(error.name):
            msg = f"The authenticator {path!r} cannot be imported. Give the dotted path of a class as its BACKEND."
        else:
            msg = f"The authenticator {path!r} cannot be imported, since its module imports {error.name!r}, which is not there."
        raise ConfigurationError(msg) from error
    except ImportError as error:
        msg = f"The authenticator {path!r} cannot be imported. Give the dotted path of a class as its BACKEND."
        raise ConfigurationError(msg) from error
    except ConfigurationError:
        raise
    except Exception as error:
        what = type(error).__name__
        msg = f"The authenticator {path!r} cannot be imported, since its module raises {what}. Mend the module, or name another."
        raise ConfigurationError(msg) from error
    given = ", ".join(sorted(map(str, options))) or "none"
    try:
        authenticator: Authenticator = backend(**options)
    except TypeError as error:
        msg = f"The authenticator {path!r} cannot be made with its OPTIONS ({given}). {_advice(backend, options)}"
        raise ConfigurationError(msg) from error
    except ConfigurationError:
        raise
    except Exception as error:
        what = type(error).__name__
        msg = f"The authenticator {path!r} cannot be made with its OPTIONS ({given}): it raised {what}. See what it asks for."
        raise ConfigurationError(msg) from error
    require_authenticator(authenticator, repr(path))
    return authenticator


def _advice(backend: object, options: dict[str, Any]) -> str:
    """Which options an authenticator takes, as far as its signature tells."""
    if not isclass(backend) and not callable(backend):
        return "Give the dotted path of a class as its BACKEND."
    try:
        parameters = signature(backend).parameters.values()
    except (TypeError, ValueError):
        return "Give those that it takes."
    known = [each.name for each in parameters if each.kind not in {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}]
    for name in options:
        if name not in known and (close := get_close_matches(str(name), known, n=1)):
            return f"Did you mean {close[0]!r}? It takes {', '.join(known)}."
    return f"It takes {', '.join(known)}." if known else "It takes none."


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.auth")
