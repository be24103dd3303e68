"""The list of the catalogue: a line for each channel, found by words. No schema is made for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from django.http import QueryDict

from .._contract.channels import Channel, Key, channels, declared_words, keys, manner
from .._dispatch.handler import Handler
from .._globs.glob import Glob, escape
from .._schema.type_names import type_words
from ..exceptions import GlobError
from ..router import EventRouter
from .source_links import SourceLink, place_of

#: So many characters of a search are looked at.
LONGEST: Final = 200


class HandlerLine(NamedTuple):
    """One handler, as both pages name it."""

    name: str
    place: SourceLink
    #: Such as `"async, deferred"`.
    manner: str


class ChannelLine(NamedTuple):
    """One channel in the list."""

    title: str
    query: str
    ce_type: str
    is_fallback: bool
    payload: str
    handlers: tuple[HandlerLine, ...]


def found(router: EventRouter, words: str) -> list[Key]:
    """The channels that fit a search, by kind, and fallbacks last.

    Found is what has the words in its kind, its type, a handler's name or its payload's; and what takes that kind, or type.
    """
    wanted = words.strip()[:LONGEST]
    texts = _texts(router) if wanted else {}
    fitting = [key for key in keys(router) if not wanted or _fits(key, texts.get(key, ()), wanted)]
    return sorted(fitting, key=lambda key: (key.is_fallback, key.kind.pattern, key.ce_type.pattern if key.ce_type else ""))


def entries(router: EventRouter, wanted: Iterable[Key]) -> list[ChannelLine]:
    """The lines of some channels."""
    return [_entry(channel) for channel in channels(router, wanted)]


def handler_line(handler: Handler) -> HandlerLine:
    """What both pages say of a handler."""
    options = handler.options
    parts = manner(handler)
    parts += [f"at most {options.max_attempts} attempts"] if options.max_attempts else []
    parts += [f"lease of {options.lease}"] if options.lease else []
    return HandlerLine(handler.name, place_of(handler.location), ", ".join(parts))


def title_of(key: Key) -> str:
    """What a channel is called."""
    return key.ce_type.pattern if key.ce_type and key.kind.pattern == "*" else key.kind.pattern


def query_of(key: Key) -> str:
    """The query that leads to a channel."""
    query = QueryDict(mutable=True)
    query["kind"] = key.kind.pattern
    if key.ce_type is not None:
        query["type"] = key.ce_type.pattern
    if key.is_fallback:
        query["fallback"] = "yes"
    return query.urlencode()


def key_of(query: QueryDict) -> Key | None:
    """What a query leads to; None if it names nothing that there could be."""
    try:
        kind, ce_type = Glob(query.get("kind") or ""), query.get("type")
        return Key(kind, None if ce_type is None else Glob(ce_type), query.get("fallback") == "yes")
    except GlobError:
        return None


def _entry(channel: Channel) -> ChannelLine:
    key = Key(channel.kind, channel.ce_type, channel.is_fallback)
    words = [type_words(channel.declared.payload_type)] if channel.declared else []
    words += map(declared_words, channel.handlers)
    return ChannelLine(
        title_of(key),
        query_of(key),
        key.ce_type.pattern if key.ce_type else "",
        key.is_fallback,
        " and ".join(dict.fromkeys(words)),
        tuple(map(handler_line, channel.handlers)),
    )


def _texts(router: EventRouter) -> dict[Key, list[str]]:
    """What each channel is found by beside its kind and type: what is registered or declared for just that is enough."""
    texts: dict[Key, list[str]] = defaultdict(list)
    for each in router:
        for glob in each.globs or (Glob("*"),):
            texts[Key(glob, each.ce_type, each.is_fallback)] += [each.handler.name, declared_words(each.handler)]
    for name, kind in router.kinds.items():
        texts[Key(Glob(escape(name)))].append(type_words(kind.payload_type))
    return texts


def _fits(key: Key, texts: Iterable[str], wanted: str) -> bool:
    text = wanted.casefold()
    patterns = [key.kind.pattern, key.ce_type.pattern if key.ce_type else ""]
    if any(text in each.casefold() for each in (*patterns, *texts)):
        return True
    globs = [] if key.is_fallback else [key.ce_type, key.kind] if key.kind.pattern != "*" else [key.ce_type]
    return any(glob is not None and glob.matches(wanted) for glob in globs)
