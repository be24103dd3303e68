"""The transports: where the relay sends events. `GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]` names one by its dotted path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..._late import late_attribute
from .base import HeldBackError, NotAcknowledgedError, Transport

if TYPE_CHECKING:
    from .google_pubsub import PubSub
    from .local import Local
    from .post import HTTP

__all__ = ["HTTP", "HeldBackError", "Local", "NotAcknowledgedError", "PubSub", "Transport"]

#: A project uses one of them.
_MODULES: Final = {"HTTP": ".post", "Local": ".local", "PubSub": ".google_pubsub"}


def __getattr__(name: str) -> Any:
    """Import a transport when it is used."""
    return late_attribute(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
