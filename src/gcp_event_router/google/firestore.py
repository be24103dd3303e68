"""Firestore: a document that has changed, in JSON.

A trigger sends protobuf unless it says `--event-data-content-type=application/json`; a handler of the former declares `bytes`.

Facts: google/events/cloud/firestore/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from typing import Any, Final

from .base import Bytes, Double, Int64, Model, Null, Timestamp

__all__ = ["ArrayValue", "Document", "DocumentEventData", "DocumentMask", "LatLng", "MapValue", "Value"]


class LatLng(Model):
    """A place on Earth, in degrees."""

    latitude: Double = 0
    longitude: Double = 0


class Value(Model):
    """A value, in the one field that names its type; `unwrap` is what one mostly wants."""

    #: Always None, and in `model_fields_set` if it is this that was sent.
    null_value: Null = None
    boolean_value: bool | None = None
    integer_value: Int64 | None = None
    double_value: Double | None = None
    timestamp_value: Timestamp | None = None
    string_value: str | None = None
    bytes_value: Bytes | None = None
    #: The name of a document.
    reference_value: str | None = None
    geo_point_value: LatLng | None = None
    array_value: ArrayValue | None = None
    map_value: MapValue | None = None

    def unwrap(self) -> Any:
        """The value itself: None, a number, text, bytes, a time, a `LatLng`, a list or a dict; a reference is its name.

        A value of a type that is not known here is a dict of what was sent.
        """
        if self.map_value is not None:
            return _unwrapped(self.map_value.fields)
        if self.array_value is not None:
            return [value.unwrap() for value in self.array_value.values]
        for name in self.model_fields_set & _PLAIN:
            return getattr(self, name)
        return self.model_extra or None


class ArrayValue(Model):
    """A list."""

    values: list[Value] = []


class MapValue(Model):
    """A map."""

    fields: dict[str, Value] = {}


# each of these has a part that is defined after it
Value.model_rebuild()
ArrayValue.model_rebuild()

_PLAIN: Final = Value.model_fields.keys() - {"array_value", "map_value"}


class Document(Model):
    """A document as it was at one time."""

    #: `projects/P/databases/D/documents/PATH`.
    name: str = ""
    fields: dict[str, Value] = {}
    create_time: Timestamp | None = None
    update_time: Timestamp | None = None

    def unwrap(self) -> dict[str, Any]:
        """The document's fields as plain values, as `Value.unwrap` has them."""
        return _unwrapped(self.fields)


class DocumentMask(Model):
    """The paths of fields that have changed."""

    field_paths: list[str] = []


class DocumentEventData(Model):
    """A document after and before the event."""

    #: None when the document was deleted.
    value: Document | None = None
    #: None when the document was created.
    old_value: Document | None = None
    #: Sent with updates.
    update_mask: DocumentMask | None = None


def _unwrapped(fields: dict[str, Value]) -> dict[str, Any]:
    return {name: value.unwrap() for name, value in fields.items()}
