"""The registrations of routers: finds the handlers of an event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from threading import Lock
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar
from weakref import WeakSet

from .._globs.attributes import ANY_ATTRIBUTES, NO_ATTRIBUTES, AttributeGlobs
from .._globs.glob import Glob, GlobIndex
from .handler import Handler
from .middleware import RegisteredMiddleware

#: The most kinds whose handlers are remembered. Only handled kinds are, so a stranger's kinds take no memory.
MEMORY = 1024
#: The most characters of a kind, a type and attributes whose handlers are remembered: a body of 15 MB may hold a type as long.
_LONGEST: Final = 1024


class Registration(NamedTuple):
    """A handler in a router, or in one that includes its router with a prefix."""

    handler: Handler
    #: One of them has to match the kind; empty if only the type counts.
    globs: tuple[Glob, ...]
    #: A fallback runs only for events that no other registration matches.
    is_fallback: bool = False
    #: Has to match the CloudEvents type; None if any type will do.
    ce_type: Glob | None = None
    #: Surrounds each run of the handler, the outermost first.
    middleware: tuple[RegisteredMiddleware, ...] = ()
    #: All of them have to match the attributes.
    attributes: AttributeGlobs = ANY_ATTRIBUTES

    def within(self, middleware: tuple[RegisteredMiddleware, ...]) -> Registration:
        """Return the registration with the middleware of a router around it."""
        return self._replace(middleware=middleware + self.middleware) if middleware else self

    def matching(self, kind: str) -> Glob | None:
        """Return the first of the globs that matches a kind."""
        return next((glob for glob in self.globs if glob.matches(kind)), None)

    def wants(self, ce_type: str | None) -> bool:
        """Whether it takes events of a type."""
        return self.ce_type is None or (ce_type is not None and self.ce_type.matches(ce_type))


class Traits(Protocol):
    """What selects handlers, besides a kind: an envelope."""

    @property
    def type(self) -> str | None:
        """The type of a CloudEvent."""
        ...

    @property
    def routed(self) -> Mapping[str, str]:
        """The attributes."""
        ...


class GivenTraits(NamedTuple):
    """The same without an envelope."""

    type: str | None = None
    routed: Mapping[str, str] = NO_ATTRIBUTES


class HandlersFound(NamedTuple):
    """The sync and the async handlers of an event, in order of registration."""

    blocking: tuple[Handler, ...]
    awaited: tuple[Handler, ...]


class Router(Protocol):
    """The part of a router that this package uses."""

    def find_for(self, kind: str, traits: Traits) -> HandlersFound:
        """Find the handlers of an event."""
        ...

    def __iter__(self) -> Iterator[Registration]:
        """Iterate over all registrations."""
        ...

    def has_plain_company(self) -> bool:
        """Whether plain receivers listen to one of its signals."""
        ...


#: The routers that listen to a signal.
LISTENING: Final[WeakSet[Router]] = WeakSet()


def find_everywhere(kind: str, traits: Traits) -> list[HandlersFound]:
    """Find the handlers of an event in each listening router."""
    return [router.find_for(kind, traits) for router in tuple(LISTENING)]


def registered_everywhere() -> Iterator[Registration]:
    """Iterate over the registrations of all listening routers."""
    for router in tuple(LISTENING):
        yield from router


def is_registered(kind: str) -> bool:
    """Whether a listening router has a handler or a fallback for a kind, for events of any type and with any attributes."""
    return any(not entry.globs or entry.matching(kind) is not None for entry in registered_everywhere())


class HandlerTable:
    """Finds handlers among the registrations of a router; the first look-up after a change builds an index."""

    def __init__(self, registrations: Iterable[Registration]) -> None:
        self._registrations = registrations
        self._lock = Lock()
        self._index: _Index | None = None

    def find(self, kind: str, traits: Traits) -> HandlersFound:
        """Find the handlers of an event, each function once. Its attributes are read only if they count for the kind."""
        index = self._index or self._build()
        key = (kind, traits.type) if index.has_types else kind
        return index.memory.get(key) or index.find(key, kind, traits)

    def forget(self) -> None:
        """Drop the index, since the registrations have changed."""
        with self._lock:
            self._index = None

    def _build(self) -> _Index:
        with self._lock:
            index = self._index = _Index(tuple(self._registrations))
        return index


#: A registration with its place in the order.
_Placed: TypeAlias = tuple[int, Registration]
#: A kind, or a kind and a type.
_Key: TypeAlias = "str | tuple[str, str | None]"
#: The values of attributes, in the order of their names; None for a missing one.
_Values: TypeAlias = "tuple[str | None, ...]"
KeyT = TypeVar("KeyT")
FoundT = TypeVar("FoundT")


class _Memory(dict[KeyT, FoundT]):
    """What was found, for a bounded number of keys."""

    def keep(self, key: KeyT, found: FoundT, *texts: str | None) -> None:
        """Remember something, unless the texts in its key are long."""
        if sum(len(text or "") for text in texts) > _LONGEST:
            return
        if len(self) >= MEMORY:
            self.clear()  # cheaper than choosing: each key returns with its next look-up
        self[key] = found


class _Index:
    """The registrations at one moment, by their globs and with their places in the order, and the handlers that it remembers."""

    def __init__(self, registrations: tuple[Registration, ...]) -> None:
        placed = list(enumerate(registrations))
        selective = [item for item in placed if item[1].attributes]
        plain = [item for item in placed if not item[1].attributes] if selective else placed
        self._kinds = GlobIndex((glob, item) for item in plain if not item[1].is_fallback for glob in item[1].globs)
        self._types = GlobIndex((item[1].ce_type, item) for item in plain if item[1].ce_type and not item[1].globs)
        self._fallbacks = GlobIndex((glob, item) for item in plain if item[1].is_fallback for glob in item[1].globs)
        self._groups_by_kind = _grouped((glob, item) for item in selective for glob in item[1].globs)
        self._groups_by_type = _grouped((item[1].ce_type, item) for item in selective if item[1].ce_type and not item[1].globs)
        self._is_selective = bool(selective)
        self._surrounded = {place: entry.handler.within(entry.middleware) for place, entry in placed if entry.middleware}
        self.has_types: Final = any(entry.ce_type for entry in registrations)
        #: The handlers of kinds for which no attributes count.
        self.memory: Final = _Memory[_Key, HandlersFound]()
        #: The other kinds, and their handlers for the values of attributes.
        self._choices = _Memory[_Key, _Choice]()
        self._chosen = _Memory[tuple[_Key, _Values], HandlersFound]()

    def find(self, key: _Key, kind: str, traits: Traits) -> HandlersFound:
        """Find the handlers of an event whose kind and type are `key`, and remember them."""
        choice = self._choice(key, kind, traits.type) if self._is_selective else None
        if choice is not None:
            attributes = traits.routed
            values = tuple(map(attributes.get, choice.names))
            return self._chosen.get((key, values)) or self._choose(key, kind, traits.type, choice, attributes, values)
        matched = self._matched(kind, traits.type)
        handlers = self._handlers(kind, matched)
        if matched:
            self.memory.keep(key, handlers, kind, traits.type)
        return handlers

    def _choice(self, key: _Key, kind: str, ce_type: str | None) -> _Choice | None:
        """Find what attributes decide for a kind and type; None if they decide nothing."""
        choice = self._choices.get(key)
        if choice is None:
            groups = self._groups_by_kind.find(kind) + (self._groups_by_type.find(ce_type) if ce_type is not None else [])
            if groups:
                names = sorted({name for group in groups for name in group.names})
                choice = _Choice(self._matched(kind, ce_type), groups, names)
                self._choices.keep(key, choice, kind, ce_type)
        return choice

    def _choose(
        self, key: _Key, kind: str, ce_type: str | None, choice: _Choice, attributes: Mapping[str, str], values: _Values
    ) -> HandlersFound:
        selected = [item for group in choice.groups for item in group.find(attributes) if item[1].wants(ce_type)]
        matched = sorted([*choice.matched, *selected], key=itemgetter(0))
        handlers = self._handlers(kind, matched)
        if matched:
            self._chosen.keep((key, values), handlers, kind, ce_type, *values)
        return handlers

    def _handlers(self, kind: str, matched: list[_Placed]) -> HandlersFound:
        unique: dict[object, Handler] = {}  # a function that is registered twice runs once
        for place, entry in matched or self._fallbacks.find(kind):
            unique.setdefault(entry.handler.key, self._surrounded.get(place, entry.handler))
        return HandlersFound(
            tuple(handler for handler in unique.values() if not handler.is_async),
            tuple(handler for handler in unique.values() if handler.is_async),
        )

    def _matched(self, kind: str, ce_type: str | None) -> list[_Placed]:
        """Find the registrations for any attributes."""
        matched = self._kinds.find(kind)
        if self.has_types:
            matched = [item for item in matched if item[1].wants(ce_type)]
            matched += self._types.find(ce_type) if ce_type is not None else []
            matched.sort(key=itemgetter(0))
        return matched


class _Group:
    """The registrations of one glob that want attributes. Each is found by one of them: the one that fewest others want."""

    __slots__ = ("_by_name", "names")

    def __init__(self, placed: list[_Placed]) -> None:
        counts = Counter(pair for _, entry in placed for pair in entry.attributes)
        pairs: dict[str, list[tuple[Glob, _Placed]]] = {}
        for item in placed:
            name, glob = min(item[1].attributes, key=lambda pair: (not (pair[1].prefix or pair[1].suffix), counts[pair]))
            pairs.setdefault(name, []).append((glob, item))
        self._by_name = {name: GlobIndex(globs) for name, globs in pairs.items()}
        #: The names of all attributes that count.
        self.names: Final = {name for name, _ in counts}

    def find(self, attributes: Mapping[str, str]) -> Iterator[_Placed]:
        """Yield the registrations that attributes match."""
        for name, index in self._by_name.items():
            value = attributes.get(name)
            if value is not None:
                yield from (item for item in index.find(value) if item[1].attributes.matches(attributes))


class _Choice(NamedTuple):
    """The registrations of a kind and type, among which attributes decide."""

    #: Those for any attributes.
    matched: list[_Placed]
    groups: list[_Group]
    #: The names of the attributes that count.
    names: Sequence[str]


def _grouped(pairs: Iterable[tuple[Glob, _Placed]]) -> GlobIndex[_Group]:
    groups: dict[Glob, list[_Placed]] = {}
    for glob, item in pairs:
        groups.setdefault(glob, []).append(item)
    return GlobIndex((glob, _Group(placed)) for glob, placed in groups.items())
