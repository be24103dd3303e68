"""System checks, which report at start what would fail later. `apps` registers them.

Each message has a stable id, and a hint that says what to write. Authenticators check their own options for a deployment.

To add a check, write a generator in a module here, and call it in `check_router` (for the registrations of a router),
`check_project` or `check_deployment`.
"""

from __future__ import annotations

from .deployment import check_deployment
from .handlers import check_router
from .project import check_project

__all__ = ["check_deployment", "check_project", "check_router"]
