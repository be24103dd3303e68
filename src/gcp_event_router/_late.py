"""Imports names when they are used, since few processes need all of them: those of a package (PEP 562), and checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from django.core.checks import CheckMessage


def late_attribute(package: str, modules: Mapping[str, str], name: str) -> Any:
    """Return a name of a package, from the module that has it. Raises `AttributeError` for any other name."""
    if name not in modules:
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(modules[name], package), name)


@cache  # Django registers a function once
def late_check(package: str, name: str) -> Callable[..., list[CheckMessage]]:
    """Return a system check that imports the check of that name, from a package's module `checks`: a server runs none."""

    def check(**options: Any) -> list[CheckMessage]:
        messages: list[CheckMessage] = getattr(import_module(".checks", package), name)(**options)
        return messages

    return check
