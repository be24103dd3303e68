"""Settings for mypy's Django plugin alone: it must know the models of the shop, too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "example"))
SECRET_KEY = "for type checks only"
INSTALLED_APPS = ["gcp_event_router", "shop"]
