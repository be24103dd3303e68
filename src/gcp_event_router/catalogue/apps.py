"""The Django app of the catalogue, with its templates and styles."""

from __future__ import annotations

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    """The Django app `gcp_event_router.catalogue`."""

    name: str = "gcp_event_router.catalogue"
    label: str = "gcp_event_catalogue"
    verbose_name: str = "Event catalogue"  # pyright: ignore[reportIncompatibleVariableOverride] -- as Django's documentation has it
