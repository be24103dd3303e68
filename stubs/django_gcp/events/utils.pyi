from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, overload

def get_event_url(
    event_kind: str,
    event_reference: str,
    event_parameters: Mapping[str, Any] | None = ...,
    url_namespace: str = ...,
    base_url: str | None = ...,
) -> str: ...
@overload
def make_pubsub_message(
    data: object,
    subscription: str,
    attributes: dict[str, str] | None = ...,
    message_id: str | None = ...,
    ordering_key: str | None = ...,
    publish_time: datetime | None = ...,
    as_dict: Literal[False] = ...,
) -> bytes: ...
@overload
def make_pubsub_message(
    data: object,
    subscription: str,
    attributes: dict[str, str] | None = ...,
    message_id: str | None = ...,
    ordering_key: str | None = ...,
    publish_time: datetime | None = ...,
    *,
    as_dict: Literal[True],
) -> dict[str, Any]: ...
def decode_pubsub_message(body: bytes | dict[str, Any]) -> dict[str, Any]: ...
