"""The full names of what the plugin looks for."""

from __future__ import annotations

from typing import Final

_PACKAGE: Final = "gcp_event_router"

ROUTER: Final = f"{_PACKAGE}.router.EventRouter"
EVENTS: Final = f"{_PACKAGE}.router.events"
KIND: Final = f"{_PACKAGE}.kinds.Kind"
HANDLER_OPTIONS: Final = f"{_PACKAGE}._dispatch.options.HandlerOptions"
PUBLISH_OPTIONS: Final = f"{_PACKAGE}.publishing.PublishOptions"
BACKOFF: Final = f"{_PACKAGE}.backoff.Backoff"
HANDLER_DECORATOR: Final = f"{_PACKAGE}.kinds.HandlerDecorator"
PAYLOAD_DECORATOR: Final = f"{_PACKAGE}.kinds.PayloadDecorator"
RECEIVER_DECORATOR: Final = f"{_PACKAGE}.signals.ReceiverDecorator"
EVENT: Final = f"{_PACKAGE}.event.Event"
PRINCIPAL: Final = f"{_PACKAGE}.event.Principal"
ENVELOPE: Final = f"{_PACKAGE}.envelopes.base.Envelope"
ANSWERS: Final = (f"{_PACKAGE}.outcomes.Reject", f"{_PACKAGE}.outcomes.Retry")
OUTCOME: Final = f"{_PACKAGE}.outcomes.Outcome"
EVENT_SIGNAL: Final = f"{_PACKAGE}.signals.EventSignal"
LIFECYCLE: Final = f"{_PACKAGE}.lifecycle."
LIFECYCLE_SIGNAL: Final = f"{_PACKAGE}.lifecycle.LifecycleSignal"
#: `manage.py events stubs` writes a module that has its own variants of these.
STUB: Final = "gcp_event_router_kinds"
#: What the stub returns for a kind that no declaration knows.
REFUSAL: Final = f"{STUB}.NoDeclaredKindHasThisName"
ROUTERS: Final = (ROUTER, f"{STUB}.Events")
GET_EVENT_URL: Final = (f"{_PACKAGE}._event_urls.get_event_url", f"{STUB}.get_event_url")
PUSHES: Final = tuple(f"{module}.{name}" for module in (f"{_PACKAGE}.testing.client", STUB) for name in ("push", "apush"))
#: Without a class, since mypy names the methods of a test case by the project's class.
ASSERTIONS: Final = ("assert_handled", "assertHandled", "assert_published", "assertPublished")
PUSHERS: Final = (f"{_PACKAGE}.testing.client.Pusher", f"{STUB}.Pusher")
SELECTION: Final = f"{_PACKAGE}.inbox.selections.Selection"
DJANGO_RECEIVER: Final = "django.dispatch.dispatcher.receiver"
#: The package of the models of Google's payloads, the base of all of them, and the module with their fields' types.
GOOGLE: Final = f"{_PACKAGE}.google"
GOOGLE_MODEL: Final = f"{GOOGLE}.base.Model"
GOOGLE_TYPES: Final = (f"{GOOGLE}.base.", f"{GOOGLE}.enums.")
BASE_MODEL: Final = "pydantic.main.BaseModel"
ROOT_MODEL: Final = "pydantic.root_model.RootModel"
#: What the daemon takes for a change of some payload, as if it were a name in a module.
PAYLOADS: Final = f"{_PACKAGE}.@payloads"
