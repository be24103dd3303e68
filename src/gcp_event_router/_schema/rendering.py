"""What a JSON Schema is to type checkers; `definitions` makes them, `samples` and `channels` read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

__all__ = ["Schema"]

Schema: TypeAlias = Mapping[str, Any]
