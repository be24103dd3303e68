"""What of a request may be kept: the headers that a form reads, and what tells it from other requests where none can read it.

Whoever may see events sees what is kept of them, and proxies and clients write secrets into headers of any name. So a header is
kept only if a form reads it by its name, if it may be an attribute of an unwrapped push, or if settings name it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final

from .base import SECRET, text_of
from .pubsub import shape_of
from .pubsub_unwrapped import is_unwrapped, may_be_attribute

__all__ = ["kept_meta", "tell_apart"]

_READ: Final = re.compile(
    r"CONTENT_TYPE|HTTP_(?:CE_[A-Z0-9]+|X_GOOG_PUBSUB_\w+|X_GOOG_ORDERING_KEY|X_CLOUDTASKS_\w+|X_CLOUDSCHEDULER\w*"
    r"|X_APPENGINE_(?:QUEUENAME|FAILFAST|TASK\w+))",
    re.ASCII,
)
#: What a sender writes into headers to tell its events apart.
_IDENTIFYING: Final = (
    "HTTP_CE_SOURCE",
    "HTTP_CE_ID",
    "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME",
    "HTTP_X_GOOG_PUBSUB_MESSAGE_ID",
    "HTTP_X_CLOUDTASKS_QUEUENAME",
    "HTTP_X_CLOUDTASKS_TASKNAME",
    "HTTP_X_APPENGINE_QUEUENAME",
    "HTTP_X_APPENGINE_TASKNAME",
    "HTTP_X_CLOUDSCHEDULER_JOBNAME",
    "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME",
)
_NAMING: Final = _IDENTIFYING[1::2]


def kept_meta(meta: Mapping[str, Any], also: Collection[str] = ()) -> dict[str, str]:
    """What of `request.META` may be kept beside the body.

    Args:
        meta: As `read` takes it.
        also: More headers, by their names in `request.META`.

    """
    unwrapped = is_unwrapped(meta)
    return {
        name: value
        for name, value in meta.items()
        if isinstance(value, str)
        and name not in SECRET
        and (_READ.fullmatch(name) or name in also or (unwrapped and may_be_attribute(name)))
    }


def tell_apart(body: bytes, meta: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """What tells a request that no form can read from others, and is the same whenever it is delivered.

    Returns:
        An id to look for, such as the message's; empty where there is none. And all that tells it apart.

    """
    named = [f"{name}={meta[name]}" for name in _IDENTIFYING if meta.get(name)]
    name = next((text_of(str(meta[name])) for name in _NAMING if meta.get(name)), "")
    push = _pushed(body)
    if push is None:
        return name, (sha256(body).hexdigest(), *named)
    return name or push[1], ("pubsub", *push, *named)  # the rest of a push differs between deliveries of one message


def _pushed(body: bytes) -> tuple[str, str] | None:
    """The subscription and the message's id of a push that is otherwise malformed."""
    if b'"message"' not in body:
        return None
    found = shape_of(body)
    if found is None:
        return None
    subscription, message = found.get("subscription"), found["message"]
    name = message.get("messageId") or message.get("message_id")
    return (subscription, str(name)) if name and isinstance(subscription, str) else None
