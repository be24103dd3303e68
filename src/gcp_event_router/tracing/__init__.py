"""Spans and metrics for OpenTelemetry, where `GCP_EVENT_ROUTER["TRACING"]` is on; `spans` imports it, and nothing else does."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from .. import conf

if TYPE_CHECKING:
    from .spans import Span, Tracer
else:
    Span: TypeAlias = object

__all__ = ["Span", "tracer"]


def tracer() -> Tracer | None:
    """Who makes spans; None where the setting is off."""
    return _tracer() if conf.current().TRACING else None


@cache
def _tracer() -> Tracer:
    made: Tracer = import_module(".spans", __name__).Tracer()
    return made
