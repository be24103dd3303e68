"""Events that are fetched from a Pub/Sub subscription instead of being pushed: the same events, in the same router.

`manage.py events pull` is made of it. `messages` makes a pulled message the push that it would have been; `puller` has a
destination deliver it, and acknowledges it or gives it back; `here` delivers to this process's handlers, `forward` to a URL;
`stream` is the subscription itself, and alone needs google-cloud-pubsub.
"""

from __future__ import annotations

from .forward import Forward
from .here import Here
from .puller import DeliveryResult, Destination, PulledMessage, Puller, as_push

__all__ = ["DeliveryResult", "Destination", "Forward", "Here", "PulledMessage", "Puller", "as_push"]
