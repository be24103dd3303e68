"""Says what is wrong with a value in `GCP_EVENT_ROUTER`, and what to write instead; `conf` finds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from types import NoneType
from typing import Any, Final

from pydantic_core import ErrorDetails

#: Replace messages of pydantic that name Python types which settings do not use.
_MESSAGES: Final = {
    "tuple_type": "Input should be a list",
    "frozen_set_type": "Input should be a list",
    "dict_type": "Input should be a dict",
    "is_instance_of": "Input should be a gcp_event_router.Backoff",
    "time_delta_type": "Input should be a timedelta",
    "int_type": "Input should be an integer",
    "bool_type": "Input should be True or False",
    "string_type": "Input should be a string",
    "string_pattern_mismatch": "Input should be the name of a header",
}
#: What to write at a key, and in a list below it; other messages name all that there is to write.
_EXAMPLES: Final[Mapping[tuple[str | int, ...], str]] = {
    (): '{"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]}',
    ("AUTHENTICATION",): '[{"BACKEND": "gcp_event_router.auth.SignedURL"}]',
    ("AUTHENTICATION", 0): '{"BACKEND": "gcp_event_router.auth.SignedURL"}',
    ("BACKEND",): '"gcp_event_router.auth.SignedURL"',
    ("OPTIONS",): 'a dict of its arguments, such as {"tokens": [...]}',
    ("MAX_BODY_SIZE",): "15 * 1024 * 1024",
    ("MAX_BATCH",): "1000",
    ("FAILURE_STATUS",): "400",
    ("SIGNALS",): '["gcp_event_router.signals.event_received"]',
    ("WEBHOOK_ORIGINS",): '["eventgrid.azure.net"]',
    ("INBOX",): '{"LEASE": timedelta(minutes=5)}',
    ("OUTBOX",): '{"LEASE": timedelta(minutes=1)}',
    ("TRANSPORT",): '{"BACKEND": "gcp_event_router.outbox.transports.PubSub"}',
    ("TRANSPORT", "BACKEND"): '"gcp_event_router.outbox.transports.PubSub"',
    ("TRANSPORT", "OPTIONS"): 'a dict of its arguments, such as {"project": "my-project"}',
    ("LEASE",): "timedelta(minutes=5)",
    ("MAX_WAIT",): "timedelta(days=1)",
    ("RETENTION",): "timedelta(days=14)",
    ("MAX_ATTEMPTS",): "10",
    ("MAX_LOST",): "30",
    ("BATCH",): "200",
    ("RETRY",): "Backoff(first=timedelta(seconds=10), cap=timedelta(minutes=10))",
    ("KEEP_HEADERS",): '["X-Region"]',
    ("KEEP_HEADERS", 0): '"X-Region"',
}
#: Errors of values that have the right type, and are not quoted.
_OF_RIGHT_TYPE: Final = frozenset({"source_url", "origin", "string_pattern_mismatch", "too_short"})
#: Where texts may be quoted; elsewhere, they may be secrets.
_QUOTED: Final = frozenset({"UNHANDLED", "DATABASE"})
#: Below these, no value is quoted.
_SECRET: Final = frozenset({"AUTHENTICATION", "OPTIONS"})
#: The end of pydantic's path to a key of a dict.
_OF_KEY: Final = "[key]"


def describe_mistake(place: str, error: ErrorDetails) -> str:
    """Describe a wrong or missing value: what was given, why it cannot work, and what to write."""
    path = error["loc"]
    example = _example(path)
    advice = f" Write {example}." if example else ""
    if error["type"] == "missing":
        return f"{place} is missing.{advice}"
    if path[-1:] == (_OF_KEY,):
        return f"{place}: Keys should be strings."
    message = _MESSAGES.get(error["type"], error["msg"])
    if not message.startswith("Input should "):
        return f"{place}: {message}."
    expected = message.removeprefix("Input should ")
    if error["type"] in _OF_RIGHT_TYPE:
        return f"{place} must {expected}.{advice}"
    return f"{place} is {_given(path, error['input'])}, but must {expected}.{advice}"


def place_of(name: str, path: tuple[str | int, ...]) -> str:
    """Return where a mistake is, such as `GCP_EVENT_ROUTER["INBOX"]["LEASE"]`."""
    return name + "".join(f"[{json.dumps(part)}]" for part in path if part != _OF_KEY)


def _example(path: tuple[str | int, ...]) -> str:
    ending = tuple(0 if isinstance(part, int) else part for part in path[-2:])
    return _EXAMPLES.get(ending) or _EXAMPLES.get(ending[-1:], "")


def _given(path: tuple[str | int, ...], value: Any) -> str:
    may_quote_text = not _QUOTED.isdisjoint(path[-1:])  # the path to all settings is empty
    is_shown = isinstance(value, (bool, int, float, timedelta, NoneType)) or (isinstance(value, str) and may_quote_text)
    if is_shown and _SECRET.isdisjoint(path):
        return repr(value)
    return f"of type {type(value).__name__}"
