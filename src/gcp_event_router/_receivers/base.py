"""The types of an event signal's receivers: plain ones, and those of routers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from ..outcomes import Outcome

Receiver: TypeAlias = Callable[..., Any]
#: Pairs of a receiver and its response or exception.
Responses: TypeAlias = list[tuple[Receiver, Any]]


class TwoPhase(Protocol):
    """A router's work for one event: `complete` does all of it; or `run` the sync part, and then `finish` the rest."""

    @property
    def blocking(self) -> bool:
        """Whether `run` has anything to do."""
        ...

    @property
    def awaits(self) -> bool:
        """Whether `finish` has anything to await."""
        ...

    def run(self) -> None:
        """Do the sync part, and keep failures for `finish`."""

    async def finish(self) -> Outcome:
        """Do the rest and return the outcome, or raise."""
        ...

    def complete(self) -> Outcome:
        """Do both parts."""
        ...


class RouterReceiver:
    """The receiver of a router. Called as a plain receiver, by a wrapper, it gets the raw event from `find_broadcast`."""

    def __call__(self, **named: Any) -> object:
        """Handle an event from the arguments of a plain receiver."""
        raise NotImplementedError

    def handle(self, kind: str, reference: str, raw_event: Any) -> Outcome:
        """Handle a raw event from sync code. Raises the handlers' exceptions."""
        raise NotImplementedError

    def split(self, kind: str, reference: str, raw_event: Any) -> TwoPhase:
        """Prepare the handling of a raw event in two phases."""
        raise NotImplementedError

    def read(self, event_payload: object = None, event_parameters: Any = None) -> Any:
        """Make the raw event from the arguments of a project's own `send`."""
        raise NotImplementedError


def labels(named: Mapping[str, Any]) -> tuple[str, str]:
    """Return the kind and the reference among the arguments of `send`. Raises `TypeError` if a router cannot use them."""
    kind, reference = named.get("event_kind"), named.get("event_reference")
    if isinstance(kind, str) and isinstance(reference, str):
        return kind, reference
    name, value = ("event_reference", reference) if isinstance(kind, str) else ("event_kind", kind)
    problem = f"with {name}= of type {type(value).__name__}" if name in named else f"without {name}="
    msg = f"A signal was sent to a router {problem}. Give send() the strings event_kind= and event_reference=."
    raise TypeError(msg)


def is_router_receiver(receiver: object) -> bool:
    """Whether a receiver is a router's. `isinstance` would be true for a proxy, too."""
    return issubclass(type(receiver), RouterReceiver)


def receiver_name(receiver: Receiver) -> str:
    """Return the name of a receiver for messages."""
    return getattr(receiver, "__qualname__", type(receiver).__qualname__)


def unwrapped(receiver: Any) -> Any:
    """Return the receiver in a wrapper of Sentry's SDK, which passes all arguments on; any other receiver as it is."""
    module = str(getattr(receiver, "__globals__", {}).get("__name__"))
    return getattr(receiver, "__wrapped__", receiver) if module.startswith("sentry_sdk.") else receiver
