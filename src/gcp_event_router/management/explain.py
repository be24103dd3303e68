"""`manage.py events explain KIND`: why an event of a kind reaches which handlers."""

from __future__ import annotations

from json import dumps
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from .._dispatch.lookup import Explanation
from ..auth import configured
from ..exceptions import ConfigurationError
from ..router import events
from ..signals import event_received
from .arguments import kind_or_type, named
from .output import place, receiver_name
from .subcommands import FORMAT, argument, subcommand


@subcommand(
    "Say for each handler why it runs for a kind, or why not.",
    argument("kind", type=kind_or_type, metavar="KIND", help="such as order-placed; or a CloudEvents type"),
    argument("--ce-type", metavar="TYPE", help="the type of the CloudEvent, if it is one"),
    *FORMAT,
)
def explain(out: OutputWrapper, *, kind: str, ce_type: str | None, json: bool, **_: Any) -> None:
    """Write every registration with its reason, plain receivers, and who is let in. Fails if no handler runs."""
    explanation = events.explain(*named(kind, ce_type))
    receivers = [receiver_name(receiver) for receiver in event_received.plain_receivers()]
    out.write(_json(explanation, receivers) if json else _text(explanation, receivers))
    if not explanation.handlers:
        msg = f"No handler runs for {explanation.kind!r}."
        raise CommandError(msg)


def _text(explanation: Explanation, receivers: list[str]) -> str:
    title, *_ = str(explanation).splitlines()
    lines = [title]
    for each in explanation.consulted:
        handler = each.registration.handler
        lines += [f"  {'runs ' if each.runs else 'skips'} {handler.name} ({place(handler.location)})", f"        {each.reason}"]
        if each.runs:
            lines += [f"        within {around.name} ({place(around.location)})" for around in each.registration.middleware]
    lines += ["plain receivers, which see every event:", *(f"  {name}" for name in receivers or ["none"])]
    lines += ["let in by:", *(f"  {name}" for name in _authenticators())]
    return "\n".join(lines)


def _json(explanation: Explanation, receivers: list[str]) -> str:
    found = {
        "kind": explanation.kind,
        "ce_type": explanation.ce_type,
        "consulted": [
            {
                "handler": each.registration.handler.name,
                "where": place(each.registration.handler.location),
                "runs": each.runs,
                "reason": each.reason,
                "middleware": [around.name for around in each.registration.middleware],
            }
            for each in explanation.consulted
        ],
        "receivers": receivers,
        "authenticators": _authenticators(),
    }
    return dumps(found, indent=2)


def _authenticators() -> list[str]:
    """Who lets requests in, by the settings; a view of the project's own may have others."""
    try:
        authenticators = configured().authenticators
    except ConfigurationError as error:
        return [f"nobody, since the settings cannot be used: {error}"]
    if authenticators is None:
        return ["nobody, unless DEBUG is on: AUTHENTICATION is not set"]
    return [f"{type(each).__module__}.{type(each).__qualname__}" for each in authenticators] or [
        "everybody: AUTHENTICATION is []"
    ]
