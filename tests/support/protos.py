"""Google's own classes for the payloads, by name, and random messages of them."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from hypothesis import strategies as st

# protobuf and proto-plus bring no types, hence `Any` for all that is theirs
json_format: Any = import_module("google.protobuf.json_format")
factory: Any = import_module("google.protobuf.message_factory")
Field: Any = import_module("google.protobuf.descriptor").FieldDescriptor
import_module("google.rpc.error_details_pb2")  # what the samples hold as `Any`

#: Number of a field's type to its name, such as "int64".
TYPES: dict[int, str] = {
    getattr(Field, f"TYPE_{name.upper()}"): name
    for name in ("string", "bool", "int32", "int64", "uint32", "uint64", "double", "float", "bytes", "enum", "message")
}
WELL_KNOWN = "google.protobuf."
#: Messages that hold one scalar, which may be missing.
WRAPPERS = {"BoolValue": "bool", "Int32Value": "int32", "Int64Value": "int64"}
UNKNOWN_NUMBER = 77


def descriptor(name: str) -> Any:
    """The descriptor of `module:Class` under google.events, or of a message of protobuf's own generated modules."""
    module, _, message = name.partition(":")
    found = getattr(import_module(module), message)
    return found.pb().DESCRIPTOR if hasattr(found, "pb") else found.DESCRIPTOR


def is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def kind(field: Any) -> str:
    """What a field holds: a scalar's type, the members of an enumeration, the name of a message."""
    if field.enum_type is not None:
        if field.enum_type.full_name == "google.protobuf.NullValue":
            return "null"
        return "enum " + json.dumps({each.name: each.number for each in field.enum_type.values})
    if field.message_type is None:
        return {"float": "double"}.get(TYPES[field.type], TYPES[field.type])
    if not field.message_type.full_name.startswith(WELL_KNOWN):
        return "message"
    name: str = field.message_type.name
    return WRAPPERS.get(name, name.lower())


_MICROS = st.integers(0, 999_999)
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
# protobuf writes it as 3.4028235e+38, which is rounded up, and which it refuses to read
_LARGEST_FLOAT = (2 - 2**-23) * 2.0**127
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_JSON = st.recursive(
    st.none() | st.booleans() | _FINITE | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": _TEXT,
    "bool": st.booleans(),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "double": st.floats(allow_nan=False),
    "float": st.floats(width=32, allow_nan=False).filter(lambda value: abs(value) != _LARGEST_FLOAT),
    "bytes": st.binary(max_size=8),
}


@st.composite
def messages(draw: st.DrawFn, described: Any, depth: int = 3) -> Any:
    """A random message; times and lengths of time are whole microseconds, which is what Python keeps."""
    made = factory.GetMessageClass(described)()
    if described.full_name.startswith(WELL_KNOWN):
        _fill_well_known(draw, made)
        return made
    alternatives = {field.name for each in described.oneofs for field in each.fields}
    chosen = {draw(st.sampled_from([field.name for field in each.fields])) for each in described.oneofs}
    for field in described.fields:
        wanted = field.name in chosen if field.name in alternatives else draw(st.booleans())
        if wanted and (depth or field.message_type is None):
            _fill(draw, made, field, depth)
    return made


def _fill(draw: st.DrawFn, made: Any, field: Any, depth: int) -> None:
    if is_map(field):
        entry = field.message_type.fields_by_name
        value = entry["value"]
        for key in draw(st.lists(_value(entry["key"], depth), max_size=2)):
            drawn = draw(_value(value, depth))
            if value.message_type is None:
                getattr(made, field.name)[key] = drawn
            else:
                getattr(made, field.name)[key].CopyFrom(drawn)
    elif field.is_repeated:
        getattr(made, field.name).extend(draw(st.lists(_value(field, depth), max_size=2)))
    elif field.message_type is None:
        setattr(made, field.name, draw(_value(field, depth)))
    else:
        getattr(made, field.name).CopyFrom(draw(_value(field, depth)))


def _value(field: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type, depth - 1)
    if field.enum_type is None:
        return _SCALARS[TYPES[field.type]]
    numbers = [each.number for each in field.enum_type.values]
    return st.sampled_from(numbers if kind(field) == "null" else [*numbers, UNKNOWN_NUMBER])


def _fill_well_known(draw: st.DrawFn, made: Any) -> None:
    match made.DESCRIPTOR.name:
        case "Timestamp":
            made.seconds = draw(st.integers(-62_135_596_800, 253_402_300_799))
            made.nanos = draw(_MICROS) * 1000
        case "Duration":
            sign = draw(st.sampled_from([-1, 1]))
            made.seconds = sign * draw(st.integers(0, 315_576_000_000))
            made.nanos = sign * draw(_MICROS) * 1000
        case "Any":
            made.Pack(factory.GetMessageClass(descriptor("google.protobuf.duration_pb2:Duration"))(seconds=draw(_MICROS)))
        case "Struct":
            json_format.ParseDict(draw(st.dictionaries(_TEXT, _JSON, max_size=3)), made)
        case "Value":
            json_format.ParseDict(draw(_JSON), made)
        case name if name in WRAPPERS:
            made.value = draw(_SCALARS[WRAPPERS[name]])
        case other:
            raise NotImplementedError(other)
