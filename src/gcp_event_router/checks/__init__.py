"""System checks: what would fail later, said when the project starts. Registered by `apps`.

Each has a stable id, a message that says what was found where, and a hint that says what to write. Authenticators check their
own options for a deployment; their messages are with them.
"""

from __future__ import annotations

from .deployment import check_deployment
from .handlers import check_router
from .project import check_project

__all__ = ["check_deployment", "check_project", "check_router"]
