"""Public annotations resolve at run time, for the tools that read them: documentation, dependency injection, serialisers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_type_hints

from .public import PUBLIC


def annotated(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A function of this package; or a class, with its public methods and properties."""
    if not getattr(value, "__module__", "").startswith("gcp_event_router"):
        return
    if inspect.isfunction(value) or inspect.isclass(value):
        yield name, value
    for member, found in vars(value).items() if inspect.isclass(value) else ():
        # the function of a method, a property or a cached property
        function = next(
            (getattr(found, attribute) for attribute in ("__func__", "fget", "func") if hasattr(found, attribute)), found
        )
        if inspect.isfunction(function) and (member == "__init__" or not member.startswith("_")):
            yield from annotated(f"{name}.{member}", function)


def public() -> Iterator[tuple[str, Any]]:
    """All of them by their paths: what is documented, and what modules with documented names export."""
    for part, documented in PUBLIC.items():
        module = import_module(f"gcp_event_router.{part}".rstrip("."))
        exported = () if part == "testing.plugin" else getattr(module, "__all__", ())  # pytest calls the plugin's fixtures
        for name in {*documented.split(), *exported}:
            yield from annotated(f"{part}.{name}", getattr(module, name))


def test_public_annotations() -> None:
    """`typing.get_type_hints` knows each name in the annotations of public classes, functions and methods."""
    unknown: list[str] = []
    paths: set[str] = set()
    for path, value in public():
        paths.add(path)
        try:
            get_type_hints(value)
        except NameError as error:
            unknown.append(f"{path}: {error}")
    assert sorted(unknown) == []
    assert {".Event", "signals.EventSignal.deliver", "envelopes.Envelope.publish_time", "router.Handler.call"} <= paths
