"""Spans and metrics for OpenTelemetry, where `GCP_EVENT_ROUTER["TRACING"]` is on."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from django.core.signals import setting_changed

from .. import conf

if TYPE_CHECKING:
    from .opentelemetry import Span, Tracer
else:
    Span: TypeAlias = object

__all__ = ["Span", "switch", "tracer"]


class Switch:
    """Remembers that nothing is traced: it is asked for each event, and quicker than the settings."""

    __slots__ = ("is_off",)

    def __init__(self) -> None:
        #: Whether the setting is known to be off.
        self.is_off: bool = False


switch: Switch = Switch()


def tracer() -> Tracer | None:
    """Who makes spans; None where the setting is off."""
    if conf.current().TRACING:
        return _tracer()
    switch.is_off = True
    return None


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        switch.is_off = False


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.tracing")


@cache
def _tracer() -> Tracer:
    made: Tracer = import_module(".opentelemetry", __package__).Tracer()
    return made
