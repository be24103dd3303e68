"""Connects the shop's older receivers; its handlers need no such line."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class ShopConfig(AppConfig):
    """The Django app `shop`."""

    name = "shop"

    @override
    def ready(self) -> None:
        """Import the receivers, which connects them."""
        from . import receivers  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport] -- needs models
