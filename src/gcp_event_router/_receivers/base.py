"""The types of receivers of an event signal: plain ones, and those of routers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from ..outcomes import Outcome

Receiver: TypeAlias = Callable[..., Any]
Responses: TypeAlias = list[tuple[Receiver, Any]]


class TwoPhase(Protocol):
    """The work of a `RouterReceiver` for one event, in a sync and an async part."""

    @property
    def blocking(self) -> bool:
        """Whether `run` has anything to do."""
        ...

    @property
    def awaits(self) -> bool:
        """Whether `finish` has anything to await."""
        ...

    def run(self) -> None:
        """Do the sync part; failures are kept for `finish`."""

    async def finish(self) -> Outcome:
        """Do the rest and return the outcome, or raise."""
        ...

    def complete(self) -> Outcome:
        """Do both parts."""
        ...


class RouterReceiver:
    """The receiver of a router: it serves `send` and `asend`, and gets the raw event.

    Wrappers call it as a plain receiver; then it gets the raw event from `find_broadcast`.
    """

    def __call__(self, *, event_kind: str, event_reference: str, **named: Any) -> object:
        """Handle an event, given the arguments of a plain receiver."""
        raise NotImplementedError

    def handle(self, kind: str, reference: str, raw_event: Any) -> Outcome:
        """Handle a raw event."""
        raise NotImplementedError

    def split(self, kind: str, reference: str, raw_event: Any) -> TwoPhase:
        """Prepare the handling in two parts."""
        raise NotImplementedError

    def read(self, event_payload: object = None, event_parameters: Any = None) -> Any:
        """Make the raw event from the arguments of somebody else's `send`."""
        raise NotImplementedError


def is_router_receiver(receiver: object) -> bool:
    """Whether a receiver is a router's. `isinstance` would be true for a proxy, too."""
    return issubclass(type(receiver), RouterReceiver)


def is_for_routers(receiver: Any) -> bool:
    """Whether a receiver is a router's, or Sentry's wrapper of one, which ignores the arguments."""
    if is_router_receiver(receiver):
        return True
    module = str(getattr(receiver, "__globals__", {}).get("__name__"))
    return module.startswith("sentry_sdk.") and is_router_receiver(getattr(receiver, "__wrapped__", None))
