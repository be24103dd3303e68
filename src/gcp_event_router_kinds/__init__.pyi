# The parts of the library whose types depend on the kinds that a project declares. `manage.py events stubs` writes a module of
# this name into the project, `gcp_event_router_kinds.pyi`, which type checkers read in place of this one, so that they know the
# project's kinds. Without it, a kind is any string.

from gcp_event_router._event_urls import get_event_url
from gcp_event_router.router import EventRouter as Events
from gcp_event_router.testing.client import Pusher, apush, push

__all__ = ["Events", "Pusher", "apush", "get_event_url", "push"]
