"""How a provider signs: what the signature covers, how it is computed, and where the request has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from ...envelopes.base import parse_time
from ...exceptions import ConfigurationError

Algorithm: TypeAlias = Literal["sha256", "sha512", "sha1"]
Encoding: TypeAlias = Literal["hex", "base64"]
TimeFormat: TypeAlias = Literal["seconds", "milliseconds", "iso8601"]

_FIELD: Final = re.compile(r"\{(\w*)\}")
_FIELDS: Final = frozenset({"body", "timestamp", "id", "url"})
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
#: A field of the signature's header, such as `t=`, or a JSON pointer.
_TIMESTAMP: Final = re.compile(r"[A-Za-z0-9_-]+=?|/.+")
#: More signatures in one header than any rotation of secrets needs.
MAX_SIGNATURES: Final = 16
#: More digits of a time than any has, in milliseconds.
_MAX_DIGITS: Final = 15
#: With an offset, and matched in full: what follows a time may be signed without a separator.
_ISO_8601: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


class SignatureHeader(NamedTuple):
    """What the header of a signature contains."""

    #: All items, of which those with the prefix of a key are signatures.
    items: list[str]
    #: The item with the time, without its prefix; None if the time is not in this header.
    timestamp: str | None


@dataclass(frozen=True, kw_only=True)
class SignatureScheme:
    """How a provider signs its requests. Raises `ConfigurationError` for a scheme that verifies nothing."""

    #: The header with the signature, such as `"X-Hub-Signature-256"`.
    header: str
    #: What is signed: text and the fields `{body}`, `{timestamp}`, `{id}` and `{url}`, such as `"{timestamp}.{body}"`.
    signed: str = "{body}"
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    #: What precedes a signature, such as `"sha256="`.
    prefix: str = ""
    #: What separates several signatures, or fields, in the header; empty if the whole header is one signature.
    separator: str = ""
    #: Where the signed time is: the name of a header; with `=` at its end, a field of the signature's header; or, if the body
    #: itself has it, a JSON pointer such as `"/sent_at"`.
    timestamp: str = ""
    time_format: TimeFormat = "seconds"
    #: The header with the id that `{id}` stands for.
    id: str = ""
    #: The parts of `signed`: pairs of a text and the name of the field that follows it.
    parts: tuple[tuple[bytes, str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        problem = next((problem for is_wrong, problem in self._problems() if is_wrong), None)
        if problem:
            msg = f"A SignatureScheme with signed={self.signed!r} has {problem}."
            raise ConfigurationError(msg)
        texts, fields = _split(self.signed)
        object.__setattr__(self, "parts", tuple(zip(map(str.encode, texts), fields, strict=False)))

    def _problems(self) -> Iterator[tuple[bool, str]]:
        for name in ("header", "signed", "prefix", "separator", "timestamp", "id"):
            value: object = getattr(self, name)
            yield not isinstance(value, str), f"{name}={value!r}, which is not a string. Write one, or leave it out"
        for name, allowed in (("algorithm", Algorithm), ("encoding", Encoding), ("time_format", TimeFormat)):
            value, values = getattr(self, name), get_args(allowed)
            yield value not in values, f"{name}={value!r}, which is unknown. Write one of {', '.join(values)}"
        for name, header in (("header", self.header), ("id", self.id or "id")):
            advice = "Write one such as X-Hub-Signature-256"
            yield not _HEADER.fullmatch(header), f"{name}={header!r}, which is not the name of a header. {advice}"
        is_place = not self.timestamp or _TIMESTAMP.fullmatch(self.timestamp)
        advice = "Write the name of a header, a field such as t=, or a JSON pointer"
        yield not is_place, f"timestamp={self.timestamp!r}, which is not a place. {advice}"
        yield from self._problems_of_fields(*_split(self.signed))

    def _problems_of_fields(self, texts: list[str], fields: list[str]) -> Iterator[tuple[bool, str]]:
        for name in fields:
            advice = "Write one of {body}, {timestamp}, {id} and {url}"
            yield name not in _FIELDS, f"the unknown field {{{name}}}. {advice}"
        yield "body" not in fields, "no field {body}, so anybody could change the body. Add it"
        yield len(set(fields)) < len(fields), "a field that occurs twice. Write each once"
        yield bool(texts[-1]), f"the text {texts[-1]!r} after its last field, which no provider is known to sign. Leave it out"
        unclear = "two fields without a text between them, so part of an id could pass as part of the next field. Separate them"
        yield "id" in fields and not all(texts[1:-1]), unclear
        for name, place in (("timestamp", "" if self.timestamp_is_in_body else self.timestamp), ("id", self.id)):
            yield name in fields and not place, f'the field {{{name}}}, but no place for it. Give {name}="X-Name-Of-The-Header"'
            yield bool(place) and name not in fields, f"{name}={place!r}, but does not sign it. Add {{{name}}} to signed"
        is_beside = self.timestamp.endswith("=")
        advice = 'Give separator=","'
        yield (
            is_beside and not self.separator,
            f"timestamp={self.timestamp!r}, but nothing separates it from signatures. {advice}",
        )

    @property
    def timestamp_is_in_body(self) -> bool:
        """Whether the time is signed as a part of the body."""
        return self.timestamp.startswith("/")

    def signs(self, name: str) -> bool:
        """Whether the signature covers a field, such as `"url"`."""
        return any(name == part for _, part in self.parts)

    def read(self, header: str) -> SignatureHeader | None:
        """Split the signature's header; None if it has more items than a provider sends."""
        items = header.split(self.separator, MAX_SIGNATURES) if self.separator else [header]
        if len(items) > MAX_SIGNATURES:
            return None
        items = [item.strip(" ") for item in items]
        timestamp = None
        if self.timestamp.endswith("="):
            timestamp = next((item.removeprefix(self.timestamp) for item in items if item.startswith(self.timestamp)), None)
        return SignatureHeader(items, timestamp)

    def read_time(self, text: str) -> float | None:
        """Read a time as seconds since 1970; None if it is not written as the provider writes it."""
        if self.time_format == "iso8601":
            moment = parse_time(text) if _ISO_8601.fullmatch(text) else None
            return None if moment is None else moment.timestamp()
        if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
            return None
        return int(text) / (1 if self.time_format == "seconds" else 1000)

    def write_time(self, seconds: float) -> str:
        """Write a time as the provider writes it."""
        if self.time_format == "iso8601":
            return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
        return str(int(seconds * (1 if self.time_format == "seconds" else 1000)))


def _split(signed: str) -> tuple[list[str], list[str]]:
    """The texts of what is signed, of which each but the last precedes a field, and the names of the fields."""
    parts = _FIELD.split(signed)
    return parts[::2], parts[1::2]
