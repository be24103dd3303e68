"""`manage.py events explain KIND`: shows why each handler runs for a kind, or does not."""

from __future__ import annotations

from json import dumps
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from .._dispatch.explanation import Explanation
from ..auth import configured
from ..exceptions import ConfigurationError
from ..router import events
from ..signals import event_received
from .arguments import ATTRIBUTE, kind_and_type, printable, similar_kind
from .output import place, receiver_name
from .subcommands import FORMAT, argument, subcommand


@subcommand(
    "Show why each handler runs for a kind, or does not.",
    argument("kind", type=printable, metavar="KIND", help="a kind such as order-placed, or a CloudEvents type"),
    argument("--ce-type", metavar="TYPE", help="the type of the CloudEvent"),
    ATTRIBUTE,
    *FORMAT,
)
def explain(
    out: OutputWrapper, *, kind: str, ce_type: str | None, attribute: list[tuple[str, str]], json: bool, **_: Any
) -> None:
    """Write each registration with its reason, the plain receivers, and the authenticators. Fails if no handler runs."""
    explanation = events.explain(*kind_and_type(kind, ce_type), dict(attribute))
    receivers = [receiver_name(receiver) for receiver in event_received.plain_receivers()]
    out.write(dumps(_fields(explanation, receivers), indent=2) if json else _text(explanation, receivers))
    if not explanation.handlers:
        msg = f"No handler runs for {explanation.kind!r}. {similar_kind(explanation.kind)}See manage.py events list."
        raise CommandError(msg)


def _text(explanation: Explanation, receivers: list[str]) -> str:
    lines = str(explanation).splitlines()[:1]
    for considered in explanation.consulted:
        handler = considered.registration.handler
        lines += [f"  {'runs ' if considered.runs else 'skips'} {handler.name} ({place(handler.location)})"]
        lines += [f"        {considered.reason}"]
        if considered.runs and handler.options.order:
            lines += [f"        ordered by {handler.options.order}"]
        if considered.runs and handler.options.retry:
            lines += [f"        retries {handler.options.retry}"]
        if considered.runs:
            lines += [f"        within {step.name} ({place(step.location)})" for step in considered.registration.middleware]
    lines += ["plain receivers, which see every event:", *(f"  {name}" for name in receivers or ["none"])]
    lines += ["authenticators:", *(f"  {name}" for name in _authenticators())]
    topic = _topic(explanation.kind)
    lines += ["published by default:", f"  to {topic}"] if topic else []
    return "\n".join(lines)


def _fields(explanation: Explanation, receivers: list[str]) -> dict[str, Any]:
    return {
        "kind": explanation.kind,
        "ce_type": explanation.ce_type,
        "attributes": dict(explanation.attributes),
        "consulted": [
            {
                "handler": considered.registration.handler.name,
                "where": place(considered.registration.handler.location),
                "runs": considered.runs,
                "reason": considered.reason,
                "order_by": considered.registration.handler.options.order or None,
                "retry": retry and str(retry),
                "middleware": [step.name for step in considered.registration.middleware],
            }
            for considered in explanation.consulted
            for retry in [considered.registration.handler.options.retry]
        ],
        "receivers": receivers,
        "authenticators": _authenticators(),
        "topic": _topic(explanation.kind),
    }


def _topic(kind: str) -> str:
    """The topic to which a kind is published by default; empty if none is declared."""
    declared = events.kinds.get(kind)
    return "" if declared is None else declared.topic


def _authenticators() -> list[str]:
    """The authenticators in the settings; a project's own view may have others."""
    try:
        authenticators = configured().authenticators
    except ConfigurationError as error:
        return [f"none; the settings are invalid, so nobody may send: {error}"]
    if authenticators is None:
        return ["none; AUTHENTICATION is not set, so nobody may send unless DEBUG is on"]
    names = [f"{type(authenticator).__module__}.{type(authenticator).__qualname__}" for authenticator in authenticators]
    return names or ["none; AUTHENTICATION is [], so everybody may send"]
