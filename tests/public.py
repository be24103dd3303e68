"""Every public path: what README, docs, CHANGELOG and the typing tests import. Kept as it is until a release says otherwise."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Final

from gcp_event_router.exceptions import ConfigurationError

#: The names of each public module, without the package's own name.
PUBLIC: Final[dict[str, str]] = {
    "": "Backoff Event EventRouter Outcome Principal EventRouterError Reject Retry events",
    "asgi": "guard_bodies",
    "auth": "Authenticator BodyAuthenticator CurlHint GitHub HMACSignature Handshake Linear OIDC Paddle PagerDuty Provider"
    " SharedToken Shopify SignatureScheme SignedURL Slack Square StandardWebhooks Stripe Svix Twilio Zendesk",
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
    "inbox.erasure": "Match erase",
    "inbox.replay": "replay",
    "inbox.selections": "Selection",
    "inbox.tasks": "run_delivery",
    "kinds": "Kind",
    "lifecycle": "event_rejected handler_finished handler_started",
    "outbox.erasure": "Match erase",
    "outbox.models": "OutgoingEvent",
    "outbox.purge": "purge",
    "outbox.retry": "discard retry",
    "outbox.selections": "OutgoingSelection",
    "outbox.transports": "HTTP HeldBackError Local NotAcknowledgedError PubSub Transport",
    "privacy": "Personal",
    "publishing": "Publisher",
    "router": "AsyncCallNext CallNext Consulted EventRouter Explanation Glob Handler Middleware Registration events",
    "signals": "EventSignal event_received",
    "testing": "CloudEventMessage CloudEventRequest EventMessage EventTestMixin FORMS Published PublishedEvent Pushed Recording"
    " Rejection TokenSigner apush batch examples isolated published push record relay_now",
    "testing.plugin": "APush Push",
    "urls": "urlpatterns",
    "urls_async": "urlpatterns",
    "utils": "DecodedPubSubMessage decode_pubsub_message get_event_url make_pubsub_message",
    "views": "AsyncEventView EventView",
}


def missing(extras: Collection[str] = ()) -> list[str]:
    """Import every public name, and return the paths that are gone. What needs one of the extras may lack it."""
    gone: list[str] = []
    for module, names in PUBLIC.items():
        path = f"gcp_event_router.{module}".rstrip(".")
        for name in names.split():
            try:
                getattr(import_module(path), name)
            except AttributeError:
                gone.append(f"{path}.{name}")
            except (ImportError, ConfigurationError) as error:
                is_extra = any(f" {extra}, which is not installed" in str(error) for extra in extras)
                if getattr(error, "name", "").partition(".")[0] not in extras and not is_extra:
                    raise
    return gone
