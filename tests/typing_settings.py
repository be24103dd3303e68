"""Settings for mypy's Django plugin alone: it must know the models of the shop, too."""

from __future__ import annotations

import sys
from pathlib import Path

from .settings import *  # noqa: F403 -- the same settings, and one app more

sys.path.append(str(Path(__file__).resolve().parent.parent / "example"))
INSTALLED_APPS = ["gcp_event_router", "shop"]
