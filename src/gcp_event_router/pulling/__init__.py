"""Pulls events from a Pub/Sub subscription, for `manage.py events pull`: the same events, in the same router.

`puller` delivers each message as a push, and acknowledges or returns it; `here` delivers to this process's handlers, `forward` to
a URL; `stream` reads the subscription, and needs google-cloud-pubsub.
"""

from __future__ import annotations

from .forward import Forward
from .here import Here
from .puller import DeliveryResult, Destination, PulledMessage, Puller, as_push

__all__ = ["DeliveryResult", "Destination", "Forward", "Here", "PulledMessage", "Puller", "as_push"]
