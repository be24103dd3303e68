"""OpenTelemetry's SDK, set up once for the process of the tests: what is exported stays in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, Metric, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

__all__ = ["READER", "SPANS", "described", "instruments", "measured", "points_of"]

SPANS = InMemorySpanExporter()
READER = InMemoryMetricReader()

_provider = TracerProvider()
_provider.add_span_processor(SimpleSpanProcessor(SPANS))
trace.set_tracer_provider(_provider)
metrics.set_meter_provider(MeterProvider([READER]))

Point = tuple[str, int, dict[str, Any]]


def described(span: ReadableSpan) -> dict[str, Any]:
    """All of a span but its ids and times."""
    return {
        "name": span.name,
        "kind": span.kind.name,
        "status": (span.status.status_code.name, span.status.description),
        "events": [event.name for event in span.events],
        "attributes": dict(span.attributes or {}),
    }


def measured() -> list[Point]:
    """All measurements since the process began: the name, how many, and the attributes."""
    return [
        (metric.name, point.count if isinstance(point, HistogramDataPoint) else int(point.value), dict(point.attributes or {}))
        for _, metric, point in _points()
    ]


def instruments(name: str) -> dict[str, tuple[Any, ...]]:
    """What a library measures, by its name: by each instrument, the library with its version, unit, description and bounds."""
    return {
        metric.name: (scope.name, scope.version, metric.unit, metric.description, getattr(point, "explicit_bounds", None))
        for scope, metric, point in _points()
        if scope.name == name
    }


def points_of(name: str) -> Iterator[tuple[str, HistogramDataPoint | NumberDataPoint]]:
    """The measurements of a library, each with the name of its instrument."""
    return ((metric.name, point) for scope, metric, point in _points() if scope.name == name)


def _points() -> Iterator[tuple[InstrumentationScope, Metric, HistogramDataPoint | NumberDataPoint]]:
    data = READER.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    if isinstance(point, (HistogramDataPoint, NumberDataPoint)):
                        yield scope.scope, metric, point
