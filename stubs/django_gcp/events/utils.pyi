from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, overload
from uuid import UUID

def get_event_url(
    event_kind: str,
    event_reference: str | int | UUID,
    event_parameters: Mapping[str, Any] | None = None,
    url_namespace: str = "gcp-events",
    base_url: str | None = None,
) -> str: ...
@overload
def make_pubsub_message(
    data: object,
    subscription: str,
    attributes: dict[str, str] | None = None,
    message_id: str | None = None,
    ordering_key: str | None = None,
    publish_time: datetime | None = None,
    as_dict: Literal[False] = False,
) -> bytes: ...
@overload
def make_pubsub_message(
    data: object,
    subscription: str,
    attributes: dict[str, str] | None = None,
    message_id: str | None = None,
    ordering_key: str | None = None,
    publish_time: datetime | None = None,
    *,
    as_dict: Literal[True],
) -> dict[str, Any]: ...
@overload
def make_pubsub_message(
    data: object,
    subscription: str,
    attributes: dict[str, str] | None = None,
    message_id: str | None = None,
    ordering_key: str | None = None,
    publish_time: datetime | None = None,
    as_dict: bool = False,
) -> bytes | dict[str, Any]: ...
def decode_pubsub_message(body: bytes | dict[str, Any]) -> dict[str, Any]: ...
