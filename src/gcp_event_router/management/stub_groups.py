"""Groups a project's kinds by their payloads, with the types that can read each payload: for `manage.py events stubs`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, get_origin

from .._dispatch.event_types import UNSET
from .._dispatch.handler import Handler
from .._dispatch.lookup import LISTENING, Registration
from .._schema.type_source import TypeSource
from ..checks.payloads import Samples, googles_model
from ..exceptions import ConfigurationError
from ..google.base import Model
from ..kinds import Kind
from ..router import EventRouter

#: The longest label, in characters, that is made of types.
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Group:
    """The kinds and globs that cover the same payload, or the same payloads."""

    #: Names the group in the stub, and in the messages of type checkers.
    label: str
    #: The payload as code; a union if there are several.
    payload: str
    #: The kinds and the globs.
    patterns: tuple[str, ...]
    #: Other types, as code, that handlers read the payload as.
    readers: tuple[str, ...]
    #: Whether `type[...]` cannot express one of the types, such as a union.
    has_forms: bool
    #: Whether a registration gives the type of the payload, so that the stub has to know `payload=`.
    is_given: bool
    #: Whether the kinds are among those of a later group that is given its payloads, too.
    is_part: bool


def kind_names(router: EventRouter) -> list[str]:
    """The declared kinds of a router, and of all routers that listen to a signal."""
    routers = [router, *(other for other in tuple(LISTENING) if isinstance(other, EventRouter))]
    return sorted({name for router in routers for name in router.kinds})


class Groups(NamedTuple):
    """All groups of a router."""

    #: A group for each payload, then one for each set of payloads that a registration covers.
    kinds: list[Group]
    #: A group for each of Google's models that handlers get; its patterns are types of CloudEvents.
    google: list[Group]
    #: The kinds, and the globs that match some of them.
    patterns: tuple[str, ...]
    #: Whether a registration gives both a kind and a type.
    have_types: bool


def groups_of(router: EventRouter, types: TypeSource) -> Groups:
    """Return the groups of what a router declares and registers."""
    grouped = _GroupedKinds(router, types)
    typed = [entry for entry in router if entry.globs and entry.ce_type is not None]
    return Groups(list(grouped.groups()), list(_groups_of_google(router, types)), grouped.patterns(), bool(typed))


def _groups_of_google(router: EventRouter, types: TypeSource) -> Iterator[Group]:
    samples = Samples()
    handlers: dict[type[Model], list[Handler]] = {}
    for handler in dict.fromkeys(entry.handler for entry in router):
        model = googles_model(handler.ce_type)
        if model is not None:
            handlers.setdefault(model, []).append(handler)
    models = sorted(handlers, key=types.of)
    for model, label in zip(models, _labels(f"Google{model.__name__}" for model in models), strict=True):
        readers = [handler for handler in handlers[model] if samples.unread_by(handler, model) is None]
        read = [payload for handler in readers if (payload := _payload_of(handler)) is not UNSET]
        yield Group(
            label,
            types.of(model),
            tuple(sorted({handler.ce_type.pattern for handler in handlers[model] if handler.ce_type})),
            tuple(sorted({types.of(payload, "object") for payload in read} - {"object", types.of(model)})),
            any(map(_is_form, read)),
            any(handler.is_given_payload for handler in handlers[model]),
            is_part=False,
        )


def _payload_of(handler: Handler) -> object:
    """What a handler reads; `UNSET` if a check reports that nobody knows."""
    try:
        return handler.payload_type
    except ConfigurationError:
        return UNSET


class _GroupedKinds:
    """What a router declares and registers. Payloads are numbered by their first kind."""

    def __init__(self, router: EventRouter, types: TypeSource) -> None:
        self._types = types
        self._kinds = dict(sorted(router.kinds.items()))
        self._payloads: list[object] = []
        self._numbers = {name: _number(kind.payload_type, self._payloads) for name, kind in self._kinds.items()}
        # beside a type of CloudEvents, a kind does not say what a handler gets
        self._registrations = [entry for entry in router if entry.globs and not entry.is_fallback and entry.ce_type is None]
        self._globs = {glob.pattern: self._matched(glob.matches) for entry in router for glob in entry.globs}
        #: The types that read each payload.
        self._readers: list[list[object]] = [[] for _ in self._payloads]
        self._find_readers()

    def patterns(self) -> tuple[str, ...]:
        """Return the kinds, and the globs that match some of them."""
        return tuple(sorted({*self._kinds, *(pattern for pattern, matched in self._globs.items() if matched)}))

    def groups(self) -> Iterator[Group]:
        """Return the groups, small ones first, since type checkers take the first overload that fits."""
        texts = [self._types.of(payload) for payload in self._payloads]
        covered = {numbers for entry in self._registrations if len(numbers := self._covered(entry)) > 1}
        given = {self._covered(entry) for entry in self._registrations if entry.handler.is_given_payload}
        singles = [frozenset({number}) for number in range(len(texts))]
        sets = [*singles, *sorted(covered, key=lambda numbers: (len(numbers), sorted(numbers)))]
        payloads = [" | ".join(dict.fromkeys(texts[number] for number in sorted(numbers))) for numbers in sets]
        for numbers, payload, label in zip(sets, payloads, _labels(payloads), strict=True):
            first, *others = sorted(numbers)
            names = [name for name, number in self._numbers.items() if number in numbers]
            globs = [pattern for pattern, matched in self._globs.items() if matched and matched <= numbers]
            readers = [reader for reader in self._readers[first] if all(reader in self._readers[other] for other in others)]
            readings = {self._types.of(reader, "object") for reader in readers}
            members = {*payload.split(" | ")}
            yield Group(
                label,
                payload,
                tuple(sorted({*names, *globs})),
                # a handler of anything, or of the payload among others, takes the payload in any case
                tuple(sorted(reading for reading in readings if reading != "object" and not members <= {*reading.split(" | ")})),
                any(map(_is_form, [*readers, *(self._payloads[number] for number in numbers)])),
                numbers in given,
                any(numbers < other for other in given),
            )

    def _matched(self, matches: Any) -> frozenset[int]:
        """The payloads of the kinds that a glob matches."""
        return frozenset(number for name, number in self._numbers.items() if matches(name))

    def _covered(self, entry: Registration) -> frozenset[int]:
        return frozenset[int]().union(*(self._globs[glob.pattern] for glob in entry.globs))

    def _find_readers(self) -> None:
        """Ask of each handler what `manage.py check` asks: whether it reads a sample of each payload that it gets."""
        samples = Samples()
        carrying: dict[int, Kind[Any]] = {number: self._kinds[name] for name, number in reversed(self._numbers.items())}
        for entry in self._registrations:
            for number in sorted(self._covered(entry)):
                kind, readers = carrying[number], self._readers[number]
                declared = _payload_of(entry.handler)
                if declared is UNSET:
                    continue
                sent = samples.of(kind.payload_type, kind.adapter)
                if declared not in readers and samples.unread(sent, samples.of_handler(entry.handler)) is None:
                    readers.append(declared)


def _number(declared: object, known: list[object]) -> int:
    """The place of a type in a list, which it joins. Not all types can be hashed."""
    if declared not in known:
        known.append(declared)
    return known.index(declared)


def _is_form(declared: Any) -> bool:
    origin = get_origin(declared)
    return origin in {Annotated, UnionType} or not isinstance(origin or declared, type)


def _labels(texts: Iterable[str]) -> list[str]:
    """A name for each type, without its modules: `OrderOrNone` for `shop.payloads.Order | None`."""
    labels: list[str] = []
    for text in texts:
        words = re.findall(r"\w+", re.sub(r"(?:\w+\.)+", "", text).replace("|", "Or"))
        label = "".join(word[:1].upper() + word[1:] for word in words)[:_LONGEST] or "Payload"
        number = 1 + sum(re.fullmatch(rf"{label}(?:_\d+)?", other) is not None for other in labels)
        labels.append(label if number == 1 else f"{label}_{number}")
    return labels
