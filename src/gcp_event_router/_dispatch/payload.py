"""From bytes to the type that a handler declares: readers of payloads and of parameters, and what their errors may tell.

`handler` makes one reader of each for a handler, once, and calls them for each event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from inspect import signature
from typing import Any, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import dict_schema, frozenset_schema, list_schema, set_schema, tuple_schema

from .._schema.json_schema import LenientSchema, bare
from ..envelopes import read_json
from ..exceptions import MAX_ERRORS, ErrorDetail, InvalidEventError, too_many

PayloadReader: TypeAlias = Callable[[bytes], Any]
ParametersReader: TypeAlias = Callable[[Mapping[str, list[str]]], Any]

#: With more errors than these not even the first are listed, since pydantic can only give all of them.
_COUNTED_ONLY = 1_000

_NOT_FINITE: ErrorDetail = {"loc": [], "msg": "JSON has no NaN and no Infinity", "type": "json_invalid"}
_NOT_UTF8: ErrorDetail = {"loc": [], "msg": "The text is not UTF-8", "type": "string_unicode"}

#: Payloads of this many bytes may have more errors than memory should hold.
_LONG = 1 << 20
#: What of a core schema can stop at its first wrong item. Of dicts, older versions of pydantic list all of them.
_MAKERS: dict[str, Callable[..., Any]] = {
    "list": list_schema,
    "tuple": tuple_schema,
    "set": set_schema,
    "frozenset": frozenset_schema,
    "dict": dict_schema,
}
_FAIL_FAST = frozenset(name for name, make in _MAKERS.items() if "fail_fast" in signature(make).parameters)
#: What of a core schema is no schema, and may look like one.
_NO_SCHEMAS = frozenset({"cls", "config", "default", "expected", "members", "metadata", "ref", "schema_ref", "serialization"})

#: Of a place that lies deeper, the rest is left out.
_STEPS = 10

_MANY = frozenset({"list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"})
_N, _I = b"NI"
_PAYLOAD = "payload"
_PARAMETERS = "parameters"


def payload_reader(adapter: TypeAdapter[Any], declared: object) -> PayloadReader:
    """A function from a payload's bytes to the declared type, in one pass.

    `bytes` is the payload as it came. `str` is its text; a JSON string is decoded, anything else stands as it is. All other
    types are read from JSON, where no payload at all reads as `null`.

    The function raises `InvalidEventError`.
    """
    inner = bare(declared)
    if inner is bytes:
        return _checked(adapter, adapter.validator.validate_python)
    if inner is str:
        validate = adapter.validator.validate_python
        return _checked(adapter, lambda data: validate(_text(data)))
    return _json_reader(adapter)


def reads_json(declared: object) -> bool:
    """Whether payloads of a type are read from the JSON of the event's data, whatever it is; for checks."""
    inner = bare(declared)
    return inner is not bytes and inner is not str and getattr(declared, "__reads_body__", False) is not True


def parameters_reader(adapter: TypeAdapter[Any]) -> ParametersReader:
    """A function from query parameters, each with all its values, to the declared type.

    A parameter has the list of its values where the type declares a list, tuple or set, and its last value elsewhere. The
    function raises `InvalidEventError`.
    """
    schema = _schema(adapter)
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    validate = adapter.validator.validate_python
    known = _known(adapter)

    def read(query: Mapping[str, list[str]]) -> Any:
        lists = {name for name in query if _holds_many(properties.get(name, rest), schema)}
        try:
            try:
                return validate(_flat(query, lists), strict=False)
            except ValidationError as error:
                # a name that the schema does not show, such as a second alias
                missed = _wants_lists(error) & query.keys() - lists
                if not missed:
                    raise
                return validate(_flat(query, lists | missed), strict=False)
        except ValidationError as error:
            refusal = _invalid(_PARAMETERS, error, known)
        try:
            raise refusal  # as in _json_reader()
        finally:
            del refusal

    return read


