"""A value that fits a JSON Schema, the plainest there is: what a sender may begin with. Pure; for `examples`.

What a schema gives as an example, a default or a constant comes first. A schema does not tell all that a type asks for, so
`fitting` has each value read, and tries others at the places where it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Final, cast

from .definitions import Definitions, given_by, type_name
from .formats import guesses, texts
from .json_schema import Schema
from .numbers import numbers
from .places import Place, inside_of, put

#: Of a place that lies deeper, nothing is made unless it has to be.
_DEPTH: Final = 6
#: After so many values, the rest is as what lies deeper: models that hold each other in many fields have millions.
_MOST: Final = 5_000
#: So many whole values are tried, so many at one place, and so many are made for all of them.
_TRIES: Final = 100
_ALTERNATIVES: Final = 40
_MADE: Final = 100_000
#: How many items a list has that is tried again and again; each time at least as many as it has to have.
_SIZES: Final = (1, 0, 2, 3, 5)
#: How an object is tried: with all fields; with those only that have to be there; with values that differ, the first one the
#: plainest or the last one; and then with other values.
_SHAPES: Final = 6
#: Longer lists and mappings are not made.
_LONGEST: Final = 1_000
#: So many more values are looked at for one that differs from the others.
_DISTINCT: Final = 200
#: How pydantic marks the key of a mapping.
_KEY: Final = "[key]"


class NoSampleError(Exception):
    """There is no value, or none is found."""

    def __init__(self, place: Place, *, gave_up: bool = False) -> None:
        super().__init__(place)
        self.place = place
        #: Whether the search ended before all alternatives were tried.
        self.gave_up = gave_up


def sample(schema: Schema) -> object:
    """A value that fits a schema; what it refers to is found in its own `$defs`. Raises `NoSampleError`."""
    return _Sampler(schema, {}, brief=False).whole()


def fitting(schema: Schema, refused: Callable[[object], Sequence[Place]], *, brief: bool = False) -> object:
    """A value that is not refused.

    Args:
        schema: As for `sample`.
        refused: Says at which places a value is refused: none, if it is taken.
        brief: Make only those fields of the outermost object that have to be there.

    Raises:
        NoSampleError: None is found.

    """
    moves: dict[Place, int] = {}
    made = 0
    gave_up = False
    for _ in range(_TRIES):
        sampler = _Sampler(schema, moves, brief=brief)
        try:
            value = sampler.whole()
        except NoSampleError as error:
            moved = {sampler.movable(error.place)}
        else:
            places = refused(value)
            if not places:
                return value
            moved = {sampler.movable(sampler.place(each, value)) for each in places}
        made += sampler.made
        gave_up = gave_up or sampler.gave_up or made > _MADE
        for place in moved - {None}:
            moves[cast("Place", place)] = moves.get(cast("Place", place), 0) + 1
        if not moved - {None} or made > _MADE:
            break
    else:
        gave_up = True
    raise NoSampleError((), gave_up=gave_up)


class _Sampler:
    """What makes one value of a schema.

    Args:
        whole: The schema.
        moves: How far to go on from the plainest value at each place.
        brief: As for `fitting`.

    """

    def __init__(self, whole: Schema, moves: Mapping[Place, int], *, brief: bool) -> None:
        self._schema = whole
        self._definitions = Definitions(whole.get("$defs", {}))
        self._moves = moves
        self._brief = brief
        self.made = 0
        #: Whether a union has more members than are tried.
        self.gave_up = False
        self._all_series: dict[str, _Series] = {}
        #: Whether there is another value for a place.
        self._has_more: dict[Place, bool] = {}
        #: The places of texts that hold JSON.
        self._encoded: set[Place] = set()

    def whole(self) -> object:
        """The value. Raises `NoSampleError`."""
        return self._value(self._schema, _DEPTH, ())

    def place(self, refused: Place, value: object) -> Place:
        """The place in the value that pydantic means, which also names members of unions and fields that are missing."""
        found: Place = ()
        for step in refused:
            if found in self._encoded and isinstance(value, str):
                value = json.loads(value)
            if step == _KEY:
                return (*found[:-1], _KEY)
            inside = inside_of(value, step)
            if inside:
                (value,) = inside
                found = (*found, step)
        return found

    def movable(self, place: Place) -> Place | None:
        """A place, or what is nearest around it, for which there is another value."""
        while not self._has_more.get(place, False):
            if not place:
                return None
            place = place[:-1]
        return place

    def _value(
        self, schema: Schema, depth: int, place: Place, name: str = "", number: int = 0, move: int | None = None
    ) -> object:
        """A value that fits a part of the schema.

        Args:
            schema: The part.
            depth: How many levels may lie below it.
            place: Where it is.
            name: That of the field that holds it.
            number: Which one; others have other values, as far as there are any.
            move: As it is for its place, unless given.

        """
        self.made += 1
        depth = depth if self.made < _MOST else min(depth, 0)
        if depth <= 0 and self._definitions.height(schema) == inf:
            return None
        schema = self._definitions.resolved(schema)
        move = self._moves.get(place, 0) if move is None else move
        given = given_by(schema)
        is_closed = "const" in schema or "enum" in schema
        if move + number < len(given):
            self._has_more[place] = not is_closed or move + number + 1 < len(given)
            return given[move + number]
        if is_closed:
            self._has_more[place] = False
            if not given or number:
                raise NoSampleError(place)
            return given[-1]
        further = max(0, move - len(given))
        return self._made(schema, depth, place, name, move + number - len(given) - further, further)

    def _made(self, schema: Schema, depth: int, place: Place, name: str, number: int, move: int) -> object:
        """A value of which the schema itself gives none."""
        options = schema.get("oneOf") or schema.get("anyOf")
        if options:
            return self._option(options, depth, place, name, number, move)
        match type_name(schema):
            case "object":
                self._has_more[place] = move < _SHAPES
                return self._object(schema, depth, place, number, move)
            case "array":
                self._has_more[place] = move + 1 < len(_SIZES)
                return self._array(schema, depth, place, name, number, move)
            case "string" if "contentSchema" in schema:
                found = self._value(schema["contentSchema"], depth - 1, place, name, number, move)
                self._encoded.add(place)
                return json.dumps(found, ensure_ascii=False)
            case "string":
                others: Sequence[object] = () if schema.get("format") else guesses(schema)
                return self._nth(place, self._series(schema, name), others, number, move)
            case "integer" | "number":
                return self._nth(place, self._series(schema, ""), (), number, move)
            case "boolean":
                return self._nth(place, _Series(iter((True, False))), (), number, move)
            case "null":
                return self._nth(place, _Series(iter((None,))), (), number, move)
            case _:  # of no type; bytes, if it says in which format
                plain: object = "something" if "contentMediaType" in schema else {}
                return self._nth(place, _Series(iter((plain, "text", 1))), (), number, move)

    def _series(self, schema: Schema, name: str) -> _Series:
        """All values of a scalar; those of the items of a set are made once."""
        key = f"{name} {schema}"
        if key not in self._all_series:
            self._all_series[key] = _Series(texts(schema, name) if type_name(schema) == "string" else numbers(schema))
        return self._all_series[key]

    def _nth(self, place: Place, series: _Series, others: Sequence[object], number: int, move: int) -> object:
        """One of a series, of which the moves go to other values first."""
        is_other = 0 < move <= len(others)
        index = move + number - 1 if is_other else number + max(0, move - len(others))
        if is_other and index < len(others):
            self._has_more[place] = True
            return others[index]
        found = series.part(index)
        if not found and not number:  # such as of a pattern that is not understood; or another move was made around it
            found = series.part(0)[:1] or [*others[:1]]
        if not found:
            raise NoSampleError(place)
        self._has_more[place] = move < _ALTERNATIVES and (len(found) > 1 or move < len(others))
        return found[0]

    def _object(self, schema: Schema, depth: int, place: Place, number: int, move: int) -> dict[str, object]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = schema.get("required", ())
        is_brief = move == (0 if self._brief and not place else 1)
        made: dict[str, object] = {}
        for index, (name, each) in enumerate(properties.items()):
            # what may be left out is shown, unless it would never end
            if name not in required and (is_brief or depth <= 0 or self._is_null(each)):
                continue
            try:
                # some models want their fields in order, from a start to an end; of a series, the odd ones rise
                rising, falling = max(0, 2 * index - 1), 2 * (len(properties) - index) - 1
                shift = {2: rising, 3: falling}.get(move, max(0, move - 3))
                found = self._other(each, depth - 1, (*place, name), name, number + shift)
            except NoSampleError:
                if name in required:
                    raise
            else:
                put(made, self._definitions.resolved(each).get("path", (name,)), found)
        least, most = int(schema.get("minProperties", 0)), schema.get("maxProperties", _LONGEST)
        more = schema.get("additionalProperties")
        if not isinstance(more, Mapping):
            more = {"type": "string"} if least > len(made) and more is not False else None
        if more is not None and (not properties or least > len(made)):
            size = max(least, 1 if depth > 0 and not is_brief else 0)
            self._fill(made, schema.get("propertyNames", {}), cast("Schema", more), depth, place, number, min(size, int(most)))
        return made

    def _other(self, schema: Schema, depth: int, place: Place, name: str, number: int) -> object:
        """A value by its number, or the plainest one if there are not so many."""
        try:
            return self._value(schema, depth, place, name, number)
        except NoSampleError:
            if not number:
                raise
            return self._value(schema, depth, place, name)

    def _fill(
        self, made: dict[str, object], names: Schema, values: Schema, depth: int, place: Place, number: int, size: int
    ) -> None:
        """Add keys, all of them different, until there are as many as asked for."""
        keys = {"type": "string", **names} if not {"$ref", "anyOf", "oneOf", "enum", "const"} & names.keys() else names
        if size > _LONGEST:
            raise NoSampleError(place)
        for index in range(size + _DISTINCT):
            if len(made) >= size:
                return
            key = _key(self._value(keys, depth, (*place, _KEY), "key", number + index))
            if key not in made:
                made[key] = self._other(values, depth - 1, (*place, key), "key", number)
        raise NoSampleError(place)

    def _array(self, schema: Schema, depth: int, place: Place, name: str, number: int, move: int) -> list[object]:
        first: Sequence[Schema] = schema.get("prefixItems", ())
        made = [self._other(each, depth - 1, (*place, index), name, number) for index, each in enumerate(first)]
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", _LONGEST))
        items = schema.get("items")
        wanted = _SIZES[move % len(_SIZES)] if depth > 0 and items and not first else 0
        size = max(least, min(wanted, most))
        if size > _LONGEST:
            raise NoSampleError(place)
        seen: set[str] = set()
        for index in range(len(made), size):
            found = self._item(items or {}, depth, (*place, index), name, number, seen if schema.get("uniqueItems") else None)
            made.append(found)
        return made

    def _item(self, items: Schema, depth: int, place: Place, name: str, number: int, seen: set[str] | None) -> object:
        """An item of a list; where none may be twice, one that was not seen."""
        if seen is None:
            return self._other(items, depth - 1, place, name, number)
        for more in range(len(seen), len(seen) + _DISTINCT):
            found = self._value(items, depth - 1, place, name, number + more)
            written = json.dumps(found, sort_keys=True)
            if written not in seen:
                seen.add(written)
                return found
        raise NoSampleError(place[:-1])

    def _option(self, options: list[Schema], depth: int, place: Place, name: str, number: int, move: int) -> object:
        """A value of one of several: as people would write it of the first, then of the others, of null in the end."""
        # deep down, what ends soonest comes first
        ordered = list(options) if depth > 0 else sorted(options, key=self._definitions.height)
        nulls = [each for each in ordered if self._is_null(each)]
        ordered = [each for each in ordered if each not in nulls] or nulls
        turn, which = divmod(move, len(ordered))
        further, shift = divmod(number, len(ordered))
        tries = [*ordered[(which + shift) % len(ordered) :], *ordered[: (which + shift) % len(ordered)]]
        if depth <= 0 and nulls:
            tries = [*nulls, *tries]
        elif move >= _ALTERNATIVES:
            tries = nulls
            self.gave_up = self.gave_up or len(ordered) > move
        for each in (*tries, *nulls):
            try:
                found = self._value(each, depth, place, name, 0 if each in nulls else further, turn)
            except NoSampleError:
                continue
            self._has_more[place] = move < _ALTERNATIVES + bool(nulls)
            return found
        raise NoSampleError(place)

    def _is_null(self, schema: Schema) -> bool:
        """Whether a field that may be left out has nothing to show."""
        return self._definitions.resolved(schema).get("type") == "null"


class _Series:
    """What an iterator gives, to be looked at again."""

    def __init__(self, values: Iterator[object]) -> None:
        self._values = values
        self._seen: list[object] = []

    def part(self, index: int) -> list[object]:
        """The value there, and the one behind it, as far as there are any."""
        self._seen += islice(self._values, max(0, index + 2 - len(self._seen)))
        return self._seen[index : index + 2]


def _key(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
