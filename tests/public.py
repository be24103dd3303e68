"""Every public path: what README, docs, CHANGELOG and the typing tests import. Kept as it is until a release says otherwise."""

from __future__ import annotations

from importlib import import_module
from typing import Final

#: The names of each public module, without the package's own name.
PUBLIC: Final[dict[str, str]] = {
    "": "Event EventRouter Outcome Principal EventRouterError Reject Retry events",
    "asgi": "guard_bodies",
    "auth": "Authenticator OIDC SharedToken SignedURL",
    "auth.base": "query",
    "catalogue.urls": "urlpatterns",
    "checks": "check_router",
    "conf": "RouterSettings",
    "contexts": "CurrentEvent current_event",
    "envelopes": "CloudEvent CloudTask Envelope PubSubPush PubSubUnwrapped SchedulerJob",
    "exceptions": "AuthenticationError ConfigurationError ErrorDetail ForbiddenError InvalidEventError RegistrationError"
    " UnavailableError",
    "formatters": "CloudLoggingFormatter EventContextFilter",
    "google.alerts": "AlertData",
    "google.analytics": "AnalyticsLogData",
    "google.artifactregistry": "ImageNotification",
    "google.audit": "LogEntryData",
    "google.auth": "AuthEventData AuthEventDataV2",
    "google.base": "Bytes Duration Int64 Model Struct Timestamp",
    "google.billing": "BudgetAttributes BudgetNotification",
    "google.catalogue": "model_of types",
    "google.cloudbuild": "BuildEventData HashType Status",
    "google.database": "ReferenceEventData",
    "google.enums": "OpenEnum",
    "google.firestore": "DocumentEventData",
    "google.gmail": "MailboxNotification",
    "google.logs": "LogEntry LogSeverity",
    "google.pubsub": "MessagePublishedData",
    "google.remoteconfig": "RemoteConfigEventData RemoteConfigUpdateType",
    "google.scheduler": "SchedulerJobData",
    "google.storage": "NotificationAttributes StorageObjectData",
    "google.testlab": "TestMatrixEventData TestState",
    "inbox.replay": "replay",
    "inbox.selections": "Selection",
    "inbox.tasks": "run_delivery",
    "kinds": "Kind",
    "lifecycle": "event_rejected handler_finished handler_started",
    "publishing": "Publisher",
    "router": "AsyncCallNext CallNext Consulted EventRouter Explanation Glob Handler Middleware Registration events",
    "signals": "EventSignal event_received",
    "testing": "CloudEventMessage CloudEventRequest EventMessage EventTestMixin FORMS Pushed Recording Rejection TokenSigner"
    " apush batch examples isolated push record",
    "testing.plugin": "APush Push",
    "urls": "urlpatterns",
    "urls_async": "urlpatterns",
    "utils": "DecodedPubSubMessage decode_pubsub_message get_event_url make_pubsub_message",
    "views": "AsyncEventView EventView",
}


def missing() -> list[str]:
    """Import all of it, and return the paths that are not there."""
    gone: list[str] = []
    for module, names in PUBLIC.items():
        path = f"gcp_event_router.{module}".rstrip(".")
        found = import_module(path)
        gone += [f"{path}.{name}" for name in names.split() if not hasattr(found, name)]
    return gone
