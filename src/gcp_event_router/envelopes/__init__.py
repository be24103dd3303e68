"""The forms in which an event arrives, each an `Envelope`: `read` reads whichever it is.

They are imported when they are used: the declaration of a handler needs `base` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .._late import late_attribute
from .base import Envelope, read_json

if TYPE_CHECKING:
    from .cloud_scheduler import SchedulerJob
    from .cloud_tasks import CloudTask
    from .cloudevents import MESSAGE_PUBLISHED, CloudEvent
    from .cloudevents_http import EVENT_META, EVENTARC_MODE, event_meta, is_batch, split_batch
    from .dead_letter import DeadLetter
    from .pubsub import PubSubPush, lacks_subscription, read_wrapped
    from .pubsub_unwrapped import PubSubUnwrapped
    from .reading import from_payload, read
    from .stored_headers import identify_unreadable, storable_headers
    from .webhook import DESCRIPTION, Handshake, Provider, SignedRequest, Webhook

__all__ = [
    "DESCRIPTION",
    "EVENTARC_MODE",
    "EVENT_META",
    "MESSAGE_PUBLISHED",
    "CloudEvent",
    "CloudTask",
    "DeadLetter",
    "Envelope",
    "Handshake",
    "Provider",
    "PubSubPush",
    "PubSubUnwrapped",
    "SchedulerJob",
    "SignedRequest",
    "Webhook",
    "event_meta",
    "from_payload",
    "identify_unreadable",
    "is_batch",
    "lacks_subscription",
    "read",
    "read_json",
    "read_wrapped",
    "split_batch",
    "storable_headers",
]

#: The modules of what a start does not need.
_MODULES: Final = {
    "CloudEvent": ".cloudevents",
    "CloudTask": ".cloud_tasks",
    "DESCRIPTION": ".webhook",
    "DeadLetter": ".dead_letter",
    "EVENTARC_MODE": ".cloudevents_http",
    "EVENT_META": ".cloudevents_http",
    "Handshake": ".webhook",
    "MESSAGE_PUBLISHED": ".cloudevents",
    "Provider": ".webhook",
    "PubSubPush": ".pubsub",
    "PubSubUnwrapped": ".pubsub_unwrapped",
    "SchedulerJob": ".cloud_scheduler",
    "SignedRequest": ".webhook",
    "Webhook": ".webhook",
    "event_meta": ".cloudevents_http",
    "from_payload": ".reading",
    "identify_unreadable": ".stored_headers",
    "is_batch": ".cloudevents_http",
    "lacks_subscription": ".pubsub",
    "read": ".reading",
    "read_wrapped": ".pubsub",
    "split_batch": ".cloudevents_http",
    "storable_headers": ".stored_headers",
}


def __getattr__(name: str) -> Any:
    """Import a form when it is used."""
    return late_attribute(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
