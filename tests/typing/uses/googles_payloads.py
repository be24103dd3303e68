"""Google's own payloads: each model that docs/guides/google.md lists, with a good and a bad use."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue
from typing_extensions import assert_type

from gcp_event_router import Event, events
from gcp_event_router.google.alerts import AlertData
from gcp_event_router.google.analytics import AnalyticsLogData
from gcp_event_router.google.artifactregistry import ImageNotification
from gcp_event_router.google.audit import LogEntryData
from gcp_event_router.google.auth import AuthEventData, AuthEventDataV2
from gcp_event_router.google.base import Bytes, Duration, Int64, Model, Struct, Timestamp
from gcp_event_router.google.billing import BudgetAttributes, BudgetNotification
from gcp_event_router.google.catalogue import model_of, types
from gcp_event_router.google.cloudbuild import BuildEventData, HashType, Status
from gcp_event_router.google.database import ReferenceEventData
from gcp_event_router.google.enums import OpenEnum
from gcp_event_router.google.firestore import DocumentEventData
from gcp_event_router.google.gmail import MailboxNotification
from gcp_event_router.google.logs import LogEntry, LogSeverity
from gcp_event_router.google.pubsub import MessagePublishedData
from gcp_event_router.google.remoteconfig import RemoteConfigEventData, RemoteConfigUpdateType
from gcp_event_router.google.scheduler import SchedulerJobData
from gcp_event_router.google.storage import NotificationAttributes, StorageObjectData
from gcp_event_router.google.testlab import TestMatrixEventData, TestState

ObjectFinalized = events.kind("gcs-finalized", StorageObjectData)


@events.on("gcs-*")
def uploaded(event: Event[StorageObjectData]) -> None:
    assert_type(event.payload.size, int)
    assert_type(event.payload.time_created, datetime | None)
    assert_type(event.payload.metadata, dict[str, str])
    attributes = NotificationAttributes.of(event.envelope.attributes)
    assert_type(attributes, NotificationAttributes)
    assert_type(attributes.overwrote_generation, int | None)
    event.payload.timeCreated  # bad: a field's name in JSON
    event.payload.time_deleted.year  # bad: a time of deletion that may be missing
    event.payload.size + "1"  # bad: a size as text
    NotificationAttributes.of(event.envelope.message_id)  # bad: attributes of text


@events.on("build")
def built(event: Event[BuildEventData]) -> None:
    status = event.payload.status
    assert_type(status, Status | str | int)
    if isinstance(status, Status):
        assert_type(status, Status)
        assert_type(status.number, int)
        assert_type(status >= Status.SUCCESS, bool)
    assert_type(event.payload.timeout, timedelta | None)
    assert_type([step.name for step in event.payload.steps], list[str])
    assert_type(event.payload.options.source_provenance_hash if event.payload.options else [], list[HashType | str | int])
    event.payload.status.number  # bad: a number of an unknown status


@events.on("document")
def written(event: Event[DocumentEventData]) -> None:
    if event.payload.value is not None:
        assert_type(event.payload.value.unwrap(), dict[str, Any])
        assert_type(event.payload.value.fields["a"].integer_value, int | None)
    event.payload.value.unwrap()  # bad: a document that may be deleted


@events.on("logs")
def logged(event: Event[LogEntry]) -> None:
    assert_type(event.payload.json_payload, dict[str, JsonValue] | None)
    print(event.payload.severity >= LogSeverity.ERROR)  # bad: an order of an unknown severity
    event.payload.severity.number  # bad: a number of an unknown severity
    event.payload.json_payload["a"]  # bad: a payload in JSON that may be missing


@events.on("audit")
def audited(event: Event[LogEntryData]) -> None:
    assert_type(event.payload.proto_payload.method_name if event.payload.proto_payload else "", str)


@events.on("budget")
def spent(event: Event[BudgetNotification]) -> None:
    assert_type(event.payload.cost_amount, float)
    assert_type(event.payload.alert_threshold_exceeded, float | None)
    assert_type(BudgetAttributes.of(event.envelope.attributes).budget_id, str)


@events.on("remote-config")
def configured(event: Event[RemoteConfigEventData]) -> None:
    assert_type(event.payload.version_number, int)
    assert_type(event.payload.update_type, RemoteConfigUpdateType | str | int)


@events.on("test-lab")
def tested(event: Event[TestMatrixEventData]) -> None:
    assert_type(event.payload.state, TestState | str | int)


@ObjectFinalized.on
def finalized(event: Event[StorageObjectData]) -> None: ...


class Mine(Model):
    total_count: Int64 = 0
    at: Timestamp | None = None
    status: OpenEnum[Status] = Status.STATUS_UNKNOWN
    raw: Bytes = b""
    timeout: Duration | None = None
    labels: Struct | None = None


events.on("gcs-*", payload=StorageObjectData)(lambda event: print(event.payload.bucket))


@events.on("pubsub")
def published(event: Event[MessagePublishedData]) -> None:
    assert_type(event.payload.message.data if event.payload.message else b"", bytes)


assert_type(Mine().total_count, int)
assert_type(Mine().status, Status | str | int)
assert_type(Mine().labels, dict[str, JsonValue] | None)
assert_type(AlertData().payload, dict[str, JsonValue])
assert_type([each.name for each in AnalyticsLogData().event_dim], list[str])
assert_type(ImageNotification(action="INSERT").digest, str)
assert_type(AuthEventDataV2().value, AuthEventData | None)
assert_type(ReferenceEventData(data={"a": 1}).delta, JsonValue)
assert_type(MailboxNotification(email_address="a@example.com").history_id, int)
assert_type(SchedulerJobData(custom_data=b"a").custom_data, bytes)
assert_type(Event("gcs-photos", "new", StorageObjectData(name="cat.jpg", size=352)), Event[StorageObjectData])
assert_type(AuthEventData(photo_url="https://shop.example/a.png").photo_url, str)
assert_type(Status["SUCCESS"], Status)  # good: a member by its name
assert_type(model_of("google.cloud.storage.object.v1.finalized"), type[Model] | None)
assert_type(types(), frozenset[str])

# --- bad

StorageObjectData(size="many")  # bad: a size in words
NotificationAttributes(event_type="OBJECT_FINALIZE")  # bad: attributes without a bucket
LogSeverity.FATAL  # bad: a severity that does not exist
model_of(StorageObjectData)  # bad: a model of a model
model_of("com.example.order").model_validate({})  # bad: a model that may be missing
types().add("com.example.order")  # bad: a new type
AlertData().createTime  # bad: an alert's field in JSON
AnalyticsLogData().user_dim.user_id  # bad: a user who may be missing
ImageNotification(action=1)  # bad: a number as an action
LogEntryData().proto_payload.method_name  # bad: an audit that may be missing
AuthEventData().photoURL  # bad: Firebase's own name of a field
AuthEventDataV2().value.uid  # bad: a user who may be deleted
BudgetNotification().alert_threshold_exceeded + 1  # bad: a threshold that may be missing
BudgetAttributes(budget_id="a")  # bad: attributes of a budget without an account
BuildEventData().status.number  # bad: a status that may be unknown
ReferenceEventData(data=object())  # bad: an object in JSON
DocumentEventData().value.unwrap()  # bad: a document that may be missing
MailboxNotification(history_id="many")  # bad: a history in words
MessagePublishedData().message.data  # bad: a message that may be missing
RemoteConfigEventData().update_user.email  # bad: an updater who may be missing
SchedulerJobData(custom_data="a")  # bad: text as bytes
TestMatrixEventData().create_time.year  # bad: a time of creation that may be missing
events.on("gcs-*", payload=StorageObjectData)(lambda event: print(event.payload.timeCreated))  # bad: a lambda and a name in JSON


@ObjectFinalized.on  # bad: a handler of another payload of Google
def wrong(event: Event[BuildEventData]) -> None: ...
