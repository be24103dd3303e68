"""Creates the objects that settings name by dotted path, with options."""

from __future__ import annotations

from inspect import signature
from typing import Any

from django.utils.module_loading import import_string

from .exceptions import ConfigurationError


def import_backend(noun: str, path: str) -> Any:
    """Import what a setting names, such as `"authenticator"`. Raises `ConfigurationError` if that fails."""
    try:
        return import_string(path)
    except ConfigurationError:
        raise
    except Exception as error:
        problem = str(error) if isinstance(error, ImportError) else f"its module raised {type(error).__name__}"
        msg = f"The {noun} {path!r} cannot be imported: {problem}. Give the dotted path of a class as its BACKEND."
        raise ConfigurationError(msg) from error


def create_backend(noun: str, path: str, options: dict[str, Any]) -> Any:
    """Create what a setting names. Raises `ConfigurationError`, which names its options, but no values: they may be secrets."""
    backend = import_backend(noun, path)
    try:
        return backend(**options)
    except ConfigurationError:
        raise
    except Exception as error:
        names = ", ".join(sorted(map(str, options))) or "none"
        problem = f"it raised {type(error).__name__}.{_describe_parameters(backend)}"
        msg = f"The {noun} {path!r} cannot be created with its OPTIONS ({names}): {problem}"
        raise ConfigurationError(msg) from error


def _describe_parameters(backend: Any) -> str:
    try:
        names = ", ".join(signature(backend).parameters)
    except (TypeError, ValueError):  # not callable, or written in C
        return ""
    return f" It takes {names or 'none'}."
