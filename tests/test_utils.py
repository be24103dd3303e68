"""get_event_url, make_pubsub_message and decode_pubsub_message."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.http import QueryDict
from django.test import override_settings
from django.urls import NoReverseMatch
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gcp_event_router import EventRouter, utils
from gcp_event_router.auth import OIDC, Square
from gcp_event_router.event import SUBSCRIPTION
from gcp_event_router.exceptions import ConfigurationError, InvalidPubSubMessageError
from gcp_event_router.outbox.transports import HTTP
from gcp_event_router.utils import decode_pubsub_message, get_event_url, make_pubsub_message


class Model(BaseModel):
    b: int


WHOLE_SECOND = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


def test_list_is_closed() -> None:
    """The module has django-gcp's three functions, and the type that one of them returns."""
    assert sorted(utils.__all__) == ["DecodedPubSubMessage", "decode_pubsub_message", "get_event_url", "make_pubsub_message"]


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ({}, "https://shop.example/events/the-kind/the-reference"),
        ({"base_url": ""}, "/events/the-kind/the-reference"),
        ({"base_url": "https://somewhere.else.com/"}, "https://somewhere.else.com/events/the-kind/the-reference"),
        ({"event_parameters": {"a": "p & q", "b": [1, 2]}, "base_url": ""}, "/events/the-kind/the-reference?a=p+%26+q&b=1&b=2"),
        ({"event_parameters": {}, "base_url": ""}, "/events/the-kind/the-reference"),
        ({"url_namespace": "async:gcp-events", "base_url": ""}, "/async/events/the-kind/the-reference"),
    ],
)
def test_url(arguments: dict[str, Any], url: str) -> None:
    """URLs are absolute by BASE_URL, relative on request, and carry parameters."""
    assert get_event_url("the-kind", "the-reference", **arguments) == url


def test_url_of_a_primary_key() -> None:
    """A reference may be a number or a UUID, and what a URL cannot hold is quoted."""
    assert get_event_url("k", 5, base_url="") == "/events/k/5"
    assert get_event_url("k", UUID(int=1), base_url="") == "/events/k/00000000-0000-0000-0000-000000000001"
    assert get_event_url("a b", "ü?#", base_url="") == "/events/a%20b/%C3%BC%3F%23"


@pytest.mark.parametrize("value", [{"b": 1}, {}, [{"b": 1}], [[1], 2], Model(b=1)], ids=repr)
def test_url_of_nested_parameters(value: Any) -> None:
    """A parameter that a query cannot hold is refused, as django-gcp's documentation has `decoded back to a dict` of strings."""
    with pytest.raises(ValueError) as refused:
        get_event_url("k", "r", {"a": value})

    assert str(refused.value) == (
        f"The parameter 'a' of type {type(value).__name__} does not fit into a query string. "
        "Give a text, a number or a list of these; or JSON: {'a': json.dumps(...)}."
    )


def test_url_of_a_query_dict() -> None:
    """All values of a `QueryDict`, such as `request.GET`, are parameters."""
    assert get_event_url("k", "r", QueryDict("a=1&a=2&b=3"), base_url="") == "/events/k/r?a=1&a=2&b=3"


@pytest.mark.parametrize(
    ("value", "query"),
    [
        ([1, "b c"], "a=1&a=b+c"),
        ((1, 2), "a=1&a=2"),
        ((each for each in "xy"), "a=x&a=y"),
        (range(2), "a=0&a=1"),
        (b"x", "a=x"),
        (True, "a=True"),
        ([], ""),
    ],
)
def test_url_of_parameters(value: Any, query: str) -> None:
    """A text, a number and each item of what iterates is a parameter."""
    assert get_event_url("k", "r", {"a": value}, base_url="") == (f"/events/k/r?{query}" if query else "/events/k/r")


def test_no_data_and_null() -> None:
    """None is JSON's null, as in django-gcp; without data, or with no bytes, a message has none."""
    assert make_pubsub_message(None, as_dict=True)["message"] == {"data": "bnVsbA=="}
    assert make_pubsub_message(as_dict=True)["message"] == make_pubsub_message(b"", as_dict=True)["message"] == {}


