"""Bad uses: each must be an error of exactly the code (mypy) and the rule (pyright) that its ignores name."""
# pyright: strict
# off: what pyright says because of another error in the same line
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnusedExpression=false

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django_gcp.events import utils as legacy
from pydantic import BaseModel, TypeAdapter

from gcp_event_router import Event, EventRouter, Outcome, Principal, Reject, Retry, events
from gcp_event_router.auth import OIDC, Authenticator, SharedToken
from gcp_event_router.conf import RouterSettings
from gcp_event_router.envelopes import CloudEvent, CloudTask, PubSubPush, PubSubUnwrapped, SchedulerJob
from gcp_event_router.google.alerts import AlertData
from gcp_event_router.google.analytics import AnalyticsLogData
from gcp_event_router.google.artifactregistry import ImageNotification
from gcp_event_router.google.audit import LogEntryData
from gcp_event_router.google.auth import AuthEventData, AuthEventDataV2
from gcp_event_router.google.billing import BudgetAttributes, BudgetNotification
from gcp_event_router.google.catalogue import model_of, types
from gcp_event_router.google.cloudbuild import BuildEventData
from gcp_event_router.google.database import ReferenceEventData
from gcp_event_router.google.firestore import DocumentEventData
from gcp_event_router.google.gmail import MailboxNotification
from gcp_event_router.google.logs import LogEntry, LogSeverity
from gcp_event_router.google.pubsub import MessagePublishedData
from gcp_event_router.google.remoteconfig import RemoteConfigEventData
from gcp_event_router.google.scheduler import SchedulerJobData
from gcp_event_router.google.storage import NotificationAttributes, StorageObjectData
from gcp_event_router.google.testlab import TestMatrixEventData
from gcp_event_router.kinds import Kind
from gcp_event_router.publishing import Publisher
from gcp_event_router.router import CallNext
from gcp_event_router.signals import event_received
from gcp_event_router.testing import (
    CloudEventMessage,
    CloudEventRequest,
    EventMessage,
    Recording,
    TokenSigner,
    batch,
    examples,
    push,
)
from gcp_event_router.utils import decode_pubsub_message, get_event_url, make_pubsub_message


class Order(BaseModel):
    order_id: int


class Invoice(BaseModel):
    number: str


class Where(BaseModel):
    warehouse: int


# --- what an event holds


@events.on("a")
def handler(event: Event[Order, Where]) -> None:
    # a payload attribute that does not exist
    event.payload.total  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    # a payload attribute of another type
    event.payload.order_id + "1"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    # a parameter that the parameters' model does not have
    event.parameters.shelf  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    # a plain body has no message id
    event.envelope.message_id.upper()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    # perhaps nobody is known
    event.principal.email  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    # an event is frozen
    event.kind = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    # and so is what it holds
    event.payload = Order(order_id=1)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    # an envelope is read-only
    event.envelope.message_id = "1"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    # and so are its attributes
    event.envelope.attributes["a"] = "b"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


@events.on("a")
def without_model(event: Event[Order | None]) -> None:
    # the payload may be None
    event.payload.order_id  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    # without a model, a parameter is a string
    event.parameters["warehouse"] + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    # and the parameters are a dict
    event.parameters.warehouse  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


# --- what a handler is


# no parameter
@events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def no_parameter() -> None: ...


# a parameter that is not an event
@events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def no_event(order: Order) -> None: ...


# an event of nobody knows what
@events.on("a")
def no_payload_type(event: Event) -> None: ...  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument]


# a second parameter that nothing gives
@events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def two_parameters(event: Event[Order], more: int) -> None: ...


# the event is given by position
@events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def keyword_only(*, event: Event[Order]) -> None: ...


# a handler returns nothing
@events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def returns(event: Event[Order]) -> int:
    return 1


# nor does an async one
@events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def returns_async(event: Event[Order]) -> int:
    return 1


# calling a generator function runs nothing of it
@events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def generates(event: Event[Order]) -> Iterator[None]:
    yield


# nor does awaiting an async one
@events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def generates_async(event: Event[Order]) -> AsyncIterator[None]:
    yield


class Service:
    # a method without its object
    @events.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    def handle(self, event: Event[Order]) -> None: ...


@events.on("a")
async def awaited(event: Event[Order]) -> None: ...


@events.on("a", payload=Order)
async def explicit(event: Event[Order]) -> None: ...


async def calls(event: Event[Order], invoice: Event[Invoice]) -> None:
    # an async handler that nothing awaits
    awaited(event)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    # the same, registered with payload=
    explicit(event)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    # a sync handler has nothing to await
    await without_model(event)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    # the event of another payload
    await awaited(invoice)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# calling a class only makes an instance
events.on("a")(Order)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
# not a function
events.on("a")("handler")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]

# --- how it is registered


# another model than the annotation
@events.on("a", payload=Invoice)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def wrong_payload(event: Event[Order]) -> None: ...


