"""Marks the personal fields of payloads, which only some people see.

class Customer(BaseModel):
    customer_id: int
    email: Annotated[str, Personal()]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Personal"]

#: The member of a core schema's metadata that marks it.
MARK: Final = "gcp_event_router_personal"
#: The member of a JSON Schema that marks it.
SCHEMA_MARK: Final = "x-personal"
_SHARED: Final = frozenset({"definition-ref", "definitions"})


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field, the items of a list, or a whole model as personal, within `Annotated`. Write it last.

    The inbox and the outbox show such values only to people with the permission `view_personal`, and JSON Schemas have
    `x-personal` there. It does not change what is valid.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any] | None = None) -> Any:
        """Mark pydantic's schema; one that several places share is wrapped, since a mark would be on all of them."""
        if handler is None:  # pydantic calls the class, not an instance
            msg = "Personal marks nothing without parentheses. Write Annotated[str, Personal()]."
            raise TypeError(msg)
        schema: dict[str, Any] = handler(source)
        if "ref" in schema or schema["type"] in _SHARED:
            return {"type": "chain", "steps": [schema], "metadata": {MARK: True}}
        return {**schema, "metadata": {**schema.get("metadata", {}), MARK: True}}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        """Mark the JSON Schema."""
        return {**handler(schema), SCHEMA_MARK: True}
