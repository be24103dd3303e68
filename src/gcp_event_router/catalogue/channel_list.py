"""The list of the catalogue, with a search: a line for each channel. It needs no schemas."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from django.http import QueryDict

from .._contract.channels import Channel, Key, channels, declared_words, key_by, keys, manner
from .._dispatch.handler import Handler
from .._globs.attributes import AttributeGlobs
from .._globs.glob import Glob, escape
from .._schema.type_names import type_words
from ..exceptions import GlobError, RegistrationError
from ..router import EventRouter
from .source_links import SourceLink, place_of

#: The most characters of a search.
LONGEST: Final = 200
#: Begins the names of attributes in the query string of a channel's page.
_ATTRIBUTE: Final = "attribute."


class HandlerLine(NamedTuple):
    """One handler, on either page."""

    name: str
    place: SourceLink
    #: Such as `"async, deferred"`.
    manner: str


class ChannelLine(NamedTuple):
    """One channel in the list."""

    title: str
    query: str
    ce_type: str
    #: Such as `"eventType=OBJECT_*"`.
    attributes: str
    is_fallback: bool
    payload: str
    handlers: tuple[HandlerLine, ...]


def search(router: EventRouter, words: str) -> list[Key]:
    """The channels that a search finds, by kind, and fallbacks last.

    It finds channels with the words in the kind, the type, the attributes, or the name of a handler or a payload; and channels
    for that kind.
    """
    wanted = words.strip()[:LONGEST]
    texts = _texts(router) if wanted else {}
    fitting = [key for key in keys(router) if not wanted or _fits(key, texts.get(key, ()), wanted)]
    return sorted(fitting, key=lambda key: (key.is_fallback, key.kind.pattern, str(key.ce_type or ""), key.attributes.words))


def entries(router: EventRouter, wanted_keys: Iterable[Key]) -> list[ChannelLine]:
    """The lines of the channels with these keys."""
    return [_entry(channel) for channel in channels(router, wanted_keys)]


def handler_line(handler: Handler) -> HandlerLine:
    """Describe a handler for either page."""
    options = handler.options
    parts = manner(handler)
    parts += [f"at most {options.max_attempts} attempts"] if options.max_attempts else []
    parts += [f"lease of {options.lease}"] if options.lease else []
    return HandlerLine(handler.name, place_of(handler.location), ", ".join(parts))


def title_of(key: Key) -> str:
    """The title of a channel."""
    return key.ce_type.pattern if key.ce_type and key.kind.pattern == "*" else key.kind.pattern


def query_of(key: Key) -> str:
    """The query string of a channel's page."""
    query = QueryDict(mutable=True)
    query["kind"] = key.kind.pattern
    if key.ce_type is not None:
        query["type"] = key.ce_type.pattern
    if key.is_fallback:
        query["fallback"] = "yes"
    for name, pattern in key.attributes.patterns.items():
        query[_ATTRIBUTE + name] = pattern
    return query.urlencode()


def key_of(query: QueryDict) -> Key | None:
    """The channel that a query string names; None if it names none."""
    try:
        kind, ce_type = Glob(query.get("kind") or ""), query.get("type")
        patterns = {name.removeprefix(_ATTRIBUTE): query.get(name) for name in query if name.startswith(_ATTRIBUTE)}
        attributes = AttributeGlobs.of(patterns or None)
        return Key(kind, None if ce_type is None else Glob(ce_type), query.get("fallback") == "yes", attributes)
    except (GlobError, RegistrationError):
        return None


def _entry(channel: Channel) -> ChannelLine:
    key = channel.key
    words = [type_words(channel.declared.payload_type)] if channel.declared else []
    words += map(declared_words, channel.handlers)
    return ChannelLine(
        title_of(key),
        query_of(key),
        str(key.ce_type or ""),
        key.attributes.words,
        key.is_fallback,
        " and ".join(dict.fromkeys(words)),
        tuple(map(handler_line, channel.handlers)),
    )


def _texts(router: EventRouter) -> dict[Key, list[str]]:
    """The names of handlers and payloads by which the search finds a channel."""
    texts: dict[Key, list[str]] = defaultdict(list)
    for registration in router:
        for glob in registration.globs or (Glob("*"),):
            texts[key_by(glob, registration)] += [
                registration.handler.name,
                declared_words(registration.handler),
            ]
    for name, kind in router.kinds.items():
        texts[Key(Glob(escape(name)))].append(type_words(kind.payload_type))
    return texts


def _fits(key: Key, texts: Iterable[str], wanted: str) -> bool:
    text = wanted.casefold()
    patterns = [key.kind.pattern, str(key.ce_type or ""), key.attributes.words]
    if any(text in name.casefold() for name in (*patterns, *texts)):
        return True
    globs = [] if key.is_fallback else [key.ce_type, key.kind] if key.kind.pattern != "*" else [key.ce_type]
    return any(glob is not None and glob.matches(wanted) for glob in globs)
