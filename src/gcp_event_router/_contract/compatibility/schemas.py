"""What became of a JSON Schema, place by place: whether all that fitted the old one surely fits the new one.

A change that may refuse what fitted is breaking; where it cannot be told, it counts as breaking, and says so. Fields that the old
schema did not name are not counted, although an open model let them pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Final, cast

from ..._schema.json_schema import Schema
from .alternatives import alternatives
from .change import Change
from .keywords import KNOWN, NOTES, limits, texts, values
from .wording import enum_of, is_bytes, items_of, listed, path, prefix_of, tags_of, types_of, words

__all__ = ["changes"]

#: How many times what was found of types that hold each other is found anew; each time costs what there is to be found.
_AGAIN: Final = 100


def changes(
    old: Schema, new: Schema, old_definitions: Mapping[str, Schema], new_definitions: Mapping[str, Schema]
) -> list[Change]:
    """All that is different, from the root on. A place is a field's path; that of the root is empty."""
    found = _Comparison(old_definitions, new_definitions).compare(old, new, "")
    return list({(each.place, each.what): each for each in found}.values())


class _Comparison:
    """One old schema beside one new one."""

    def __init__(self, old: Mapping[str, Schema], new: Mapping[str, Schema]) -> None:
        self._old = old
        self._new = new
        #: What became of pairs of alternatives, with places from there on; nothing yet of what is being compared.
        self._known: dict[tuple[str, str], list[Change]] = {}
        #: Pairs that are being compared, and those of them that others have counted on meanwhile, since types hold themselves.
        self._open: set[tuple[str, str]] = set()
        self._counted_on: set[tuple[str, str]] = set()
        self._left = _AGAIN

    def compare(self, old: Schema, new: Schema, place: str) -> list[Change]:
        """The changes of one place and of all below it."""
        return [Change(path(place, each.place), each.what, each.is_breaking) for each in self._whole(old, new)]

    def _whole(self, old: Schema, new: Schema) -> list[Change]:
        """What fitted all parts of the old schema has to fit each part of the new one: because of one of them, or of all."""
        olds, news = _all_of(old), _all_of(new)
        found = self._alternatives(old, new)
        if len(olds) == len(news) == 1:
            return found
        breaking: list[Change] = []
        for part in news:
            made = [found if part is new else self._alternatives(old, part)]
            made += [self.compare(one, part, "") for one in olds] if len(olds) > 1 else []
            breaking += [each for each in min(made, key=_weight) if each.is_breaking]
        return [*breaking, *(each for each in found if not each.is_breaking)]

    def _alternatives(self, old: Schema, new: Schema) -> list[Change]:
        """Each of the old alternatives has to fit one of the new ones."""
        olds, news = alternatives(old, self._old), alternatives(new, self._new)
        found: list[Change] = []
        used: set[int] = set()
        for each in olds:
            best: list[Change] | None = None
            chosen = -1
            least: tuple[float, ...] = (inf,)
            # of those that do not fit, the most similar one says what is wrong
            for distance, number in sorted((_distance(each, other), number) for number, other in enumerate(news)):
                made = self._between(each, news[number])
                weight = _weight(made)
                rank = (weight > 0, distance, weight, len(made))
                if rank < least:
                    best, chosen, least = made, number, rank
                if not made:
                    break
            used.add(chosen)
            several = len(olds) > 1 or len(news) > 1
            if several and best and _distance(each, news[chosen]) >= _OTHER:  # nothing of its sort is left
                best = [Change("", f"{words(each)} is not taken any more, only {listed(news)}", is_breaking=True)]
            found += best or []
        added = [one for number, one in enumerate(news) if number not in used and one not in olds]
        if added:
            found.append(Change("", f"{listed(added)} is taken, too", is_breaking=False))
        return found

    def _between(self, old: Schema, new: Schema) -> list[Change]:
        """The changes from one alternative to another, which are found once."""
        pair = json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True)
        if pair in self._open:
            self._counted_on.add(pair)
        if pair not in self._known:
            self._known[pair] = []
            self._open.add(pair)
            there = len(self._known)
            made = list(self._single(old, new, ""))
            self._open.remove(pair)
            if pair in self._counted_on and _weight(made) and self._left:
                self._left -= 1
                for each in [*self._known][there:]:  # what was found meanwhile took this one to be the same
                    del self._known[each]
            self._known[pair] = made
        return self._known[pair]

    def _single(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        if is_bytes(old) != is_bytes(new):
            what = "bytes are not taken any more, only JSON" if is_bytes(old) else "whatever bytes are taken"
            yield Change(place, what, is_breaking=is_bytes(old))
            return
        if enum_of(old) is not None and enum_of(new) is not None:
            yield from values(old, new, place)
            return
        if not types_of(old) <= types_of(new):
            what = f"{words(old)} is not taken any more, only {words(new)}"
            yield Change(place, what, is_breaking=True)
            return
        if types_of(old) != types_of(new):
            yield Change(place, f"{words(new)} is taken, and not only {words(old)}", is_breaking=False)
        yield from values(old, new, place)
        yield from limits(old, new, place)
        yield from texts(old, new, place)
        yield from self._object(old, new, place)
        yield from self._array(old, new, place)
        if "contentSchema" in old or "contentSchema" in new:  # of JSON within a text
            yield from self.compare(old.get("contentSchema", {}), new.get("contentSchema", {}), path(place, "(JSON)"))
        for key in sorted((old.keys() | new.keys()) - KNOWN):
            if not key.startswith("x-") and old.get(key) != new.get(key):
                yield Change(place, f"{key!r} is different, and what that means cannot be told", is_breaking=True)

    def _object(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        before: Mapping[str, Schema] = old.get("properties", {})
        after: Mapping[str, Schema] = new.get("properties", {})
        always, needed = set(old.get("required", ())), set(new.get("required", ()))
        rest = new.get("additionalProperties", True)
        for name in dict.fromkeys([*before, *after, *new.get("required", ())]):
            where = path(place, name)
            if name not in before:
                others = old.get("additionalProperties")
                if isinstance(others, Mapping) and name in after:
                    yield from self.compare(cast("Schema", others), after[name], where)
                if name not in always:
                    what = "a required field is new" if name in needed else "an optional field is new"
                    yield Change(where, what, is_breaking=name in needed)
                continue
            if name in after:
                yield from self.compare(before[name], after[name], where)
            elif rest is False:
                yield Change(where, "the field is refused now", is_breaking=True)
            elif isinstance(rest, Mapping):
                yield from self.compare(before[name], cast("Schema", rest), where)
            else:
                yield Change(where, "the field is not read any more", is_breaking=False)
            if name in needed - always:
                yield Change(where, "the field was optional and is required", is_breaking=True)
            elif name in always - needed and name in after:
                yield Change(where, "the field was required and is optional", is_breaking=False)
        yield from self._others(old, new, place)

    def _others(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        """Fields that no name is given for."""
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self.compare(cast("Schema", before), cast("Schema", after), path(place, "*"))
        elif before != after and {"object"} & types_of(old):
            narrower = after is False or (isinstance(after, Mapping) and before is True)
            now = "are refused now" if after is False else "have to fit now" if narrower else "are taken"
            yield Change(place, f"fields that it does not name {now}", is_breaking=narrower)
        fits: Mapping[str, object] = old.get("patternProperties", {})
        wants: Mapping[str, object] = new.get("patternProperties", {})
        others: tuple[object, object] = old.get("additionalProperties", True), new.get("additionalProperties", True)
        for pattern in sorted({*fits, *wants}):
            one, other, where = fits.get(pattern, others[0]), wants.get(pattern, others[1]), path(place, f"({pattern})")
            if one is not False and other is False:
                yield Change(where, "fields that are called so are refused now", is_breaking=True)
            elif one is not False:  # there were some
                yield from self.compare(_unless_anything(one), _unless_anything(other), where)
        names = old.get("propertyNames"), new.get("propertyNames")
        if any(names):
            yield from self.compare(names[0] or {"type": "string"}, names[1] or {"type": "string"}, path(place, "(names)"))

    def _array(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        before, after = prefix_of(old), prefix_of(new)
        most = max(len(before), len(after))
        for number in range(most if old.get("maxItems") is None else min(most, old["maxItems"])):
            one = before[number] if number < len(before) else items_of(old)
            other = after[number] if number < len(after) else items_of(new)
            yield from self.compare(one, other, f"{place}[{number}]")
        if not before and not after and ("items" in old or "items" in new):
            yield from self.compare(items_of(old), items_of(new), f"{place}[]")
        if new.get("uniqueItems") and not old.get("uniqueItems"):
            yield Change(place, "items have to differ from each other now", is_breaking=True)


def _unless_anything(schema: object) -> Schema:
    """A schema of fields that may be `True`, which says nothing."""
    return cast("Schema", schema) if isinstance(schema, Mapping) else {}


def _all_of(schema: Schema) -> Sequence[Schema]:
    """The schemas that a value has to fit, all of them."""
    beside = {key: value for key, value in schema.items() if key != "allOf" and key not in NOTES}
    found: list[Schema] = [*schema.get("allOf", ()), *([beside] if beside else [])]
    return found if len(found) > 1 else [schema]


#: A distance from which on two alternatives have nothing in common.
_OTHER: Final = 2


def _distance(old: Schema, new: Schema) -> int:
    """How little two alternatives have in common: the tag of a union tells, and so does the type."""
    if not types_of(old) & types_of(new):
        return _OTHER
    ours, theirs = tags_of(old), tags_of(new)
    shared = ours.keys() & theirs.keys()
    if shared and all(set(ours[name]).isdisjoint(theirs[name]) for name in shared):
        return _OTHER
    return 0 if ours == theirs else 1


def _weight(found: Sequence[Change]) -> int:
    return sum(each.is_breaking for each in found)
