"""Reads payloads and query parameters as the types that a handler declares, and decides what their errors may reveal.

`handler` makes one reader of each, once, and calls them for each event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from inspect import signature
from typing import Any, TypeAlias, TypeGuard, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import dict_schema

from .._schema.json_schema import LenientSchema, bare
from ..envelopes.base import read_json
from ..exceptions import MAX_ERRORS, ErrorDetail, InvalidEventError, too_many

PayloadReader: TypeAlias = Callable[[bytes], Any]
ParametersReader: TypeAlias = Callable[[Mapping[str, list[str]]], Any]

#: Of more errors than these, only the number is reported: pydantic can list all of them or none.
_MAX_LISTED = 1_000
#: The most steps of an error's location, and of a schema that refers to itself.
_MAX_DEPTH = 10
#: Payloads of this many bytes may have more errors than memory should hold.
_LONG = 1 << 20

_NOT_FINITE: ErrorDetail = {"loc": [], "msg": "JSON has no NaN and no Infinity", "type": "json_invalid"}
_NOT_UTF8: ErrorDetail = {"loc": [], "msg": "The text is not UTF-8", "type": "string_unicode"}
#: Types of errors, besides those in `_type`, of a value that is of the wrong type as a whole.
_WRONG_TYPE = frozenset({"enum", "literal_error", "none_required"})
_NOT_A_LIST = frozenset({"list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"})

#: Core schemas that can stop at the first wrong item; older versions of pydantic list all errors of a dict.
_FAIL_FAST = frozenset({"list", "tuple", "set", "frozenset"}) | (
    frozenset({"dict"} if "fail_fast" in signature(dict_schema).parameters else ())
)
#: Members of core schemas that are not schemas, but may look like one.
_NOT_SCHEMAS = frozenset({"cls", "config", "default", "expected", "members", "metadata", "ref", "schema_ref", "serialization"})

_N, _I = b"NI"
_PAYLOAD = "payload"
_PARAMETERS = "parameters"


def payload_reader(adapter: TypeAdapter[Any], declared: object) -> PayloadReader:
    """Return a function that reads a payload's bytes as the declared type, in one pass.

    `bytes` is the payload as it came. `str` is its text: a JSON string is decoded, other text stays as it is. All other types
    are read from JSON; an empty payload reads as `null`. The function raises `InvalidEventError`.
    """
    inner = bare(declared)
    if inner is not bytes and inner is not str:
        return _json_reader(adapter)
    convert = adapter.validator.validate_python
    validate: PayloadReader = convert if inner is bytes else lambda data: convert(_decode(data))
    words = _words_of(adapter)

    def read(data: bytes) -> Any:
        try:
            return validate(data)
        except ValidationError as error:
            refusal = [_refusal(_PAYLOAD, error, words)]
        raise refusal.pop()  # as in _json_reader()

    return read


def reads_json(declared: object) -> bool:
    """Whether payloads of a type are read as JSON from the event's data; for checks."""
    inner = bare(declared)
    return inner is not bytes and inner is not str and getattr(declared, "__reads_body__", False) is not True


def parameters_reader(adapter: TypeAdapter[Any]) -> ParametersReader:
    """Return a function that reads query parameters, each with all its values, as the declared type.

    A parameter becomes the list of its values where the type declares a list, tuple or set, and its last value elsewhere. The
    function raises `InvalidEventError`.
    """
    schema = _schema(adapter)
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    validate = adapter.validator.validate_python
    words = _words_of(adapter)

    def read(query: Mapping[str, list[str]]) -> Any:
        lists = {name for name in query if _holds_many(properties.get(name, rest), schema)}
        try:
            try:
                return validate(_flat(query, lists), strict=False)
            except ValidationError as error:  # perhaps of a name that the schema does not have, such as a second alias
                details = error.errors(include_url=False)
                others = {str(detail["loc"][0]) for detail in details if detail["type"] in _NOT_A_LIST and detail["loc"]}
                if not others & query.keys() - lists:
                    raise
                return validate(_flat(query, lists | others), strict=False)
        except ValidationError as error:
            refusal = [_refusal(_PARAMETERS, error, words)]
        raise refusal.pop()  # as in _json_reader()

    return read


def _flat(query: Mapping[str, list[str]], lists: set[str]) -> dict[str, str | list[str]]:
    return {name: values if name in lists else values[-1] for name, values in query.items()}


def may_hold_names(adapter: TypeAdapter[Any]) -> bool:
    """Whether a mapping may be valid: False if all that is wrong with an empty one is that it is a mapping."""
    try:
        adapter.validator.validate_python({}, strict=False)
    except ValidationError as error:
        types = {detail["type"] for detail in error.errors(include_url=False, include_input=False)}
        return not all(name in _WRONG_TYPE or name.endswith("_type") for name in types)
    except Exception:  # noqa: BLE001 -- a validator of the project wants certain names
        return True
    return True


def _json_reader(adapter: TypeAdapter[Any]) -> PayloadReader:
    """Return the reader of the hot path: one call into pydantic's core."""
    validate = adapter.validator.validate_json
    validate_long = cache(lambda: _fail_fast(adapter).validate_json)
    words = _words_of(adapter)

    def read(data: bytes) -> Any:
        # pydantic reads NaN and Infinity; searching for one byte is the cheapest way to rule them out for most payloads, and
        # find() the next: `in` for bytes first raises an exception within
        if (_N in data and data.find(b"NaN") >= 0) or (_I in data and data.find(b"Infinity") >= 0):
            _refuse_non_finite(data)
        try:
            return validate(data or b"null") if len(data) < _LONG else validate_long()(data)
        except ValidationError as error:
            refusal = [_refusal(_PAYLOAD, error, words)]
        # here, so that its context is not pydantic's error, which may hold the whole payload; and from a list that is emptied,
        # since its traceback refers to this frame
        raise refusal.pop()

    return read


