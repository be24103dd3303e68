"""Gmail: a mailbox that has changed, to whoever has called `watch` on it.

Facts: "Configure push notifications" of the Gmail API's documentation.
"""

from __future__ import annotations

from .base import Model, UInt64

__all__ = ["MailboxNotification"]


class MailboxNotification(Model):
    """Whose mailbox has changed, and until when."""

    email_address: str = ""
    #: What `history.list` takes as `startHistoryId` the next time.
    history_id: UInt64 = 0
