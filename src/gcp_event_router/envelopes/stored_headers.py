"""Selects the headers of a request that may be stored, and identifies requests that no form can read.

People who may see events see their stored headers, and proxies and clients put secrets into headers of any name. So a header is
stored only if a form reads it by its name, if it may be an attribute of an unwrapped push, or if the settings name it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final

from .base import CREDENTIAL_HEADERS, text_of
from .pubsub import shape_of
from .pubsub_unwrapped import is_unwrapped, may_be_attribute
from .webhook import DESCRIPTION

_READ: Final = re.compile(
    rf"CONTENT_TYPE|{re.escape(DESCRIPTION)}|HTTP_(?:CE_[A-Z0-9]+|X_GOOG_PUBSUB_\w+|X_GOOG_ORDERING_KEY"
    r"|X_CLOUDTASKS_\w+|X_CLOUDSCHEDULER\w*|X_APPENGINE_(?:QUEUENAME|FAILFAST|TASK\w+))",
    re.ASCII,
)
#: The headers in which senders identify their events: pairs of a container and an id.
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
_IDS: Final = _IDENTIFYING[1::2]


def storable_headers(meta: Mapping[str, Any], also: Collection[str] = ()) -> dict[str, str]:
    """Select the headers that may be stored with the body; `also` has the keys of further headers in `request.META`."""
    unwrapped = is_unwrapped(meta)
    return {
        name: value
        for name, value in meta.items()
        if isinstance(value, str)
        and name not in CREDENTIAL_HEADERS
        and (_READ.fullmatch(name) or name in also or (unwrapped and may_be_attribute(name)))
    }


def identify_unreadable(body: bytes, meta: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Identify a request that no form can read. The result is the same for all its deliveries.

    Returns an id to search for, such as the message's, or ""; and the whole identity.
    """
    named = [f"{name}={meta[name]}" for name in _IDENTIFYING if meta.get(name)]
    name = next((text_of(str(meta[name])) for name in _IDS if meta.get(name)), "")
    push = shape_of(body) or {"message": {}}
    subscription, message = push.get("subscription"), push["message"]
    message_id = message.get("messageId") or message.get("message_id")
    if not message_id or not isinstance(subscription, str):
        return name, (sha256(body).hexdigest(), *named)
    # the rest of a push differs between deliveries
    return name or str(message_id), ("pubsub", subscription, str(message_id), *named)
