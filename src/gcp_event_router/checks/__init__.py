"""System checks, which report at start what would fail later. `apps` registers them.

Each message has a stable id, and a hint that says what to write. Authenticators check their own options for a deployment.
"""

from __future__ import annotations

from .deployment import check_deployment
from .handlers import check_router
from .project import check_project

__all__ = ["check_deployment", "check_project", "check_router"]
