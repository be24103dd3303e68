"""Imports the names of a package when they are used (PEP 562), since few processes need all of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def late_attribute(package: str, modules: Mapping[str, str], name: str) -> Any:
    """Return a name of a package, from the module that has it. Raises `AttributeError` for any other name."""
    if name not in modules:
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(modules[name], package), name)
