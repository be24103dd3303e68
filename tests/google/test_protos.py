"""The models against Google's own protos, as the package google-events has them, and against protobuf's own JSON."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from gcp_event_router.google import (
    alerts,
    analytics,
    audit,
    auth,
    cloudbuild,
    database,
    firestore,
    logs,
    pubsub,
    remoteconfig,
    scheduler,
    storage,
    testlab,
)
from gcp_event_router.google.base import Bytes, Double, Duration, Int32, Int64, Model, Struct, Timestamp, UInt32, UInt64
from gcp_event_router.google.catalogue import model_of, types
from gcp_event_router.google.enums import Enumeration
from scripts.google_models import payloads

from ..support.protos import descriptor, factory, is_map, json_format, kind, messages
from .test_samples import SAMPLES, model

# the first whose descriptors say whether a field is repeated; `make floors` has an older one
pytest.importorskip("google.protobuf", minversion="6.31")

KNOWN: dict[type[Model], str] = {
    alerts.AlertData: "google.events.firebase.firebasealerts_v1:AlertData",
    analytics.AnalyticsLogData: "google.events.firebase.analytics_v1:AnalyticsLogData",
    audit.LogEntryData: "google.events.cloud.audit_v1:LogEntryData",
    auth.AuthEventData: "google.events.firebase.auth_v1:AuthEventData",
    cloudbuild.BuildEventData: "google.events.cloud.cloudbuild_v1:BuildEventData",
    database.ReferenceEventData: "google.events.firebase.database_v1:ReferenceEventData",
    firestore.DocumentEventData: "google.events.cloud.firestore_v1:DocumentEventData",
    logs.HttpRequest: "google.logging.type.http_request_pb2:HttpRequest",
    pubsub.MessagePublishedData: "google.events.cloud.pubsub_v1:MessagePublishedData",
    remoteconfig.RemoteConfigEventData: "google.events.firebase.remoteconfig_v1:RemoteConfigEventData",
    scheduler.SchedulerJobData: "google.events.cloud.scheduler_v1:SchedulerJobData",
    storage.StorageObjectData: "google.events.cloud.storage_v1:StorageObjectData",
    testlab.TestMatrixEventData: "google.events.firebase.testlab_v1:TestMatrixEventData",
}
#: The rest, whose names are regular, with one of the types that carry each.
OTHERS: dict[str, str] = {
    name: event_type
    for event_type, message in payloads().items()
    if (name := re.sub(r"\.(v\w+)\.(\w+)$", r"_\1:\2", message)) not in KNOWN.values()
}

#: Python's side of `protos.kind`; a list, since not all annotations have a hash.
KINDS: list[tuple[Any, str]] = [
    (str, "string"),
    (bool, "bool"),
    (Int32, "int32"),
    (Int64, "int64"),
    (UInt32, "uint32"),
    (UInt64, "uint64"),
    (Double, "double"),
    (Bytes, "bytes"),
    (Timestamp, "timestamp"),
    (Duration, "duration"),
    (JsonValue, "value"),
]
DEFAULTS: dict[str, Any] = {
    "string": "",
    "bool": False,
    "bytes": b"",
    **dict.fromkeys(["int32", "int64", "uint32", "uint64", "double"], 0),
}
#: Fields that have another name in our models; proto-plus has added most of the underscores.
RENAMED = {
    **{f"{name}_": name for name in ("dir", "format", "hash", "mapping", "max", "min", "object", "type")},
    "photo_URL": "photo_url",
    "schema": "schema_",
}


def other(name: str) -> type[Model]:
    """The model of one of the `OTHERS`, which is imported only now."""
    model = model_of(OTHERS[name])
    assert model is not None
    return model


@cache
def all_messages() -> dict[type[Model], str]:
    return KNOWN | {other(name): name for name in OTHERS}


def bare(hint: Any) -> Any:
    """What stands beside None."""
    if get_origin(hint) not in {Union, UnionType}:
        return hint
    (only,) = [each for each in get_args(hint) if each is not NoneType]
    return only


def python_kind(hint: Any) -> str:
    for known, name in KINDS:
        if hint == known:
            return name
    if isinstance(hint, type) and issubclass(hint, Model):
        return "message"
    inner = get_args(hint)[0]
    if inner is NoneType:
        return "null"
    members: type[Enumeration] = get_args(inner)[0]
    return "enum " + json.dumps({name: member.number for name, member in members.__members__.items()})


def python_field(hint: Any) -> tuple[str, Any]:
    """What a hint says a field holds, and the hint of one."""
    found = bare(hint)
    if found == Struct:
        return "struct", found
    if get_origin(found) is list:
        (inner,) = get_args(found)
        return "repeated " + ("struct" if inner == Struct else python_kind(inner)), inner
    if get_origin(found) is dict:
        _, inner = get_args(found)
        return "map " + python_kind(inner), inner
    return python_kind(found), found


def proto_field(field: Any) -> str:
    if is_map(field):
        return "map " + kind(field.message_type.fields_by_name["value"])
    found = kind(field)
    return "repeated " + {"any": "struct"}.get(found, found) if field.is_repeated else found


def proto_default(field: Any) -> Any:
    found = proto_field(field)
    if found.startswith(("repeated ", "map ")):
        return [] if found.startswith("repeated ") else {}
    if field.containing_oneof is not None or field.message_type is not None:
        return {} if found == "struct" else None
    return field.enum_type.values_by_number[0].name if found.startswith("enum ") else DEFAULTS.get(found)


def pairs(payload: type[Model], described: Any) -> dict[type[Model], Any]:
    """All messages that a payload is made of, with their models."""
    found: dict[type[Model], Any] = {}
    todo = [(payload, described)]
    while todo:
        each, message = todo.pop()
        if each in found:
            continue
        found[each] = message
        hints = get_type_hints(each, include_extras=True)
        for field in message.fields:
            name = RENAMED.get(field.name, field.name)
            if name not in hints:
                continue  # the comparison says so
            _, inner = python_field(hints[name])
            if isinstance(inner, type) and issubclass(inner, Model):
                todo.append(
                    (inner, field.message_type.fields_by_name["value"].message_type if is_map(field) else field.message_type)
                )
    return found


@cache
def all_pairs() -> dict[type[Model], Any]:
    """All models, those that payloads are made of included, each with its message."""
    return {
        part: message for payload, name in all_messages().items() for part, message in pairs(payload, descriptor(name)).items()
    }


def test_fields_are_the_protos() -> None:
    """A payload, and all that it is made of, has its proto's fields: their names in Python and in JSON, and their types."""
    for part, message in all_pairs().items():
        hints = get_type_hints(part, include_extras=True)
        ours = {
            field: (info.validation_alias, info.serialization_alias, python_field(hints[field])[0])
            for field, info in part.model_fields.items()
        }

        assert ours == {
            RENAMED.get(field.name, field.name): (field.json_name, field.json_name, proto_field(field))
            for field in message.fields
        }, part


