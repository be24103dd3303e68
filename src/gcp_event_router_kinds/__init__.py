"""The parts of the library whose types depend on the kinds that a project declares, for type checkers only.

`manage.py events stubs` writes a module of this name into the project, `gcp_event_router_kinds.pyi`. Type checkers find it first
and read it in place of this one, so that they know the project's kinds. Without it, a kind is any string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gcp_event_router._event_urls import get_event_url
    from gcp_event_router.router import EventRouter as Events
    from gcp_event_router.testing.client import Pusher, apush, push

    __all__ = ["Events", "Pusher", "apush", "get_event_url", "push"]
