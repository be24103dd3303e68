"""Pulls events from a Pub/Sub subscription, for `manage.py events pull`: the same events, in the same router.

`puller` delivers each message as a push, and acknowledges or returns it; `destinations` are the handlers of this process and
URLs, to which `http` posts; `stream` reads the subscription, and needs google-cloud-pubsub.
"""

from __future__ import annotations

from .destinations import DeliveryResult, Destination, Forward, Here
from .puller import Puller, as_push

__all__ = ["DeliveryResult", "Destination", "Forward", "Here", "Puller", "as_push"]
