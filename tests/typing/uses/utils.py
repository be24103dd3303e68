"""URLs and messages of Pub/Sub."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.typing.uses.payloads import ORDER
from typing_extensions import assert_type

from gcp_event_router.utils import DecodedPubSubMessage, decode_pubsub_message, get_event_url, make_pubsub_message

SUBSCRIPTION = "projects/p/subscriptions/s"

assert_type(get_event_url("a", "b", {"c": 1}, "gcp-events", "https://shop.example"), str)
assert_type(get_event_url("a", 1), str)
assert_type(get_event_url("a", UUID(int=1), base_url=""), str)
assert_type(get_event_url(event_kind="a", event_reference="b", event_parameters={"c": ["d", "e"]}), str)
assert_type(get_event_url("a", 1, signed=True, max_age=timedelta(hours=1), single_use=True), str)
assert_type(get_event_url("a", 1, None, url_namespace="events"), str)
assert_type(make_pubsub_message(), bytes)
assert_type(make_pubsub_message({"a": 1}, as_dict=False), bytes)
assert_type(make_pubsub_message(ORDER.model_dump()), bytes)
assert_type(make_pubsub_message({"a": 1}, SUBSCRIPTION, {"k": "v"}, "1", "key", datetime.min), bytes)
assert_type(make_pubsub_message({"a": 1}, as_dict=True), dict[str, Any])
assert_type(make_pubsub_message({"a": 1}, SUBSCRIPTION, None, None, None, None, True), dict[str, Any])


def as_either(value: bool) -> bytes | dict[str, Any]:
    return make_pubsub_message({"a": 1}, as_dict=value)


decoded = decode_pubsub_message(b"")
assert_type(decoded, DecodedPubSubMessage)
assert_type(decoded["data"], Any)
assert_type(decoded["attributes"], dict[str, str] | None)
assert_type(decoded["message_id"], str | None)
assert_type(decoded["ordering_key"], str | None)
assert_type(decoded["publish_time"], datetime | None)
assert_type(decoded["subscription"], str)
decode_pubsub_message("{}")
decode_pubsub_message({"message": {"data": ""}, "subscription": SUBSCRIPTION})

# --- bad


def as_bytes() -> bytes:
    return make_pubsub_message({}, as_dict=True)  # bad: a dict as bytes


def as_dict() -> dict[str, object]:
    return make_pubsub_message({})  # bad: bytes as a dict


make_pubsub_message({}, attributes={"a": 1})  # bad: a number as an attribute
make_pubsub_message({}, attributes="a")  # bad: text as attributes
make_pubsub_message({}, publish_time="2026-01-01")  # bad: text as a time
make_pubsub_message({}, message_id=1)  # bad: a number as a message's id
make_pubsub_message({}, 1)  # bad: a number as a subscription
make_pubsub_message({}, key="a")  # bad: an unknown argument of a message
make_pubsub_message({}).decode("utf-8", 1)  # bad: a wrong argument of bytes
make_pubsub_message({}, as_dict="yes")  # bad: text for as_dict
decode_pubsub_message(5)  # bad: a number as a message
decode_pubsub_message()  # bad: no message
decode_pubsub_message(b"")["message"]  # bad: a key that a decoded message lacks
decode_pubsub_message(b"").data  # bad: a decoded message read as an object
decode_pubsub_message(b"")["message_id"].upper()  # bad: a decoded id that may be missing
decode_pubsub_message(b"")["publish_time"].year  # bad: a decoded time that may be missing
get_event_url("a")  # bad: a URL without a reference
get_event_url()  # bad: a URL of nothing
get_event_url(1, "1")  # bad: a number as a URL's kind
get_event_url("a", 1.5)  # bad: a float as a URL's reference
get_event_url("a", None)  # bad: None as a URL's reference
get_event_url("a", "1", ["b"])  # bad: a list of parameters
get_event_url("a", "1", "b=c")  # bad: a query as text
get_event_url("a", "1", None, "gcp-events", "", True)  # bad: a signature by position
get_event_url("a", "1", signed=True, max_age=3600)  # bad: an age in seconds
get_event_url("a", "1", base_url=1)  # bad: a number as a base
get_event_url("a", "1", namespace="events")  # bad: a misspelt argument of a URL
get_event_url("a", "1").path  # bad: an attribute that a URL lacks
