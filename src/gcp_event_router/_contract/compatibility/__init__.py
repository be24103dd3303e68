"""Compares two documents, or two JSON Schemas: does the site still take what its senders send? For `events schema --check`."""

from __future__ import annotations

from .documents import document_changes
from .schemas import Change, changes

__all__ = ["Change", "changes", "document_changes"]