def test_defaults_are_the_protos() -> None:
    """What is not sent has the proto's default; messages, times and alternatives have None."""
    for part, message in all_pairs().items():
        defaults = {RENAMED.get(field.name, field.name): proto_default(field) for field in message.fields}
        assert part().model_dump() == defaults, part


def extras(value: object) -> list[dict[str, Any]]:
    """What all parts of a model keep as unknown."""
    if isinstance(value, Model):
        return [value.model_extra or {}, *extras([getattr(value, name) for name in type(value).model_fields])]
    parts: list[object] = []
    if isinstance(value, dict):
        parts = [*cast("dict[str, object]", value).values()]
    elif isinstance(value, list):
        parts = [*cast("list[object]", value)]
    return [found for each in parts for found in extras(each)]


@pytest.mark.parametrize(("payload", "name"), KNOWN.items(), ids=KNOWN.values())
@given(data=st.data())
def test_random_messages_survive(payload: type[Model], name: str, data: st.DataObject) -> None:
    """Any message that protobuf writes as JSON is read, nothing of it is unknown, and what is written is the same message."""
    assert_message_survives(payload, name, data)


@pytest.mark.proof
@pytest.mark.parametrize("name", OTHERS)
@settings(max_examples=15)
@given(data=st.data())
def test_random_messages_of_other_products_survive(name: str, data: st.DataObject) -> None:
    """The same is true of all other payloads, which are made of the same parts: fewer examples show it."""
    assert_message_survives(other(name), name, data)


