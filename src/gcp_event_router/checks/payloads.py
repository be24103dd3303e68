"""Can handlers read what they are sent? Sample payloads tell, made from declared kinds, Google's models and other handlers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import new_class
from typing import Any, Final, NamedTuple

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn
from pydantic import TypeAdapter

from .. import _check_ids as check_ids
from .._contract.examples import Typed, example_of, refusal
from .._dispatch.handler import Handler
from .._dispatch.payload import PayloadReader, payload_reader, reads_json
from .._globs.overlaps import neighbours
from .._schema.type_names import type_text
from ..envelopes import MESSAGE_PUBLISHED
from ..exceptions import ConfigurationError
from ..google.base import Model
from ..google.catalogue import model_of
from ..router import EventRouter
from .glob_entries import entries_of

__all__ = ["check_payloads"]

#: So many searches for a payload that two types read; each may take some hundredths of a second.
_SEARCHES: Final = 100


class _Sampled(NamedTuple):
    """A type with a sample of its payloads."""

    typed: Typed
    read: PayloadReader
    sample: bytes

    def refuses(self, data: bytes) -> str | None:
        """Why it does not read a payload; None if it does."""
        try:
            self.read(data)
        except Exception as error:  # noqa: BLE001 -- validators are the project's own
            return refusal(error)
        return None

    def written(self, data: bytes) -> bytes:
        """A payload as pydantic sends it: without fields that are not declared."""
        adapter = self.typed[1]
        try:
            return adapter.dump_json(adapter.validate_json(data), by_alias=True, exclude_unset=True, warnings=False)
        except Exception:  # noqa: BLE001 -- serializers are the project's own
            return data


class _Samples:
    """The samples of types, and what two of them read in common."""

    def __init__(self) -> None:
        self._known: dict[int, _Sampled | None] = {}
        self._refusals: dict[tuple[int, int], str | None] = {}
        self._left = _SEARCHES

    def of(self, declared: object, adapter: TypeAdapter[Any]) -> _Sampled | None:
        """A type with its sample; None where none is made, and for a payload that is no JSON."""
        if id(declared) not in self._known:
            self._known[id(declared)] = _sampled(declared, adapter)
        return self._known[id(declared)]

    def of_handler(self, handler: Handler) -> _Sampled | None:
        """What a handler reads; None also where another check complains of its annotation."""
        try:
            return self.of(handler.payload_type, handler.adapter)
        except ConfigurationError:
            return None

    def unread(self, sender: _Sampled | None, reader: _Sampled | None) -> str | None:
        """Why a reader refuses every sample of what is sent; None where it reads one, and where there is none."""
        if sender is None or reader is None or sender.typed[0] == reader.typed[0]:
            return None
        why = reader.refuses(sender.written(sender.sample))
        if why is None or reader.refuses(sender.sample) is None:
            return None
        common = self._common(sender, reader)
        return why if common is None or reader.refuses(sender.written(common)) else None

    def exclusion(self, one: _Sampled | None, other: _Sampled | None) -> str | None:
        """Why no sample satisfies both of two readers; None where one does, and where there is none."""
        if one is None or other is None or one.typed[0] == other.typed[0]:
            return None
        key = id(one), id(other)
        if key not in self._refusals:
            why = other.refuses(one.sample)
            is_excluded = why is not None and one.refuses(other.sample) is not None and self._left > 0
            self._refusals[key] = why if is_excluded and self._common(one, other) is None else None
        return self._refusals[key]

    def _common(self, one: _Sampled, other: _Sampled) -> bytes | None:
        self._left -= 1
        return example_of([one.typed, other.typed], ()).data


def _sampled(declared: object, adapter: TypeAdapter[Any]) -> _Sampled | None:
    if not reads_json(declared):
        return None
    try:
        sample = example_of([(declared, adapter)], ()).data
        return None if sample is None else _Sampled((declared, adapter), payload_reader(adapter, declared), sample)
    except Exception:  # noqa: BLE001 -- types that are not complete fail in several ways
        return None


def check_payloads(router: EventRouter) -> Iterator[CheckMessage]:
    """What is wrong with the payloads that a router's handlers declare; called by `check_router`."""
    samples = _Samples()
    wrong: set[Handler] = set()
    yield from _kinds(router, samples, wrong)
    yield from _types(router, samples, wrong)
    yield from _exclusions(router, samples, wrong)


def _kinds(router: EventRouter, samples: _Samples, wrong: set[Handler]) -> Iterator[CheckMessage]:
    for name, kind in router.kinds.items():
        for handler in (handler for handlers in router.find(name) for handler in handlers):
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


def _types(router: EventRouter, samples: _Samples, wrong: set[Handler]) -> Iterator[CheckMessage]:
    for handler in dict.fromkeys(registration.handler for registration in router):
        if handler.ce_type is None or not handler.ce_type.is_literal or handler.ce_type.pattern == MESSAGE_PUBLISHED:
            continue
        model = model_of(handler.ce_type.pattern)
        reader = None if model is None else samples.of_handler(handler)
        if model is None or reader is None:
            continue
        if _is_model(handler.payload_type, Model):  # which requires no field
            why = None if _is_model(handler.payload_type, model) else "is the model of other events"
        else:
            why = samples.unread(_sent(model), reader)
            why = why and f"fits no sample of {model.__name__}: {why}"
        if why is not None:
            wrong.add(handler)
            yield Error(
                f"{handler} handles {handler.ce_type.pattern!r}, and reads {type_text(handler.payload_type)}, which {why}.",
                hint=f"Declare Event[{model.__name__}], of {model.__module__}.",
                obj=handler.name,
                id=check_ids.UNREADABLE_GOOGLE_TYPE,
            )


@cache
def _sent(model: type[Model]) -> _Sampled | None:
    """What Google sends today. Fields that it may add one day are nothing that a handler can require."""
    closed = new_class(model.__name__, (model,), {"extra": "ignore"})
    return _sampled(closed, TypeAdapter(closed))


def _is_model(declared: object, model: type[Model]) -> bool:
    return isinstance(declared, type) and issubclass(declared, model)


def _exclusions(router: EventRouter, samples: _Samples, wrong: set[Handler]) -> Iterator[CheckMessage]:
    """Handlers that run for one event, while no payload satisfies both; each is named with the first such other one.

    Nothing is said of handlers in `wrong`.
    """
    entries = [entry for entry in entries_of(router) if entry.handler not in wrong]
    told: set[Handler] = set()
    for first, second in neighbours([entry.kinds for entry in entries]):
        one, other = entries[first], entries[second]
        if one.handler.key == other.handler.key or other.handler in told:
            continue
        why = samples.exclusion(samples.of_handler(one.handler), samples.of_handler(other.handler))
        kind = None if why is None else one.common(other)
        if kind is not None:
            told.add(other.handler)
            yield Warn(
                f"{_text(one.handler)} and {_text(other.handler)} both handle {kind!r}, and no sample satisfies both: {why}.",
                hint="Register one of them for fewer kinds, or declare one payload in both; until then, one fails each time.",
                obj=other.handler.name,
                id=check_ids.CONFLICTING_PAYLOADS,
            )


def _text(handler: Handler) -> str:
    return f"{handler}, of Event[{type_text(handler.payload_type)}],"