# the same, async
@events.on("a", payload=Invoice)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def wrong_async_payload(event: Event[Order]) -> None: ...


# the same, by an adapter
@events.on("a", payload=TypeAdapter(list[Order]))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def wrong_adapter(event: Event[Order]) -> None: ...


# the payload's type is known where nothing is annotated
events.on("a", payload=Order)(lambda event: print(event.payload.total))  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
# an instance is not a type
events.on("a", payload=Order(order_id=1))  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
# nor is a type's name
events.on("a", payload="Order")  # type: ignore[deprecated]  # pyright: ignore[reportDeprecated]
# without a kind, nothing would reach a function
events.on()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
# a kind is a string
events.on(1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
# kinds are given one by one
events.on(["a", "b"])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


# the decorator needs kinds
@events.on  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
def not_called(event: Event[Order]) -> None: ...


# a fallback takes an event, too
@events.fallback  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def bad_fallback(order: Order) -> None: ...


# and no kinds
events.fallback("a")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
# a lease is a time
events.on("a", lease=60)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
# no such option
events.on("a", onse=False)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
# the same of a fallback
events.fallback(max_attempts="5")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
# neither a signal nor its path
EventRouter(signal=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# the same, later
events.listen(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# not a router
events.include("billing")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# a prefix is a string
events.include(EventRouter(), prefix=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# so is the kind that is explained
events.explain(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# a receiver is a function
event_received.connect(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# --- what handlers raise, and events in tests

# seconds? minutes?
Retry("later", after=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# a time is no reason
Retry(timedelta(seconds=5))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# what is rejected does not come again
Reject("never", after=timedelta(seconds=5))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# an outcome that does not exist
Outcome.IGNORED  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
# a status is set in the settings
Outcome.FAILED.status = 500  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
# no payload
Event("a", "1")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
# no parameters, which the handler's model needs
no_parameters: Event[Order, Where] = Event("a", "1", Order(order_id=1))  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
# a kind is a string
Event(1, "1", None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


def narrowed(event: Event[object]) -> Event[Order]:
    # an event of anything is not one of an order
    return event  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


# --- the endpoint


class WithoutRequest:
    async def authenticate(self) -> Principal | None:
        return None


class SaysYes:
    def authenticate(self, request: HttpRequest) -> bool:
        return True


# an authenticator takes a request
without_request: Authenticator = WithoutRequest()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
# and says who sent it
says_yes: Authenticator = SaysYes()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
# how is it known?
Principal()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# who was found out stays the same
Principal("header").method = "token"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
# a typo
typo: RouterSettings = {"AUTHENTICATON": []}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
# a value that is not a choice
choice: RouterSettings = {"UNHANDLED": "ignore"}  # type: ignore[typeddict-item]  # pyright: ignore[reportAssignmentType]
# an authenticator without its path
no_backend: RouterSettings = {"AUTHENTICATION": [{"OPTIONS": {}}]}  # type: ignore[typeddict-item]  # pyright: ignore[reportAssignmentType]

# --- Google's own payloads


@events.on("a")
def misread(event: Event[StorageObjectData]) -> None:
    # names are Python's
    event.payload.timeCreated  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    # not every object was deleted
    event.payload.time_deleted.year  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    # an integer, whatever JSON has
    event.payload.size + "1"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    # attributes are not a string
    NotificationAttributes.of(event.envelope.message_id)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@events.on("a")
def misordered(event: Event[LogEntry]) -> None:
    # a severity that is not known has no order
    print(event.payload.severity >= LogSeverity.ERROR)  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    # and no number
    event.payload.severity.number  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
    # no such member
    LogSeverity.FATAL  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    # perhaps there is none
    event.payload.json_payload["a"]  # type: ignore[index]  # pyright: ignore[reportOptionalSubscript]


# an integer in Python
StorageObjectData(size="many")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# what a notification always has
NotificationAttributes(event_type="OBJECT_FINALIZE")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# a type has a name
model_of(StorageObjectData)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# a type that is not known has no model
model_of("com.example.order").model_validate({})  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
# nothing is added to the catalogue
types().add("com.example.order")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
# in JSON only
AlertData().createTime  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
# perhaps nobody is known
AnalyticsLogData().user_dim.user_id  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
# there is no member for it
ImageNotification(action=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# perhaps it has none
LogEntryData().proto_payload.method_name  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
# Firebase's own name
AuthEventData().photoURL  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
# a user who was deleted
AuthEventDataV2().value.uid  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
# below every threshold
BudgetNotification().alert_threshold_exceeded + 1  # type: ignore[operator]  # pyright: ignore[reportOptionalOperand]
# what an alert always has
BudgetAttributes(budget_id="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# a status may be one that is not known
BuildEventData().status.number  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
# anything that JSON has
ReferenceEventData(data=object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# a document that was deleted
DocumentEventData().value.unwrap()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
# an integer in Python
MailboxNotification(history_id="many")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# perhaps it has none
MessagePublishedData().message.data  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
# perhaps nobody is known
RemoteConfigEventData().update_user.email  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
# bytes, which only JSON has as text
SchedulerJobData(custom_data="a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# perhaps it does not say
TestMatrixEventData().create_time.year  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]

# --- the utilities


def as_bytes() -> bytes:
    # this is a dict
    return make_pubsub_message({}, as_dict=True)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def as_dict() -> dict[str, object]:
    # this is bytes
    return make_pubsub_message({})  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


# attributes are strings
make_pubsub_message({}, attributes={"a": 1})  # type: ignore[dict-item]  # pyright: ignore[reportCallIssue, reportArgumentType]
# a time is not text
make_pubsub_message({}, publish_time="2026-01-01")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
# no message
decode_pubsub_message(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# a typo
decode_pubsub_message(b"")["message"]  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]
# no reference
get_event_url("a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# parameters have names
get_event_url("a", "1", ["b"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# what a signed URL is for is said by name
get_event_url("a", "1", None, "gcp-events", "", True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# a time is not a number
get_event_url("a", "1", signed=True, max_age=3600)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# by name only
SharedToken(["secret"], "X-A")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# a list of them
SharedToken(tokens=5, header="X-A")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# one of its words
OIDC(service_account="a@example.com", audience="b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# an audience is text
OIDC(service_accounts=["a@example.com"], audience=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# whom a token is for
TokenSigner().token(email="a@example.com")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# django-gcp's own needs a subscription
legacy.make_pubsub_message({})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
# its attributes are strings, too
legacy.make_pubsub_message({}, "projects/p/subscriptions/s", {"a": 1})  # type: ignore[dict-item]  # pyright: ignore[reportCallIssue, reportArgumentType]


# --- CloudEvents, and kinds that are declared once

# a type is a string
events.on(ce_type=1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
# one type; for more, decorate again
events.on("a", ce_type=["b", "c"])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
# neither a kind nor a type
events.on()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
# an envelope is read-only
CloudEventMessage(id="1", source="s", type="t").id = "2"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
# an event has an id
CloudEventMessage(source="s", type="t")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
# extensions are text
CloudEventMessage(id="1", source="s", type="t", extensions={"a": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
placed = events.kind("order-placed", Order)


def of_text(event: Event[str]) -> None: ...


# a handler of another payload
placed.on(of_text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# the same, with options
placed.on(name="a")(of_text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# another payload in a message
placed.message("order")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# and in what is published
placed.publish("projects/p/topics/t", {"order_id": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# attributes are text
placed.publish("t", Order(order_id=1), attributes={"a": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
# what a kind of one payload takes, that of another does not
of_invoices: Kind[Invoice] = placed  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class PublishesText:
    def publish(self, topic: str, data: str) -> str:
        return topic + data


# a client publishes bytes, and gives a future
publisher: Publisher = PublishesText()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
# a batch is of messages, and not of what they are written as
batch([CloudEventMessage(id="1", source="s", type="t").binary()])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
# a body is bytes
CloudEventRequest("{}", "application/json")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@events.on("a")
def misunderstood(event: Event[None]) -> None:
    envelope = event.envelope
    # a plain body has no queue
    envelope.queue  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(envelope, CloudEvent):
        # no subject, perhaps
        envelope.subject.upper()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
        # extensions are read-only
        envelope.extensions["a"] = "b"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    elif isinstance(envelope, CloudTask):
        # a first try may not say so
        envelope.retry_count + 1  # type: ignore[operator]  # pyright: ignore[reportOptionalOperand]
    elif isinstance(envelope, SchedulerJob):
        # a job is known by its name
        envelope.job  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    elif isinstance(envelope, PubSubPush):
        # no ordering key, perhaps
        envelope.ordering_key.upper()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    elif isinstance(envelope, PubSubUnwrapped):
        # attributes are text
        envelope.attributes["a"] + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]


# a kind has a payload
events.kind("a")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]

# --- the testing kit

# an envelope that there is not
push("a", "1", envelope="pub-sub")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
# an option that there is not
push("a", "1", messageid="17")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
# a kind's payload is its type
push(placed, "1", Invoice(number="1"))  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
# the payload that a handler had is of its type
Recording().assert_handled(of_text, payload=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# and so is what is returned
Recording().assert_handled(of_text).payload.order_id  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
# examples are of a handler
examples(Order)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
# a form that there is not
EventMessage(b"").written("pub-sub")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# --- middleware


def without_next(event: Event[Any]) -> None: ...


def answers(event: Event[Any], call_next: CallNext) -> int:
    # an event is what it takes
    call_next(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return 1


# a middleware takes what it surrounds
events.use(without_next)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
# and returns nothing
events.use(answers)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
# a router has a list of them
EventRouter(middleware=[without_next])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
