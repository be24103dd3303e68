"""What is connected to an event signal: plain receivers, and the receivers of routers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from ..outcomes import Outcome

__all__ = ["Receiver", "Responses", "RouterReceiver", "TwoPhase", "is_for_routers", "is_router_receiver"]

Receiver: TypeAlias = Callable[..., Any]


Responses: TypeAlias = list[tuple[Receiver, Any]]


class TwoPhase(Protocol):
    """The work of a `RouterReceiver` for one event, in a part for a thread and a part for the event loop."""

    @property
    def blocking(self) -> bool:
        """Whether `run` has anything to do."""
        ...

    @property
    def awaits(self) -> bool:
        """Whether `finish` has anything to await."""
        ...

    def run(self) -> None:
        """Do what must not block the loop; keeps its failures for `finish`."""

    async def finish(self) -> Outcome:
        """Do the rest and return the outcome, or raise."""
        ...

    def complete(self) -> Outcome:
        """Do both at once."""
        ...


class RouterReceiver:
    """A receiver that serves `send` and `asend` alike, and is given what arrived. Routers connect one.

    Whatever wraps it calls it as a plain receiver; it then asks `find_broadcast` for what arrived.
    """

    def __call__(self, *, event_kind: str, event_reference: str, **named: Any) -> object:
        """Do all the work, given the arguments of a plain receiver."""
        raise NotImplementedError

    def handle(self, kind: str, reference: str, raw_event: Any) -> Outcome:
        """Do all the work."""
        raise NotImplementedError

    def split(self, kind: str, reference: str, raw_event: Any) -> TwoPhase:
        """Prepare the same work in its two parts."""
        raise NotImplementedError

    def read(self, event_payload: object = None, event_parameters: Any = None) -> Any:
        """Make what arrived of an event that somebody else sent."""
        raise NotImplementedError


def is_router_receiver(receiver: object) -> bool:
    """Whether a receiver is a router's own; a proxy of one only says that it is."""
    return issubclass(type(receiver), RouterReceiver)


def is_for_routers(receiver: Any) -> bool:
    """Whether a receiver is a router's own, or what Sentry makes of one, which looks at none of the arguments."""
    if is_router_receiver(receiver):
        return True
    module = str(getattr(receiver, "__globals__", {}).get("__name__"))
    return module.startswith("sentry_sdk.") and is_router_receiver(getattr(receiver, "__wrapped__", None))
