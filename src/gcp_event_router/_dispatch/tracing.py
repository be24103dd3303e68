"""Finds who makes spans and metrics for OpenTelemetry, where `GCP_EVENT_ROUTER["TRACING"]` is on. Asked by `pipeline`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from .. import conf

if TYPE_CHECKING:
    from .opentelemetry import Span, Tracer
else:
    Span: TypeAlias = object
    Tracer: TypeAlias = object

__all__ = ["Span", "Tracer", "tracer"]


def tracer() -> Tracer | None:
    """Return who makes spans; None where the setting is off, and OpenTelemetry is not imported."""
    return _tracer() if conf.current().TRACING else None


@cache
def _tracer() -> Tracer:
    made: Tracer = import_module(".opentelemetry", __package__).Tracer()
    return made
