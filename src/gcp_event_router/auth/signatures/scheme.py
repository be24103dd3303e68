"""How a provider signs: what the signature covers, how it is computed, and where the request has it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from ...exceptions import ConfigurationError

Algorithm: TypeAlias = Literal["sha256", "sha512", "sha1"]
Encoding: TypeAlias = Literal["hex", "base64"]

_FIELD: Final = re.compile(r"\{(\w*)\}")
_FIELDS: Final = frozenset({"body", "timestamp", "id", "url"})
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
#: More signatures in one header than any rotation of secrets needs.
MAX_SIGNATURES: Final = 16


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
    #: The header with the time that `{timestamp}` stands for; or, with `=` at its end, the field of the signature's header.
    timestamp: str = ""
    #: The header with the id that `{id}` stands for.
    id: str = ""
    #: The parts of `signed`: pairs of a text and the name of the field that follows it.
    parts: tuple[tuple[bytes, str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        texts = _FIELD.split(self.signed)
        fields = texts[1::2]
        problem = ""
        if not _HEADER.fullmatch(self.header):
            problem = f"the header {self.header!r}, which is not a header's name. Write one such as X-Hub-Signature-256"
        elif unknown := set(fields) - _FIELDS:
            problem = f"the unknown field {{{min(unknown)}}}. Write one of {{body}}, {{timestamp}}, {{id}} and {{url}}"
        elif "body" not in fields or texts[-1]:
            problem = "a text that does not contain or end with a field, or lacks {body}, so it would not protect the body"
        elif ("timestamp" in fields) != bool(self.timestamp) or ("id" in fields) != bool(self.id):
            problem = "a {timestamp} or an {id} without its place, or a place without its field. Give both or neither"
        elif self.timestamp.endswith("=") and not self.separator:
            problem = f"the field {self.timestamp!r}, but no separator between it and the signature. Give separator"
        if problem:
            msg = f"A SignatureScheme with signed={self.signed!r} has {problem}."
            raise ConfigurationError(msg)
        object.__setattr__(self, "parts", tuple(zip(map(str.encode, texts[::2]), fields, strict=False)))

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
