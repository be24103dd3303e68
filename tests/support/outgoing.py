"""Events of the outbox that are about to be sent, without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gcp_event_router.outbox.models import OutgoingEvent

KEY = "3f2b8c1e-7d4a-4a51-9c2f-0d6a5c1b2e3f"
CREATED = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def outgoing(
    data: bytes = b'{"a": 1}', *, kind: str = "k", key: str = KEY, topic: str = "", cause: str = "", **more: Any
) -> OutgoingEvent:
    """Make an event; `more` may have its attributes, its ordering key, and its trace."""
    metadata = json.dumps(more) if more else ""
    return OutgoingEvent(key=UUID(key), kind=kind, topic=topic, data=data, metadata=metadata, cause=cause, created_at=CREATED)