#: Core schemas that a mapping never fits. What a validator of the project takes is not known, nor is what others make of it.
_NOT_MAPPINGS = frozenset(
    """
    bool bytes callable complex date datetime decimal deque enum float frozenset generator int json list literal
    multi-host-url none set str time timedelta tuple url uuid
    """.split()  # noqa: SIM905 -- as one list
)


def takes_names(adapter: TypeAdapter[Any]) -> bool:
    """Whether a type may hold the URL's parameters, each by its name."""
    schema: Any = adapter.core_schema
    definitions = {each.get("ref"): each for each in schema.get("definitions", ())}
    return _takes_names(schema, definitions, _STEPS)


def _takes_names(schema: Any, definitions: Mapping[Any, Any], depth: int) -> bool:
    kind = schema["type"]
    if kind in _NOT_MAPPINGS:
        return False
    inner: list[Any] = []
    if kind == "union":
        inner = [choice[0] if isinstance(choice, tuple) else choice for choice in schema["choices"]]
    elif kind == "definition-ref":
        inner = [definitions[schema["schema_ref"]]] if schema["schema_ref"] in definitions else []
    elif kind in {"default", "definitions", "function-after", "nullable"} or schema.get("root_model"):
        inner = [schema["schema"]]
    elif kind == "lax-or-strict":
        inner = [schema["lax_schema"]]
    elif kind == "json-or-python":
        inner = [schema["python_schema"]]
    elif kind == "chain":
        inner = schema["steps"][:1]
    return not inner or depth == 0 or any(_takes_names(each, definitions, depth - 1) for each in inner)


def _flat(query: Mapping[str, list[str]], lists: set[str]) -> dict[str, str | list[str]]:
    return {name: values if name in lists else values[-1] for name, values in query.items()}


def _wants_lists(error: ValidationError) -> set[str]:
    """The parameters for which a validator wanted a list, a tuple or a set."""
    return {str(detail["loc"][0]) for detail in error.errors(include_url=False) if detail["type"] in _MANY and detail["loc"]}


def _json_reader(adapter: TypeAdapter[Any]) -> PayloadReader:
    """The hot path: one call into pydantic's core."""
    validate = adapter.validator.validate_json
    validate_long = cache(lambda: _fail_fast(adapter).validate_json)
    known = _known(adapter)

    def read(data: bytes) -> Any:
        # pydantic reads NaN and Infinity; searching for one byte is the cheapest way to rule them out for most payloads
        if (_N in data and b"NaN" in data) or (_I in data and b"Infinity" in data):
            _refuse_non_finite(data)
        try:
            return validate(data or b"null") if len(data) < _LONG else validate_long()(data)
        except ValidationError as error:
            refusal = _invalid(_PAYLOAD, error, known)
        try:
            raise refusal  # here, so that it does not hold pydantic's error, which may hold all of the payload
        finally:
            del refusal  # which holds this frame, by its traceback

    return read


def _checked(adapter: TypeAdapter[Any], validate: PayloadReader) -> PayloadReader:
    known = _known(adapter)

    def read(data: bytes) -> Any:
        try:
            return validate(data)
        except ValidationError as error:
            refusal = _invalid(_PAYLOAD, error, known)
        try:
            raise refusal  # as in _json_reader()
        finally:
            del refusal

    return read


def _fail_fast(adapter: TypeAdapter[Any]) -> Any:
    """A validator that stops at the first wrong item of a list, dict or set: a million errors take a gigabyte.

    It costs longer to make, and lists fewer errors, so it is for long payloads alone. An adapter with a configuration of its
    own, or one that a plugin watches, keeps its validator.
    """
    validator: Any = adapter.validator
    schema: Any = adapter.core_schema
    if type(validator) is not SchemaValidator or not isinstance(schema, dict) or vars(adapter).get("_config") is not None:
        return validator
    make: Any = SchemaValidator
    # nested models would bring validators of their own, which list all errors
    options = {"_use_prebuilt": False} if "_use_prebuilt" in (make.__text_signature__ or "") else {}
    return make(_failing_fast(cast("object", schema)), **options)


