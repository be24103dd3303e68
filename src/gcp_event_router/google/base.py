"""What Google's JSON is made of: protobuf's JSON mapping, as pydantic types, and the `Model` that all payloads share.

Facts: "ProtoJSON Format" of protobuf's documentation. Whatever cannot be read is an error of pydantic and nothing else.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, Self, TypeAlias

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, PydanticUseDefault
from typing_extensions import override

from ._examples import EXAMPLES

__all__ = [
    "Attributes",
    "Bytes",
    "Double",
    "Duration",
    "Int32",
    "Int64",
    "Model",
    "Null",
    "Struct",
    "Timestamp",
    "UInt32",
    "UInt64",
]

_PACKAGE: Final = f"{__package__}."


def json_name(name: str) -> str:
    """The name that protobuf's compiler gives a field in JSON; pydantic's `to_camel` treats digits otherwise."""
    return re.sub(r"_(.)", lambda found: found[1].upper(), name)


class Model(BaseModel):
    """A message of Google's: camelCase on the wire, snake_case in Python, and nothing in it is required.

    A field that is not sent, or is sent as null, has its type's default, since that is what protobuf leaves out: 0, "", False,
    an empty list or dict, and None for another message, a time and one of several alternatives. What is sent and not known is
    kept in `model_extra`. Models are frozen. `model_dump_json(by_alias=True)` writes what can be read again.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=json_name,
        extra="allow",
        frozen=True,
        protected_namespaces=(),  # messages have fields such as `model_name`
        populate_by_name=True,  # before pydantic 2.11; from there on its plugin for mypy asks for the other
        validate_by_name=True,
        ser_json_bytes="base64",
        ser_json_inf_nan="strings",
    )

    @override
    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the example of a payload, for people and for senders."""
        schema = handler(core_schema)
        example = EXAMPLES.get(f"{cls.__module__.removeprefix(_PACKAGE)}.{cls.__name__}")
        if example is not None:
            handler.resolve_ref_schema(schema)["examples"] = [example]
        return schema

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_default(cls, value: object) -> object:
        if value is None:
            raise PydanticUseDefault
        return value

    @model_validator(mode="after")
    def _forget_second_names(self) -> Self:
        """Pub/Sub sends some fields under both names, and pydantic takes the second one for a field that it does not know."""
        extra = self.__pydantic_extra__
        if extra:
            for name in extra.keys() & type(self).model_fields.keys():
                del extra[name]
        return self


class Attributes(Model):
    """The base of what senders write into the attributes of their messages."""

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Self:
        """Read a message's attributes; those of an unwrapped push are headers, whose names have lost their case.

        Raises:
            ValidationError: They are not of such a message.

        """
        names = {str(field.validation_alias).lower(): str(field.validation_alias) for field in cls.model_fields.values()}
        found = {names.get(name, name): value for name, value in attributes.items()}
        return cls.model_validate(found | {name: attributes[name] for name in names.values() if name in attributes})


_DIGITS: Final = re.compile(r"-?[0-9]+")


def _integer(value: object) -> object:
    """An integer as a number or as a string of its digits. Pydantic alone would also take true, "1_0" and " 1 "."""
    if isinstance(value, bool):
        raise PydanticKnownError("int_type")
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise PydanticKnownError("int_parsing")
    return value


def _number(value: object) -> object:
    """A number, its digits in a string, or one of "NaN", "Infinity" and "-Infinity". Pydantic alone would also take true."""
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d(\.\d{1,9})?(z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def _time(value: object) -> object:
    """RFC 3339 with an offset. Pydantic alone would also take dates, and numbers as seconds or milliseconds."""
    if isinstance(value, str):
        if not _TIME.fullmatch(value):
            raise PydanticKnownError("datetime_parsing", {"error": "not a time of RFC 3339"})
    elif not isinstance(value, datetime):
        raise PydanticKnownError("datetime_type")
    return value


#: No longer than twelve digits, as protobuf has it: ten thousand years.
_SECONDS: Final = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s")


def _duration(value: object) -> object:
    """Decimal seconds and an "s", such as "3.5s"."""
    if isinstance(value, timedelta):
        return value
    found = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticKnownError("time_delta_parsing", {"error": "not decimal seconds followed by s"})
    sign, seconds, fraction = found.groups(default="")
    length = timedelta(seconds=int(seconds), microseconds=int(fraction[:6].ljust(6, "0")))
    return -length if sign else length


def _seconds(length: timedelta) -> str:
    whole, micros = divmod(abs(length) // timedelta(microseconds=1), 1_000_000)
    fraction = f".{micros:06}".rstrip("0") if micros else ""
    return f"{'-' if length < timedelta(0) else ''}{whole}{fraction}s"


_STANDARD: Final = str.maketrans("-_", "+/")


def _bytes(value: object) -> object:
    """Base64 in the standard or the URL's alphabet, padded or not."""
    if not isinstance(value, str):
        return value
    text = value if "=" in value else value + "=" * (-len(value) % 4)
    try:
        return b64decode(text.translate(_STANDARD), validate=True)
    except ValueError:
        known = {"encoding": "base64", "encoding_error": "not base64"}
        raise PydanticKnownError("bytes_invalid_encoding", known) from None


#: A signed 64-bit integer, from a number or a string: JSON has it as a string, since a float cannot hold it.
Int64: TypeAlias = Annotated[int, BeforeValidator(_integer), Field(ge=-(2**63), lt=2**63)]
#: An unsigned 64-bit integer, from a number or a string.
UInt64: TypeAlias = Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=2**64)]
#: A signed 32-bit integer, from a number or a string.
Int32: TypeAlias = Annotated[int, BeforeValidator(_integer), Field(ge=-(2**31), lt=2**31)]
#: An unsigned 32-bit integer, from a number or a string.
UInt32: TypeAlias = Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=2**32)]
#: A float of 32 or 64 bits.
Double: TypeAlias = Annotated[float, BeforeValidator(_number)]
#: A time with its offset. Nanoseconds are cut to microseconds.
Timestamp: TypeAlias = Annotated[AwareDatetime, BeforeValidator(_time)]
#: A length of time, from and to seconds such as "3.5s". Nanoseconds are cut to microseconds.
Duration: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(_seconds, str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "google-duration", "examples": ["3.5s"]}),
]
#: Bytes, from base64; bytes themselves in Python.
Bytes: TypeAlias = Annotated[bytes, BeforeValidator(_bytes)]


def _null(value: object) -> object:
    """Protobuf writes its one null as null, and reads the enumeration's name and number as well."""
    return None if isinstance(value, (str, int)) and value in {"NULL_VALUE", 0} else value


#: Protobuf's `NullValue`.
Null: TypeAlias = Annotated[None, BeforeValidator(_null)]
#: Any JSON object: protobuf's `Struct`, and its `Any` with the type's URL at "@type".
Struct: TypeAlias = dict[str, JsonValue]
