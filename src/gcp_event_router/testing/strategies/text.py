"""Strategies of texts, from the keywords of a JSON Schema. Called by `schema`."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._schema.json_schema import Schema
from ...exceptions import ConfigurationError

__all__ = ["TEXT", "texts"]

#: Without surrogates, which UTF-8 cannot hold.
TEXT: Final = st.characters(codec="utf-8")


def texts(schema: Schema) -> SearchStrategy[str]:
    """Texts of a format, of a pattern, or of a length. Raises `ConfigurationError` for a pattern that is not Python's."""
    known = _FORMATS.get(schema.get("format", ""))
    if known is not None:
        return known
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    if "pattern" in schema:
        return _matching(schema["pattern"]).filter(lambda text: least <= len(text) and (most is None or len(text) <= most))
    return st.text(TEXT, min_size=least, max_size=None if most is None else int(most))


def _matching(pattern: str) -> SearchStrategy[str]:
    # pydantic's `$` is the very end of a text; for Python a line break may follow it
    python = re.sub(r"(?<!\\)\$\Z", r"\\Z", pattern)
    try:
        return st.from_regex(re.compile(python), alphabet=TEXT)
    except re.error as error:
        msg = (
            f"examples() needs text for the pattern {pattern!r}, which Python's re cannot read: {error}. "
            "Write the pattern as both read it, or make the payloads by a strategy of your own."
        )
        raise ConfigurationError(msg) from error


def _uuids(version: int) -> SearchStrategy[str]:
    """Of a version that hypothesis does not know yet."""
    return st.uuids(version=4).map(lambda made: f"{str(made)[:14]}{version}{str(made)[15:]}")


_HOSTS: Final = st.from_regex(r"[a-z]{1,10}\.example", fullmatch=True)
_WORDS: Final = st.from_regex(r"[a-z0-9]{1,10}", fullmatch=True)
#: A strategy of each format that pydantic names.
_FORMATS: Final[Mapping[str, SearchStrategy[str]]] = {
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda value: value.isoformat()),
    "date-time-naive": st.datetimes().map(lambda value: value.isoformat()),
    "date": st.dates().map(lambda value: value.isoformat()),
    "time": st.times().map(lambda value: value.isoformat()),
    "duration": st.integers(0, 10**9).map(lambda seconds: f"PT{seconds}S"),
    "google-duration": st.integers(0, 10**9).map(lambda seconds: f"{seconds}s"),
    "uuid": st.uuids().map(str),
    "uuid1": st.uuids(version=1).map(str),
    "uuid3": st.uuids(version=3).map(str),
    "uuid4": st.uuids(version=4).map(str),
    "uuid5": st.uuids(version=5).map(str),
    "uuid6": _uuids(6),
    "uuid7": _uuids(7),
    "uuid8": _uuids(8),
    "email": st.builds("{}@{}".format, _WORDS, _HOSTS),
    "name-email": st.builds("{} <{}@{}>".format, _WORDS, _WORDS, _HOSTS),
    "uri": st.builds("https://{}/{}".format, _HOSTS, _WORDS),
    "multi-host-uri": st.builds("https://{}/{}".format, _HOSTS, _WORDS),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
    "ipvanyaddress": st.ip_addresses().map(str),
    "ipv4network": st.ip_addresses(v=4).map("{}/32".format),
    "ipv6network": st.ip_addresses(v=6).map("{}/128".format),
    "ipv4interface": st.ip_addresses(v=4).map("{}/24".format),
    "ipv6interface": st.ip_addresses(v=6).map("{}/64".format),
    "ipvanyinterface": st.ip_addresses().map(str),
    "ipvanynetwork": st.ip_addresses().map(str),
    "base64": st.binary(max_size=24).map(lambda value: b64encode(value).decode()),
    "base64url": st.binary(max_size=24).map(lambda value: urlsafe_b64encode(value).decode()),
}
