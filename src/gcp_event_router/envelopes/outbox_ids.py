"""Reads the two ids that travel with an event from an outbox: its own, and that of the event that caused it.

Whoever sends an event may write anything there, so all other text is ignored.
"""

from __future__ import annotations

import re
from typing import Final

#: The attributes of a Pub/Sub message that hold them.
ID_ATTRIBUTE: Final = "event-router-id"
CAUSE_ATTRIBUTE: Final = "event-router-cause"
#: The extension of a CloudEvent that holds the second: `causationid` of the documented extension "Correlation".
CAUSE_EXTENSION: Final = "causationid"
#: The most characters of a cause; the boxes store as many.
MAX_CAUSE: Final = 255
_CANONICAL_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read_outbox_id(text: str | None) -> str | None:
    """Return a text that is a UUID in its canonical form, in lower case; None for any other."""
    return text if text is not None and _CANONICAL_UUID.fullmatch(text) else None


def read_cause(text: str | None) -> str | None:
    """Return a text that can be the id of an event: 1 to 255 printable characters; None for any other."""
    return text if text is not None and 0 < len(text) <= MAX_CAUSE and text.isprintable() else None
