"""Checks that handlers can read the payloads that they get, by samples of declared kinds, Google's models and payload types."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import new_class
from typing import Any, Final, NamedTuple

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn
from pydantic import TypeAdapter

from .. import _check_ids as check_ids
from .._contract.examples import Typed, common_payload, example_of, refusal
from .._dispatch.handler import Handler
from .._dispatch.payload import PayloadReader, payload_reader, reads_json
from .._globs.glob import Glob, GlobIndex
from .._globs.overlaps import neighbours
from .._schema.type_names import type_text
from ..envelopes import MESSAGE_PUBLISHED
from ..exceptions import ConfigurationError
from ..google.base import Model
from ..google.catalogue import model_of
from ..router import EventRouter
from .glob_entries import entries_of, literal_values

#: The most searches for a payload that two types read. Each may take some hundredths of a second.
_SEARCHES: Final = 100


class _Sampled(NamedTuple):
    """A type with a sample of its payloads."""

    typed: Typed
    read: PayloadReader
    sample: bytes

    def refuses(self, data: bytes) -> str | None:
        """Why the type does not read a payload; None if it does."""
        try:
            self.read(data)
        except Exception as error:  # noqa: BLE001 -- validators are the project's own
            return refusal(error)
        return None

    def written(self, data: bytes) -> bytes:
        """Write a payload as pydantic sends it, without the fields that the type does not declare."""
        adapter = self.typed[1]
        try:
            return adapter.dump_json(adapter.validate_json(data), by_alias=True, exclude_unset=True, warnings=False)
        except Exception:  # noqa: BLE001 -- serializers are the project's own
            return data


class Samples:
    """Creates one sample of each type, and compares types by their samples."""

    def __init__(self) -> None:
        self._known: dict[int, _Sampled | None] = {}
        self._read: dict[Handler, _Sampled | None] = {}
        self._refusals: dict[tuple[int, int], str | None] = {}
        self._left = _SEARCHES

    def of(self, declared: object, adapter: TypeAdapter[Any]) -> _Sampled | None:
        """A type with its sample; None if it cannot have one, or needs none."""
        if id(declared) not in self._known:
            self._known[id(declared)] = _sampled(declared, adapter)
        return self._known[id(declared)]

    def of_handler(self, handler: Handler) -> _Sampled | None:
        """The type that a handler reads; None also if another check reports the handler's annotation."""
        if handler not in self._read:
            try:
                self._read[handler] = self.of(handler.payload_type, handler.adapter)
            except ConfigurationError:
                self._read[handler] = None
        return self._read[handler]

    def unread(self, sender: _Sampled | None, reader: _Sampled | None) -> str | None:
        """Why a reader refuses every sample of a sender; None if it reads one, or if there is no sample."""
        if sender is None or reader is None or sender.typed[0] == reader.typed[0]:
            return None
        why = reader.refuses(sender.written(sender.sample))
        if why is None or reader.refuses(sender.sample) is None:
            return None
        if sender.refuses(reader.sample) is None and reader.refuses(sender.written(reader.sample)) is None:
            return None

        def read_as_sent(data: bytes) -> object:
            return reader.read(sender.written(data))

        return why if self._exclude(sender, reader, read_as_sent) else None

    def unread_by(self, handler: Handler, model: type[Model]) -> str | None:
        """Say why a handler refuses every sample of one of Google's models; None if it reads one, or if the model has none."""
        reader = self.of_handler(handler)
        if reader is None:
            return None
        declared = handler.payload_type
        if isinstance(declared, type) and issubclass(declared, Model):  # which requires no field
            return None if issubclass(declared, model) or issubclass(model, declared) else "is the model of other events"
        why = self.unread(_sent(model), reader)
        return why and f"fits no sample of {model.__name__}: {why}"

    def exclusion(self, handler: Handler, another: Handler) -> str | None:
        """Why no sample satisfies two handlers; None if one does, or if there is no sample."""
        one = self.of_handler(handler)
        other = None if one is None else self.of_handler(another)
        if one is None or other is None or one.typed[0] == other.typed[0]:
            return None
        key = id(one), id(other)
        if key not in self._refusals:
            why = other.refuses(one.sample)
            is_excluded = why is not None and one.refuses(other.sample) is not None and self._left > 0
            self._refusals[key] = why if is_excluded and self._exclude(one, other, other.read) else None
        return self._refusals[key]

    def _exclude(self, one: _Sampled, other: _Sampled, read_other: PayloadReader) -> bool:
        """Whether a complete search finds no payload that both types read."""
        self._left -= 1
        data, gave_up = common_payload([one.typed, other.typed], [one.read, read_other])
        return data is None and not gave_up


