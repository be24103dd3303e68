"""`manage.py events list`: who handles what."""

from __future__ import annotations

from json import dumps
from typing import Any

from django.core.management.base import OutputWrapper

from .._contract.channels import declared_words, manner
from .._dispatch.lookup import Registration
from .._schema.type_names import type_words
from ..router import EventRouter, events
from ..signals import event_received
from .output import place, receiver_name, table
from .subcommands import FORMAT, subcommand

_TITLES = ("kind", "payload", "handler", "where", "how")


@subcommand("List the handlers, with their kinds, payloads and places; and the plain receivers.", *FORMAT)
def list_handlers(out: OutputWrapper, *, json: bool, **_: Any) -> None:
    """Write registrations in their order, then plain receivers, which see every event, and declared kinds."""
    out.write(dumps(_fields(events), indent=2) if json else _text(events))


def _text(router: EventRouter) -> str:
    rows = [
        (_kinds(each), declared_words(handler), handler.name, place(handler.location), ", ".join(manner(handler)))
        for each, handler in ((registration, registration.handler) for registration in router)
    ]
    parts = [table(rows, _TITLES)] if rows else ["No handlers. Register one in an app's event_handlers.py."]
    names = [receiver_name(each) for each in event_received.plain_receivers()]
    if names:
        parts.append("\n".join(["plain receivers, which see every event", *(f"  {name}" for name in names)]))
    unheard = [name for name in router.kinds if not any(router.find(name))]
    if unheard:
        parts.append("\n".join(["declared kinds that nothing here handles", *(f"  {name}" for name in unheard)]))
    return "\n\n".join(parts)


def _kinds(registration: Registration) -> str:
    if registration.is_fallback:
        pattern = registration.globs[0].pattern
        return "(what nothing else handles)" if pattern == "*" else f"(what nothing else handles of {pattern})"
    parts = [", ".join(glob.pattern for glob in registration.globs)] if registration.globs else []
    return " ".join([*parts, *([f"ce_type={registration.ce_type.pattern}"] if registration.ce_type else [])])


def _fields(router: EventRouter) -> dict[str, Any]:
    return {
        "handlers": [
            {
                "kinds": [glob.pattern for glob in each.globs],
                "ce_type": each.ce_type and each.ce_type.pattern,
                "fallback": each.is_fallback,
                "handler": each.handler.name,
                "where": place(each.handler.location),
                "payload": declared_words(each.handler, "payload_type"),
                "parameters": declared_words(each.handler, "parameters_type"),
                "async": each.handler.is_async,
                "once": each.handler.options.once,
                "deferred": each.handler.options.deferred,
                "lease_seconds": each.handler.options.lease and each.handler.options.lease.total_seconds(),
                "max_attempts": each.handler.options.max_attempts,
            }
            for each in router
        ],
        "receivers": [receiver_name(each) for each in event_received.plain_receivers()],
        "declared": {name: type_words(kind.payload_type) for name, kind in router.kinds.items()},
    }