@pytest.mark.parametrize(("given", "expected"), [({"attributes": {}}, {}), ({"attributes": None}, None), ({}, None)])
def test_no_attributes(given: dict[str, Any], expected: dict[str, str] | None) -> None:
    """A message with empty attributes has empty ones, as in django-gcp; one without has none."""
    body = {"message": {"data": "MQ==", **given}, "subscription": "s"}

    assert decode_pubsub_message(body)["attributes"] == expected
    assert decode_pubsub_message(json.dumps(body))["attributes"] == expected


@override_settings(BASE_URL=None)
def test_url_without_a_base() -> None:
    """Without BASE_URL, an absolute URL is refused, and the way out is named."""
    with pytest.raises(ConfigurationError) as refused:
        get_event_url("k", "r")

    assert str(refused.value) == (
        "settings.BASE_URL is not set, so the URL has no beginning. Set it, or pass base_url='' for a relative URL."
    )


def schema() -> str:
    """What `events schema` writes."""
    call_command("events", "schema", stdout=(out := io.StringIO()))
    return out.getvalue()


READERS: dict[str, Callable[[], object]] = {
    "get_event_url": lambda: get_event_url("k", "r"),
    "the command schema": schema,
    "OIDC": lambda: OIDC(service_accounts=["a@b.example"], audience="event-url"),
    "Square": lambda: Square(secrets=["s" * 32]),
    "HTTP": lambda: HTTP(url="https://other.example", envelope="cloudevents"),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("value", [5, ["https://shop.example"], Path("/shop"), SimpleLazyObject(lambda: 5)])
def test_base_url_that_is_no_string(router: EventRouter, read: Callable[[], object], value: object) -> None:
    """Whatever reads the setting says so."""
    with override_settings(BASE_URL=value), pytest.raises((ConfigurationError, CommandError)) as refused:
        read()

    assert str(refused.value) == (
        f'settings.BASE_URL is {value!r}, which is not a string. Write BASE_URL = "https://your-server.example".'
    )


@pytest.mark.parametrize("value", [SimpleLazyObject(lambda: "https://lazy.example"), gettext_lazy("https://lazy.example")])
def test_base_url_that_is_lazy(router: EventRouter, value: object) -> None:
    """A lazy string is evaluated when it is read."""
    with override_settings(BASE_URL=value):
        assert get_event_url("k", "r") == "https://lazy.example/events/k/r"
        assert "lazy.example" in schema()
        for name in ("OIDC", "Square", "HTTP"):
            READERS[name]()
    with override_settings(BASE_URL=SimpleLazyObject(lambda: None)), pytest.raises(ConfigurationError, match="is not set"):
        get_event_url("k", "r")


@pytest.mark.parametrize("label", ["", "a/b", "a\nb", "x" * 256, None])
def test_url_of_what_the_endpoint_would_not_find(label: Any) -> None:
    """A kind or a reference that the endpoint answers 404 to is refused, and so is the key of a row that is not saved yet."""
    for part, arguments in (("event_kind", (label, "r")), ("event_reference", ("k", label))):
        with pytest.raises(ValueError) as refused:
            get_event_url(*arguments)
        assert str(refused.value) == (
            f"{part} must fit into a URL, which {label!r} does not. Give 1 to 255 printable characters, without a slash."
        )


def test_url_of_an_unknown_name() -> None:
    """A name that no URL has is refused; a namespace's own error is left as it is."""
    with pytest.raises(ConfigurationError) as refused:
        get_event_url("k", "r", url_namespace="nowhere")
    assert str(refused.value) == (
        "No URL pattern has the name 'nowhere'. Add path('', include('gcp_event_router.urls')) to your urlpatterns."
    )
    with pytest.raises(NoReverseMatch):
        get_event_url("k", "r", url_namespace="a:b")


def test_message_has_django_gcps_positional_order() -> None:
    """All arguments can be given by position, as in django-gcp."""
    message = make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", {"k": "v"}, "7", "key", WHOLE_SECOND, True)

    assert message == {
        "message": {
            "data": "eyJhIjogMX0=",
            "attributes": {"k": "v"},
            "messageId": "7",
            "orderingKey": "key",
            "publishTime": "2026-01-02T03:04:05.000000000Z",
        },
        "subscription": "projects/p/subscriptions/s",
    }
    assert json.loads(make_pubsub_message({"a": 1})) == {"message": {"data": "eyJhIjogMX0="}, "subscription": SUBSCRIPTION}


@pytest.mark.proof
@given(JSON, st.none() | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.just("v"), min_size=1))
def test_json_comes_back(data: Any, attributes: dict[str, str] | None) -> None:
    """Any JSON and any attributes are read back as they were made, from bytes, text and dict."""
    body = make_pubsub_message(data, attributes=attributes, message_id="7", ordering_key="key")

    for each in (body, body.decode(), json.loads(body)):
        assert decode_pubsub_message(each) == {
            "data": data,
            "attributes": attributes,
            "message_id": "7",
            "ordering_key": "key",
            "publish_time": None,
            "subscription": SUBSCRIPTION,
        }