def _sampled(declared: object, adapter: TypeAdapter[Any]) -> _Sampled | None:
    if not reads_json(declared) or declared is Any:  # which reads whatever another type does
        return None
    try:
        sample = example_of([(declared, adapter)], ()).data
        return None if sample is None else _Sampled((declared, adapter), payload_reader(adapter, declared), sample)
    except Exception:  # noqa: BLE001 -- types that are not complete fail in several ways
        return None


def check_payloads(router: EventRouter) -> Iterator[CheckMessage]:
    """Find handlers that cannot read any payload that they get; called by `check_router`."""
    samples = Samples()
    wrong: set[Handler] = set()
    yield from _kinds(router, samples, wrong)
    yield from _types(router, samples, wrong)
    yield from _exclusions(router, samples, wrong)


def _kinds(router: EventRouter, samples: Samples, wrong: set[Handler]) -> Iterator[CheckMessage]:
    partial = GlobIndex(
        (glob, entry.handler) for entry in router if entry.attributes and entry.ce_type is None for glob in entry.globs
    )
    for name, kind in router.kinds.items():
        blocking, awaited = router.find(name)
        for handler in dict.fromkeys([*blocking, *awaited, *partial.find(name)]):
            why = samples.unread(samples.of(kind.payload_type, kind.adapter), samples.of_handler(handler))
            if why is not None:
                wrong.add(handler)
                yield Error(
                    f"{handler} handles {name!r}, and reads {type_text(handler.payload_type)}, which fits no sample of "
                    f"{type_text(kind.payload_type)}, with which the kind is declared: {why}.",
                    hint=f"Declare Event[{type_text(kind.payload_type)}], or register the handler for other kinds.",
                    obj=handler.name,
                    id=check_ids.UNREADABLE_KIND,
                )


def _types(router: EventRouter, samples: Samples, wrong: set[Handler]) -> Iterator[CheckMessage]:
    for handler in dict.fromkeys(registration.handler for registration in router):
        model = googles_model(handler.ce_type)
        why = None if model is None else samples.unread_by(handler, model)
        if model is not None and handler.ce_type is not None and why is not None:
            wrong.add(handler)
            yield Error(
                f"{handler} handles {handler.ce_type.pattern!r}, and reads {type_text(handler.payload_type)}, which {why}.",
                hint=f"Declare Event[{model.__name__}], of {model.__module__}.",
                obj=handler.name,
                id=check_ids.UNREADABLE_GOOGLE_TYPE,
            )


def googles_model(ce_type: Glob | None) -> type[Model] | None:
    """The model of one of Google's types; None for several types, for others, and for Pub/Sub's, which carries anything."""
    if ce_type is None or not ce_type.is_literal or ce_type.pattern == MESSAGE_PUBLISHED:
        return None
    return model_of(ce_type.pattern)


@cache
def _sent(model: type[Model]) -> _Sampled | None:
    """The payloads that Google sends today. A handler cannot require a field that Google may add one day."""
    closed = new_class(model.__name__, (model,), {"extra": "ignore"})
    return _sampled(closed, TypeAdapter(closed))


def _exclusions(router: EventRouter, samples: Samples, wrong: set[Handler]) -> Iterator[CheckMessage]:
    """Find handlers that run for one event although no payload satisfies both. Each is named with the first such other one.

    Handlers in `wrong` are reported already.
    """
    entries = [entry for entry in entries_of(router) if entry.handler not in wrong and samples.of_handler(entry.handler)]
    types = [id(samples.of_handler(entry.handler)) for entry in entries]
    if len(set(types)) <= 1:
        return
    reported: set[Handler] = set()
    for first, second in neighbours([entry.kinds for entry in entries], literal_values(entries)):
        one, other = entries[first], entries[second]
        if types[first] == types[second] or one.handler.key == other.handler.key or other.handler in reported:
            continue
        if not one.attributes.meets(other.attributes):
            continue
        why = samples.exclusion(one.handler, other.handler)
        kind = None if why is None else one.common(other)
        if kind is not None:
            reported.add(other.handler)
            yield Warn(
                f"{_text(one.handler)} and {_text(other.handler)} both handle {kind!r}, and no sample satisfies both: {why}.",
                hint="Register one of them for fewer kinds, or declare one payload in both; until then, one fails each time.",
                obj=other.handler.name,
                id=check_ids.CONFLICTING_PAYLOADS,
            )


def _text(handler: Handler) -> str:
    return f"{handler}, of Event[{type_text(handler.payload_type)}],"