def _failing_fast(node: object) -> Any:
    """A core schema with `fail_fast` wherever it can be."""
    if isinstance(node, dict):
        schema = cast("dict[str, object]", node)
        changed = {name: part if name in _NO_SCHEMAS else _failing_fast(part) for name, part in schema.items()}
        kind = schema.get("type")
        return {**changed, "fail_fast": True} if isinstance(kind, str) and kind in _FAIL_FAST else changed
    if isinstance(node, list):
        return [_failing_fast(part) for part in cast("list[object]", node)]
    if type(node) is tuple:  # a choice of a union, with its label
        return tuple(_failing_fast(part) for part in cast("tuple[object, ...]", node))
    return node


def _text(data: bytes) -> str:
    try:
        if data.startswith(b'"'):
            try:
                return str(read_json(data))
            except ValueError:
                pass  # text that merely begins with a quote
        return data.decode()
    except UnicodeDecodeError as error:
        raise _refused(_NOT_UTF8) from error


def _refuse_non_finite(data: bytes) -> None:
    """Raise for a non-finite number; the words may as well stand inside a string. Other errors are left to the validator."""
    try:
        read_json(data)
    except ValueError as error:
        raise _refused(_NOT_FINITE) from error


def _refused(detail: ErrorDetail) -> InvalidEventError:
    return InvalidEventError(_PAYLOAD, [detail], 1)


def _known(adapter: TypeAdapter[Any]) -> Callable[[], set[str]]:
    """The words of the type's schema, made when the first error needs them."""
    return cache(lambda: _names(_schema(adapter)))


def _cause(error: ValidationError) -> ValidationError | None:
    """What a traceback at DEBUG shows: the text of an error with 200,000 parts is 40 MB."""
    return error if error.error_count() <= _COUNTED_ONLY else None


def _invalid(part: str, error: ValidationError, known: Callable[[], set[str]]) -> InvalidEventError:
    """The error to answer: bounded, and free of whatever the sender wrote."""
    count = error.error_count()
    listed: list[ErrorDetail] = []
    if count <= _COUNTED_ONLY:
        words = known()
        for detail in error.errors(include_input=False)[:MAX_ERRORS]:
            loc = [step if isinstance(step, int) or step in words else "[key]" for step in detail["loc"][:_STEPS]]
            listed.append({"loc": loc, "msg": _message(detail), "type": detail["type"]})
    if count > len(listed):
        listed.append(too_many(count - len(listed), "more " if listed else ""))
    refusal = InvalidEventError(part, listed, count)
    refusal.__cause__ = _cause(error)
    return refusal


_REFUSED = "The value was refused by a validator"
#: Errors whose text may hold what was sent: a validator's own words, a key, a tag.
_TELLING = {
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
    """Pydantic's own text; a validator of the project may have put the value into its text, and those have no URL."""
    if "url" not in detail:
        return _REFUSED
    return _TELLING.get(detail["type"], str(detail["msg"]))


def _schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    schema = adapter.json_schema(schema_generator=LenientSchema)
    return _resolved(schema, schema)


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    return {**root["$defs"][reference.rpartition("/")[2]], "$defs": root["$defs"]} if reference else schema


def _holds_many(schema: Any, root: dict[str, Any], depth: int = 0) -> bool:
    if not isinstance(schema, dict) or depth > _STEPS:  # a type alias may lead back to itself
        return False
    whole = _resolved(cast("dict[str, Any]", schema), root)
    return whole.get("type") == "array" or any(_holds_many(option, root, depth + 1) for option in whole.get("anyOf", []))


def _names(schema: Any) -> set[str]:
    """All words of a schema: the only ones that the place of an error may hold, since other keys were chosen by the sender."""
    if isinstance(schema, str):
        return {schema}
    parts: list[Any] = []
    if isinstance(schema, dict):
        parts = [*cast("dict[str, Any]", schema).items()]
    elif isinstance(schema, (list, tuple)):
        parts = [*cast("list[Any]", schema)]
    return set[str]().union(*map(_names, parts))