def assert_message_survives(payload: type[Model], name: str, data: st.DataObject) -> None:
    message = data.draw(messages(descriptor(name)))

    read = payload.model_validate_json(json_format.MessageToJson(message))

    assert [found for found in extras(read) if found] == []
    written = read.model_dump_json(by_alias=True, exclude_unset=True)
    assert json_format.Parse(written, type(message)()) == message


@pytest.mark.parametrize("name", [name for name, each in SAMPLES.items() if model(each) in KNOWN])
def test_samples_are_to_protobuf_what_they_are_to_us(name: str) -> None:
    """Protobuf reads the same message from a sample and from what its model writes, but for nanoseconds and unknown fields."""
    payload, sample = model(SAMPLES[name]), json.dumps(SAMPLES[name]["payload"])
    if payload is pubsub.MessagePublishedData:  # protobuf takes a field's second name for a second value
        sample = re.sub(r'"(message_id|publish_time)": "[^"]*",? ?', "", sample)
    ours = payload.model_validate_json(sample).model_dump_json(by_alias=True, exclude_unset=True)

    assert micros(protobuf_reads(payload, sample)) == protobuf_reads(payload, ours)


def protobuf_reads(payload: type[Model], text: str) -> str:
    message = factory.GetMessageClass(descriptor(KNOWN[payload]))()
    written: str = json_format.MessageToJson(json_format.Parse(text, message, ignore_unknown_fields=True))
    return written


def micros(text: str) -> str:
    return re.sub(r"(\.\d{6})\d{3}(Z|s)", r"\1\2", text)


def test_each_model_of_the_catalogue_is_compared() -> None:
    """Every model that a type of CloudEvents carries is compared with its proto, but for one that google-events does not have."""
    assert {model_of(each) for each in types()} - all_messages().keys() == {auth.AuthEventDataV2}


def test_each_payload_that_google_defines_has_a_type() -> None:
    """A type carries each payload of google-events, but for those of two products that Google has withdrawn."""
    events = import_module("google.events")
    defined: set[str] = set()
    for folder in (folder for root in events.__path__ for folder in Path(root).rglob("*_v*") if folder.is_dir()):
        names = folder.parts[folder.parts.index("events") + 1 :]
        package = import_module(".".join(["google.events", *names]))
        message_package = re.sub(r"_(v\w+)$", r".\1", package.__name__)
        defined |= {f"{message_package}.{name}" for name in package.__all__ if name.endswith("Data")}

    assert defined - {*payloads().values()} == {
        "google.events.cloud.beyondcorp.clientconnectorservices.v1.ClientConnectorServiceEventData",
        "google.events.cloud.beyondcorp.clientgateways.v1.ClientGatewayEventData",
        "google.events.cloud.dataplex.v1.ScannedData",  # a part of another
    }


def test_log_entry_has_what_an_audit_entry_has() -> None:
    """Where an entry of any log has a field of an audit entry, it is the same; only the payload of a proto is any proto's."""
    entry, audited = (get_type_hints(each, include_extras=True) for each in (logs.LogEntry, audit.LogEntryData))

    assert {name for name in audited.keys() & logs.LogEntry.model_fields.keys() if entry[name] != audited[name]} == {
        "proto_payload"
    }
    assert audited.keys() <= entry.keys()
