"""Whether a site still takes what its senders send: two documents compared, or two JSON Schemas. Pure; for `events schema`."""

from __future__ import annotations

from .change import Change
from .documents import document_changes
from .schemas import changes

__all__ = ["Change", "changes", "document_changes"]
