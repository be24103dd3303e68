"""The codes of the plugin's errors; docs/guides/typing.md shows an example of each."""

from __future__ import annotations

from typing import Final

from mypy.errorcodes import ErrorCode

_CATEGORY: Final = "gcp-event-router"

EVENT_KIND: Final = ErrorCode("event-kind", "Refuse kinds that no declaration names", _CATEGORY)
EVENT_GLOB: Final = ErrorCode("event-glob", "Refuse globs that are malformed or match no declared kind", _CATEGORY)
EVENT_PAYLOAD: Final = ErrorCode("event-payload", "Refuse handlers that cannot read the payload of a declared kind", _CATEGORY)
EVENT_PART: Final = ErrorCode("event-part", "Refuse handlers that read only some members of a declared union", _CATEGORY)
EVENT_HANDLER: Final = ErrorCode("event-handler", "Refuse functions that cannot be handlers", _CATEGORY)
EVENT_RECEIVER: Final = ErrorCode("event-receiver", "Refuse receivers that their signal cannot call", _CATEGORY)
EVENT_CONFIG: Final = ErrorCode("event-config", "Report what keeps the plugin from knowing the project's kinds", _CATEGORY)

CODES: Final = frozenset(
    code.code for code in (EVENT_KIND, EVENT_GLOB, EVENT_PAYLOAD, EVENT_PART, EVENT_HANDLER, EVENT_RECEIVER, EVENT_CONFIG)
)