def _fail_fast(adapter: TypeAdapter[Any]) -> Any:
    """Return a validator that stops at the first wrong item of a list, dict or set: a million errors take a gigabyte.

    It takes longer to build and lists fewer errors, so it is for long payloads only. An adapter with a configuration of its
    own, or one that a plugin watches, keeps its validator.
    """
    validator: Any = adapter.validator
    schema: Any = adapter.core_schema
    is_watched = type(getattr(validator.validate_json, "__self__", None)) is not SchemaValidator
    if is_watched or not _is_dict(schema) or vars(adapter).get("_config") is not None:
        return validator
    make: Any = SchemaValidator
    # nested models would bring validators of their own, which list all errors
    options = {"_use_prebuilt": False} if "_use_prebuilt" in (make.__text_signature__ or "") else {}
    return make(_failing_fast(schema), **options)


def _failing_fast(node: Any) -> Any:
    """Return a core schema with `fail_fast` wherever it is possible."""
    if type(node) in {list, tuple}:  # a tuple is a choice of a union, with its label
        return type(node)(map(_failing_fast, node))
    if not _is_dict(node):
        return node
    changed = {name: part if name in _NOT_SCHEMAS else _failing_fast(part) for name, part in node.items()}
    kind = node.get("type")
    return {**changed, "fail_fast": True} if isinstance(kind, str) and kind in _FAIL_FAST else changed


def _decode(data: bytes) -> str:
    try:
        if data.startswith(b'"'):
            with suppress(ValueError):  # text that merely begins with a quote
                return str(read_json(data))
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidEventError(_PAYLOAD, [_NOT_UTF8], 1) from error


def _refuse_non_finite(data: bytes) -> None:
    """Raise for a non-finite number, unless the word is part of a string. Other errors are left to the validator."""
    try:
        read_json(data)
    except ValueError as error:
        raise InvalidEventError(_PAYLOAD, [_NOT_FINITE], 1) from error


def _refusal(part: str, error: ValidationError, words: Callable[[], set[str]]) -> InvalidEventError:
    """Return the error to answer with: bounded, and without anything that the sender wrote."""
    count = error.error_count()
    listed: list[ErrorDetail] = []
    if count <= _MAX_LISTED:
        for detail in error.errors(include_input=False)[:MAX_ERRORS]:
            loc = [step if isinstance(step, int) or step in words() else "[key]" for step in detail["loc"][:_MAX_DEPTH]]
            listed.append({"loc": loc, "msg": _message(detail), "type": detail["type"]})
    if count > len(listed):
        listed.append(too_many(count - len(listed), "more " if listed else ""))
    refusal = InvalidEventError(part, listed, count)
    if count <= _MAX_LISTED:  # the traceback at DEBUG shows it: the text of 200,000 errors is 40 MB long
        refusal.__cause__ = error
    return refusal


_REFUSED = "The value was refused by a validator"
#: Messages for errors whose text may quote the payload: a validator's own words, a key, a tag.
_SAFE_MESSAGES = {
    "assertion_error": _REFUSED,
    "value_error": _REFUSED,
    "union_tag_invalid": "The tag does not match any of the expected tags",
    "bytes_invalid_encoding": "The text is not in the encoding of the bytes",
    "get_attribute_error": "An attribute could not be read",
    "iteration_error": "The items could not be read",
    "mapping_type": "The value is not a mapping",
    "no_such_attribute": "There is no such attribute",
    "uuid_parsing": "The value is not a UUID",
}


def _message(detail: Any) -> str:
    """Return pydantic's text. Errors of the project's validators have no URL, and may have the value in their text."""
    return _SAFE_MESSAGES.get(detail["type"], str(detail["msg"])) if "url" in detail else _REFUSED


def _schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a type; an empty one if its own methods fail, since it can be read all the same."""
    try:
        schema = adapter.json_schema(schema_generator=LenientSchema)
    except Exception:  # noqa: BLE001 -- methods of the project
        return {}
    return _resolved(schema, schema)


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    name, shared = schema.get("$ref", "").rpartition("/")[2], root.get("$defs", {})
    return {**shared[name], "$defs": shared} if name in shared else schema  # a project may write a reference to elsewhere


def _holds_many(schema: Any, root: dict[str, Any], depth: int = 0) -> bool:
    if not _is_dict(schema) or depth > _MAX_DEPTH:  # a type alias may refer to itself
        return False
    whole = _resolved(schema, root)
    return whole.get("type") == "array" or any(_holds_many(option, root, depth + 1) for option in whole.get("anyOf", []))


def _words_of(adapter: TypeAdapter[Any]) -> Callable[[], set[str]]:
    """Return a function that returns the words of the type's schema, which the first error makes it build."""
    return cache(lambda: _words(_schema(adapter)))


def _words(schema: Any) -> set[str]:
    """Return all words of a schema: the only ones in the location of an error that the sender did not choose."""
    if isinstance(schema, str):
        return {schema}
    parts: Iterable[Any] = ()
    if _is_dict(schema):
        parts = schema.items()
    elif isinstance(schema, (list, tuple)):
        parts = cast("list[Any]", schema)
    return set[str]().union(*map(_words, parts))


def _is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