@given(st.datetimes(timezones=st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=2)))))
def test_times_come_back(time: datetime) -> None:
    """Times come back aware, to the microsecond; naive ones are taken for UTC."""
    decoded = decode_pubsub_message(make_pubsub_message(publish_time=time))["publish_time"]

    assert decoded is not None
    assert decoded.tzinfo is not None
    assert decoded == (time if time.tzinfo else time.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("raw", "data"),
    [(b"\xff\x00", b"\xff\x00"), (b"plain text", "plain text"), (b'"text"', "text"), (b"", None), (b"{", "{"), (b"NaN", "NaN")],
)
def test_data_is_json_text_or_bytes(raw: bytes, data: object) -> None:
    """Data is decoded as far as it can be: JSON, else text, else bytes; none at all is None."""
    assert decode_pubsub_message(make_pubsub_message(raw))["data"] == data


def test_message_with_attributes_only() -> None:
    """A message without data is valid."""
    decoded = decode_pubsub_message({"message": {"attributes": {"a": "b"}, "message_id": "7"}, "subscription": "s"})

    assert (decoded["data"], decoded["attributes"], decoded["message_id"]) == (None, {"a": "b"}, "7")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attributes": {1: "v"}}, "An attribute's name must be a string, not 1 of type int."),
        ({"attributes": {"k": 1}}, "The attribute 'k' must be a string, not 1 of type int."),
        ({"message_id": 1}, "message_id must be a string, not 1 of type int."),
        ({"ordering_key": 1}, "ordering_key must be a string, not 1 of type int."),
        ({"subscription": None}, "subscription must be a string, not None of type NoneType."),
    ],
)
def test_what_is_no_string_is_refused(arguments: dict[str, Any], message: str) -> None:
    """Pub/Sub carries strings; anything else is refused where it is written."""
    with pytest.raises(ValueError) as refused:
        make_pubsub_message({}, **arguments)

    assert str(refused.value) == message


def test_nan_is_refused() -> None:
    """JSON has no NaN, so a message has none."""
    with pytest.raises(ValueError, match="Out of range float"):
        make_pubsub_message(float("nan"))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"secret", "bytes"),
        ({}, "dict"),
        ("{}", "str"),
        ({"message": {"data": "secret"}}, "dict"),
        ({"message": {"data": "###"}, "subscription": "secret"}, "dict"),
        ({"message": {"data": object()}, "subscription": "s"}, "dict"),
        (None, "NoneType"),
    ],
)
def test_an_invalid_push_is_refused(body: Any, name: str) -> None:
    """A body that is not a valid push is refused, and not quoted."""
    with pytest.raises(InvalidPubSubMessageError) as refused:
        decode_pubsub_message(body)

    assert str(refused.value) == (f"This {name} is not a valid Pub/Sub push. Give an object with `message` and `subscription`.")
    assert isinstance(refused.value, ValueError)
