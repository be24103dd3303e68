"""`manage.py events list`: lists the handlers."""

from __future__ import annotations

from json import dumps
from typing import Any

from django.core.management.base import OutputWrapper

from .._contract.channels import declared_words, manner
from .._dispatch.lookup import Registration
from .._globs.glob import GlobIndex
from .._schema.type_names import type_words
from ..router import EventRouter, events
from ..signals import event_received
from .output import place, receiver_name, table, width_of
from .subcommands import FORMAT, subcommand


@subcommand("List the handlers with their kinds, payloads and places in the code; and the plain receivers.", *FORMAT)
def list_handlers(out: OutputWrapper, *, json: bool, **_: Any) -> None:
    """Write the registrations in order, then the plain receivers, then the declared kinds without a handler, and the topics."""
    receivers = [receiver_name(receiver) for receiver in event_received.plain_receivers()]
    out.write(dumps(_fields(events, receivers), indent=2) if json else _text(events, receivers, width_of(out)))


def _text(router: EventRouter, receivers: list[str], width: int | None) -> str:
    rows = [
        (_kinds(registration), declared_words(handler), handler.name, place(handler.location), ", ".join(manner(handler)))
        for registration, handler in ((registration, registration.handler) for registration in router)
    ]
    titles = ("kind", "payload", "handler", "where", "how")
    parts = [table(rows, titles, head=2, width=width) if rows else "No handlers. Register one in an app's event_handlers.py."]
    index = GlobIndex((glob, glob) for registration in router for glob in registration.globs)
    unhandled = [name for name in router.kinds if not index.find(name)]
    topics = [f"{name} to {topic}" for name, topic in _topics(router).items()]
    if receivers:
        parts.append("\n  ".join(["plain receivers, which see every event", *receivers]))
    if unhandled:
        parts.append("\n  ".join(["declared kinds without a handler here", *unhandled]))
    if topics:
        parts.append("\n  ".join(["published by default", *topics]))
    return "\n\n".join(parts)


def _topics(router: EventRouter) -> dict[str, str]:
    """The topics of declared kinds."""
    return {name: kind.topic for name, kind in router.kinds.items() if kind.topic}


def _kinds(registration: Registration) -> str:
    if registration.is_fallback:
        pattern = registration.globs[0].pattern
        return "(fallback)" if pattern == "*" else f"(fallback for {pattern})"
    kinds = ", ".join(glob.pattern for glob in registration.globs)
    parts = [kinds] if kinds else []
    parts += [f"ce_type={registration.ce_type.pattern}"] if registration.ce_type else []
    return " ".join([*parts, *([str(registration.attributes)] if registration.attributes else [])])


def _fields(router: EventRouter, receivers: list[str]) -> dict[str, Any]:
    return {
        "handlers": [
            {
                "kinds": [glob.pattern for glob in registration.globs],
                "ce_type": registration.ce_type and registration.ce_type.pattern,
                "attributes": registration.attributes.patterns,
                "fallback": registration.is_fallback,
                "handler": handler.name,
                "where": place(handler.location),
                "payload": declared_words(handler, "payload_type"),
                "parameters": declared_words(handler, "parameters_type"),
                "async": handler.is_async,
                "once": handler.options.once,
                "deferred": handler.options.deferred,
                "lease_seconds": handler.options.lease and handler.options.lease.total_seconds(),
                "max_attempts": handler.options.max_attempts,
                "retry": handler.options.retry and str(handler.options.retry),
                "once_key": handler.options.once_key is not None,
                "order_by": handler.options.order or None,
            }
            for registration, handler in ((registration, registration.handler) for registration in router)
        ],
        "receivers": receivers,
        "declared": {name: type_words(kind.payload_type) for name, kind in router.kinds.items()},
        "topics": _topics(router),
    }
