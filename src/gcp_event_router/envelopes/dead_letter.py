"""Reads the attributes with which Pub/Sub forwards a message to a dead-letter topic.

Facts: "Dead-letter topics" in Pub/Sub's documentation. Whoever publishes a message may write them, so they only ever park it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from .base import parse_time

#: The attribute that makes a message a dead letter: the name of the subscription that gave it up.
SUBSCRIPTION_ATTRIBUTE: Final = "CloudPubSubDeadLetterSourceSubscription"
_PROJECT: Final = "CloudPubSubDeadLetterSourceSubscriptionProject"
_COUNT: Final = "CloudPubSubDeadLetterSourceDeliveryCount"
_PUBLISHED: Final = "CloudPubSubDeadLetterSourceTopicPublishTime"
#: The names of subscriptions and projects; a project's may begin with a domain.
_NAME: Final = re.compile(r"[A-Za-z][\w.~+%-]{0,254}", re.ASCII)
_PROJECT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.:-]{0,99}")
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
#: Times are between these years.
_YEARS: Final = (1970, 9999)


class DeadLetter(NamedTuple):
    """What Pub/Sub says about a message that it has given up, and forwarded to a dead-letter topic."""

    #: The subscription that gave it up, as `projects/P/subscriptions/S`.
    subscription: str
    #: How often that subscription delivered it, approximately.
    deliveries: int | None
    #: When the message was published for the first time; the forwarded copy has a time and an id of its own.
    publish_time: datetime | None


def read_dead_letter(get: Callable[[str], str | None]) -> DeadLetter | None:
    """Read the attributes, given a function that finds one by its name; None for any other message."""
    name, project = get(SUBSCRIPTION_ATTRIBUTE), get(_PROJECT)
    if name is None or project is None or not (_NAME.fullmatch(name) and _PROJECT_NAME.fullmatch(project)):
        return None
    count, published = get(_COUNT) or "", get(_PUBLISHED)
    return DeadLetter(
        f"projects/{project}/subscriptions/{name}",
        int(count) if _NUMBER.fullmatch(count) else None,
        None if published is None else _time(published),
    )


def _time(text: str) -> datetime | None:
    """Parse a time; None also near the limits of `datetime`, where one cannot calculate, and where databases have no times."""
    time = parse_time(text)
    return time if time is not None and _YEARS[0] < time.year < _YEARS[1] else None
