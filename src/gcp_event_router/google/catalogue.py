"""Which type of CloudEvents carries which model.

`checks` asks for the model of a type that a handler names. Nothing is imported before it is asked for.

Facts: the options `cloud_event_type` in the events.proto of each product, and the README's table, of
googleapis/google-cloudevents.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Final

from .base import Model

__all__ = ["model_of", "types"]


def types() -> frozenset[str]:
    """All types whose model is known."""
    return frozenset(_MODELS)


def model_of(event_type: str) -> type[Model] | None:
    """The model of a type's payload in JSON, or None for a type that is not known."""
    place = _MODELS.get(event_type)
    if place is None:
        return None
    module, name = place
    model: type[Model] = getattr(import_module(f"{__package__}.{module}"), name)
    return model


_CHANGES: Final = ("created", "updated", "deleted", "written")
_DOCUMENT: Final = (*_CHANGES, *(f"{change}.withAuthContext" for change in _CHANGES))
_OBJECT: Final = ("finalized", "archived", "deleted", "metadataUpdated")

#: What types begin with, what they end with, the module and the model.
_TABLE: Final = (
    ("google.cloud.audit.log.v1", ("written",), "audit", "LogEntryData"),
    ("google.cloud.cloudbuild.build.v1", ("statusChanged",), "cloudbuild", "BuildEventData"),
    ("google.cloud.firestore.document.v1", _DOCUMENT, "firestore", "DocumentEventData"),
    ("google.cloud.pubsub.topic.v1", ("messagePublished",), "pubsub", "MessagePublishedData"),
    ("google.cloud.scheduler.job.v1", ("executed",), "scheduler", "SchedulerJobData"),
    ("google.cloud.storage.object.v1", _OBJECT, "storage", "StorageObjectData"),
    ("google.firebase.analytics.log.v1", ("written",), "analytics", "AnalyticsLogData"),
    ("google.firebase.auth.user.v1", ("created", "deleted"), "auth", "AuthEventData"),
    ("google.firebase.auth.user.v2", ("created", "updated", "deleted"), "auth", "AuthEventDataV2"),
    ("google.firebase.database.ref.v1", _CHANGES, "database", "ReferenceEventData"),
    ("google.firebase.firebasealerts.alerts.v1", ("published",), "alerts", "AlertData"),
    ("google.firebase.remoteconfig.remoteConfig.v1", ("updated",), "remoteconfig", "RemoteConfigEventData"),
    ("google.firebase.testlab.testMatrix.v1", ("completed",), "testlab", "TestMatrixEventData"),
)


_MODELS: Final = MappingProxyType({f"{stem}.{end}": (module, name) for stem, ends, module, name in _TABLE for end in ends})
