"""The list of the catalogue, with a search: a line for each channel. It needs no schemas."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, Final, NamedTuple

from django.http import QueryDict

from .._contract.channels import Channel, Key, channels, declared_words, key_by, keys, manner
from .._dispatch.handler import Handler
from .._dispatch.signature import documentation_of, location_of, name_of
from .._dispatch.store import event_store
from .._globs.attributes import AttributeGlobs
from .._globs.glob import Glob, escape
from .._schema.type_names import type_words
from ..exceptions import GlobError, RegistrationError
from ..router import EventRouter
from .source_links import SourceLink, place_of

#: The most characters of a search.
LONGEST: Final = 200
#: The parts of the list: anchors and titles.
_GROUPS: Final = (("kinds", "Kinds"), ("types", "CloudEvents types"), ("others", "All other events"))
#: The parameters of a handler that declares none.
_ANY_PARAMETERS: Final = "dict[str, str]"
#: Begins the names of attributes in the query string of a channel's page.
_ATTRIBUTE: Final = "attribute."


class HandlerLine(NamedTuple):
    """One handler, or a plain receiver, on either page."""

    name: str
    place: SourceLink
    #: What its docstring says.
    documentation: str
    #: What is special about it in a few words, such as `"async"`, `"deferred"` and `"once"`.
    marks: tuple[str, ...] = ()
    #: The same in full, such as `"async, deferred, at most 3 attempts"`.
    manner: str = ""


class ChannelGroup(NamedTuple):
    """A part of the list."""

    anchor: str
    title: str
    lines: list[ChannelLine]


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
    """The channels that a search finds: by kind, then by CloudEvents type where only that counts, and fallbacks last.

    It finds channels with the words in the kind, the type, the attributes, or the name of a handler or a payload; and channels
    for that kind.
    """
    wanted = words.strip()[:LONGEST]
    texts = _texts(router) if wanted else {}
    fitting = [key for key in keys(router) if not wanted or _fits(key, texts.get(key, ()), wanted)]
    return sorted(fitting, key=lambda key: (_group(key), key.kind.pattern, str(key.ce_type or ""), key.attributes.words))


def groups(router: EventRouter, wanted_keys: Iterable[Key]) -> list[ChannelGroup]:
    """The lines of the channels with these keys, kinds and CloudEvents types apart."""
    found = groupby(channels(router, wanted_keys), lambda channel: _group(channel.key))
    return [ChannelGroup(*_GROUPS[number], [*map(_entry, members)]) for number, members in found]


def handler_line(handler: Handler) -> HandlerLine:
    """Describe a handler for either page."""
    options = handler.options
    parts = manner(handler)
    parts += [f"at most {options.max_attempts} attempts"] if options.max_attempts else []
    parts += [f"lease of {options.lease}"] if options.lease else []
    text = documentation_of(handler.function)
    return HandlerLine(handler.name, place_of(handler.location), text, tuple(_marks(handler)), ", ".join(parts))


def receiver_line(receiver: Callable[..., Any]) -> HandlerLine:
    """Describe a plain receiver."""
    return HandlerLine(name_of(receiver), place_of(location_of(receiver)), documentation_of(receiver))


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


def _group(key: Key) -> int:
    """The number of the part of the list to which a channel belongs."""
    return 2 if key.is_fallback else 1 if key.ce_type and key.kind.pattern == "*" else 0


def _marks(handler: Handler) -> Iterator[str]:
    options = handler.options
    if handler.is_async:
        yield "async"
    if options.deferred:
        yield "deferred"
    if not options.once:
        yield "every delivery"
    elif event_store() is not None:
        yield "once for each key" if options.once_key else "once"
    if (parameters := declared_words(handler, "parameters_type")) != _ANY_PARAMETERS:
        yield f"parameters {parameters}"


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
