"""Creates the objects that settings name by dotted path, with options."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, Final

from django.utils.module_loading import import_string

from .exceptions import ConfigurationError

#: Where our own classes are, by the noun for them.
_PACKAGES: Final = {"authenticator": "gcp_event_router.auth", "transport": "gcp_event_router.outbox.transports"}
#: How similar the name of one must be to be suggested.
_ALIKE: Final = 0.8
#: The kinds of `*args` and `**kwargs`.
_STARRED: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def import_backend(noun: str, path: str) -> Any:
    """Import what a setting names, such as `"authenticator"`. Raises `ConfigurationError` if that fails."""
    try:
        return import_string(path)
    except ConfigurationError:
        raise
    except Exception as error:
        problem = str(error) if isinstance(error, ImportError) else f"its module raised {type(error).__name__}"
        advice = _near(noun, path) or "Give the dotted path of a class as its BACKEND."
        msg = f"The {noun} {path!r} cannot be imported: {problem}. {advice}"
        raise ConfigurationError(msg) from error


def create_backend(noun: str, path: str, options: dict[str, Any]) -> Any:
    """Create what a setting names. Raises `ConfigurationError`, which names its options, but no values: they may be secrets."""
    backend = import_backend(noun, path)
    if not callable(backend):
        advice = "Give the dotted path of a class as its BACKEND."
        msg = f"The {noun} {path!r} is of type {type(backend).__name__}, not a class. {advice}"
        raise ConfigurationError(msg)
    try:
        return backend(**options)
    except ConfigurationError:
        raise
    except Exception as error:
        names = ", ".join(sorted(map(str, options))) or "none"
        msg = f"The {noun} {path!r} cannot be created with its OPTIONS ({names}): {_describe(error, backend, options)}"
        raise ConfigurationError(msg) from error


def _near(noun: str, path: str) -> str:
    """Suggest the class of ours that a path resembles by its last part; or ""."""
    package = _PACKAGES[noun]
    names = {name.casefold(): name for name in import_module(package).__all__ if name[0].isupper()}
    close = get_close_matches(path.rpartition(".")[2].casefold(), names, 1, _ALIKE)
    ours = f"{package}.{names[close[0]]}" if close else path
    return "" if ours == path else f"Did you mean {ours!r}?"


def _describe(error: Exception, backend: Any, options: Collection[str]) -> str:
    """Describe why options do not fit: by one that is unknown or missing, or else by the type of the exception."""
    problem = f"it raised {type(error).__name__}."
    try:
        parameters = signature(backend).parameters
    except (TypeError, ValueError):  # not callable, or written in C
        return problem
    if isinstance(error, TypeError):
        problem = _unknown(parameters, options) or _missing(parameters, options) or problem
    return f"{problem} It takes {', '.join(parameters) or 'none'}."


def _unknown(parameters: Mapping[str, Parameter], options: Iterable[str]) -> str:
    """Name an option that a signature does not have; or ""."""
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return ""
    for name in sorted(set(options) - parameters.keys()):
        close = get_close_matches(name, parameters, 1)
        return f"it has no option {name!r}.{f' Did you mean {close[0]!r}?' if close else ''}"
    return ""


def _missing(parameters: Mapping[str, Parameter], options: Collection[str]) -> str:
    """Name the options that a signature needs, and does not get; or ""."""
    needed = [
        repr(name)
        for name, parameter in parameters.items()
        if parameter.default is Parameter.empty and parameter.kind not in _STARRED and name not in options
    ]
    return f"it needs {', '.join(needed)}." if needed else ""
