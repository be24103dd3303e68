"""Makes the plainest value that fits a JSON Schema, for senders to start from. Pure; for `examples`.

Values that a schema declares as examples, defaults or constants come first. A schema does not say all that a type requires, so
`find_sample` passes each value to the readers, and tries others at the places that they refuse.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Any, Final, TypeAlias, cast

from .definitions import Definitions, declared_values, references, types_of
from .formats import guesses, texts
from .json_schema import Schema
from .numbers import numbers

#: Keys and indexes, from the outside to the inside.
Place: TypeAlias = tuple[str | int, ...]

#: Below this depth, the sampler makes required values only.
_DEPTH: Final = 6
#: After this many values, the sampler treats the rest as deep: models that contain each other in many fields have millions.
_MANY_VALUES: Final = 5_000
#: Limits of a search: whole values, values of one place, and values in all.
_TRIES: Final = 100
_ALTERNATIVES: Final = 40
_MOST_VALUES: Final = 100_000
#: How many items a list has in each try, unless its schema requires more.
_SIZES: Final = (1, 0, 2, 3, 5)
#: How often an object is tried: with all fields; with the required ones; with values that rise or fall; with other values.
_SHAPES: Final = 6
#: The longest list or mapping.
_LONGEST: Final = 1_000
#: How many values are tried to find one that differs from the others.
_DISTINCT: Final = 200
#: How pydantic marks the key of a mapping.
_KEY: Final = "[key]"


class NoSampleError(Exception):
    """No value fits, or the search did not reach one."""

    def __init__(self, place: Place, *, gave_up: bool = False) -> None:
        super().__init__(place)
        self.place = place
        #: Whether the search stopped early, so that a value may exist.
        self.gave_up = gave_up


def find_sample(schema: Schema, refusals: Callable[[object], Sequence[Place]], *, brief: bool = False) -> object:
    """Find a value that the readers accept.

    Args:
        schema: With its own `$defs`.
        refusals: Returns the places at which a value is refused; none if it is accepted.
        brief: Make only the required fields of the outermost object.

    Raises:
        NoSampleError: No value fits, or the search did not reach one.

    """
    moves: Counter[Place] = Counter()
    uncertain: set[Place] = set()
    values_made = 0
    gave_up = False
    for _ in range(_TRIES):
        sampler = _Sampler(schema, moves, uncertain, brief=brief)
        try:
            value = sampler.make()
        except NoSampleError as error:
            stuck = {error.place}
        else:
            stuck = {sampler.place_of(refusal, value) for refusal in refusals(value)}
            if not stuck:
                return value
        values_made += sampler.values_made
        gave_up = gave_up or sampler.gave_up or any(map(sampler.is_uncertain, stuck))
        movable = {place for place in map(sampler.movable, stuck) if place is not None}
        moves.update(movable)
        if values_made > _MOST_VALUES:
            break
        if not movable:
            raise NoSampleError((), gave_up=gave_up)
    raise NoSampleError((), gave_up=True)


class _Sampler:
    """Makes one value of a schema.

    It passes over as many values at each place as `moves` say, and adds to `uncertain` the places that may have values which are
    never tried.
    """

    def __init__(self, schema: Schema, moves: Mapping[Place, int], uncertain: set[Place], *, brief: bool) -> None:
        self._schema = schema
        self._definitions = Definitions(schema.get("$defs", {}))
        self._moves = moves
        self._uncertain = uncertain
        self._brief = brief
        self.values_made = 0
        #: Whether a union has more members than are tried.
        self.gave_up = False
        #: Whether a place has another value.
        self._has_more: dict[Place, bool] = {}
        #: The places of texts that hold JSON.
        self._encoded: set[Place] = set()
        #: How often each definition surrounds the current value.
        self._open: Counter[str] = Counter()

    def make(self) -> object:
        """Make the value. Raises `NoSampleError`."""
        return self._value(self._schema, ())

    def place_of(self, refusal: Place, value: Any) -> Place:
        """The place in the value that pydantic means, which also names members of unions and missing fields."""
        place: Place = ()
        for step in refusal:
            if place in self._encoded and isinstance(value, str):
                value = json.loads(value)
            if step == _KEY:
                return (*place[:-1], _KEY)
            with suppress(LookupError, TypeError):
                value = value[step]
                place = (*place, step)
        return place

    def movable(self, place: Place) -> Place | None:
        """The place, or the nearest one around it, that has another value."""
        while not self._has_more.get(place, False):
            if not place:
                return None
            place = place[:-1]
        return place

    def is_uncertain(self, place: Place) -> bool:
        """Whether all values of the place have been tried, although there may be others."""
        around = (place[:length] for length in range(len(place) + 1))
        return not self._has_more.get(place, False) and not self._uncertain.isdisjoint(around)

    def _value(self, schema: Schema, place: Place, number: int = 0, move: int | None = None) -> object:
        """Make the value of a part; another number makes another value, if there is one."""
        self.values_made += 1
        with self._opened(references(schema), place):
            schema = self._definitions.resolve(schema)
            if schema.get("isUncertain"):
                self._uncertain.add(place)
            move = self._moves.get(place, 0) if move is None else move
            declared = declared_values(schema)
            is_closed = "const" in schema or "enum" in schema
            if move + number < len(declared):
                self._has_more[place] = not is_closed or move + number + 1 < len(declared)
                return declared[move + number]
            if is_closed:
                self._has_more[place] = False
                if not declared or number:
                    raise NoSampleError(place)
                return declared[-1]
            further = max(0, move - len(declared))
            return self._undeclared(schema, place, move + number - len(declared) - further, further)

    @contextmanager
    def _opened(self, names: set[str], place: Place) -> Generator[None]:
        """Remember the definitions around a value; they repeat within themselves only as deep as samples go."""
        if any(self._open[name] and (self._is_deep(place) or self._open[name] > _DEPTH) for name in names):
            raise NoSampleError(place)
        self._open.update(names)
        try:
            yield
        finally:
            self._open.subtract(names)

    def _is_deep(self, place: Place) -> bool:
        return len(place) >= _DEPTH or self.values_made >= _MANY_VALUES

    def _undeclared(self, schema: Schema, place: Place, number: int, move: int) -> object:
        """Make a value of a schema that declares none, or no further one."""
        options = schema.get("oneOf") or schema.get("anyOf")
        if options:
            return self._option(options, place, number, move)
        match types_of(schema):
            case ["object"]:
                self._has_more[place] = move < _SHAPES
                return self._object(schema, place, number, move)
            case ["array"]:
                self._has_more[place] = move + 1 < len(_SIZES)
                return self._array(schema, place, number, move)
            case ["string"] if "contentSchema" in schema:
                value = self._value(schema["contentSchema"], place, number, move)
                self._encoded.add(place)
                return json.dumps(value, ensure_ascii=False)
            case types:
                return self._scalar(schema, types, place, number, move)

    def _scalar(self, schema: Schema, types: list[str], place: Place, number: int, move: int) -> object:
        name = next((step.strip("[]") for step in reversed(place) if isinstance(step, str)), "")
        values = list(islice(_scalars(schema, types, name), move + number, move + number + 2))
        if not values and not number:  # the pattern is not understood, or the object around it has moved on
            values = list(islice(_scalars(schema, types, name), 1))
        if not values:
            self._has_more[place] = False
            raise NoSampleError(place)
        self._has_more[place] = move < _ALTERNATIVES and len(values) > 1
        return values[0]

    def _object(self, schema: Schema, place: Place, number: int, move: int) -> dict[str, object]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = schema.get("required", ())
        is_brief = move == (0 if self._brief and not place else 1)
        is_small = is_brief or self._is_deep(place)
        members: dict[str, object] = {}
        for index, (name, field) in enumerate(properties.items()):
            # an optional field is shown, unless it has nothing to show
            if name not in required and (is_small or self._is_null(field)):
                continue
            # some models want their fields in order, from a start to an end; in a series, every other value rises
            rising, falling = max(0, 2 * index - 1), 2 * (len(properties) - index) - 1
            shift = {2: rising, 3: falling}.get(move, max(0, move - 3))
            try:
                value = self._numbered(field, (*place, name), number + shift)
            except NoSampleError:
                if name in required:
                    raise
            else:
                _put(members, self._definitions.resolve(field).get("path", (name,)), value)
        least, most = int(schema.get("minProperties", 0)), int(schema.get("maxProperties", _LONGEST))
        more = schema.get("additionalProperties")
        if not isinstance(more, Mapping):
            more = {"type": "string"} if least > len(members) and more is not False else None
        if more is not None and (not properties or least > len(members)):
            size = min(max(least, 0 if is_small else 1), most)
            self._fill(members, schema.get("propertyNames", {}), cast("Schema", more), place, number, size)
        return members

    def _numbered(self, schema: Schema, place: Place, number: int) -> object:
        """A value by its number, or the plainest one if there are fewer."""
        try:
            return self._value(schema, place, number)
        except NoSampleError:
            if not number:
                raise
            return self._value(schema, place)

    def _fill(self, members: dict[str, object], names: Schema, values: Schema, place: Place, number: int, size: int) -> None:
        """Add different keys to a mapping until it has its size."""
        keys = {"type": "string", **names} if not {"$ref", "anyOf", "oneOf", "enum", "const"} & names.keys() else names
        if size > _LONGEST:
            raise NoSampleError(place)
        for index in range(size + _DISTINCT):
            if len(members) >= size:
                return
            value = self._value(keys, (*place, _KEY), number + index)
            key = value if isinstance(value, str) else json.dumps(value)
            if key not in members:
                members[key] = self._numbered(values, (*place, key), number)
        raise NoSampleError(place)

    def _array(self, schema: Schema, place: Place, number: int, move: int) -> list[object]:
        first: Sequence[Schema] = schema.get("prefixItems", ())
        values = [self._numbered(item, (*place, index), number) for index, item in enumerate(first)]
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", _LONGEST))
        items: Schema | None = schema.get("items")
        wanted = 0 if first or not items or self._is_deep(place) else _SIZES[move % len(_SIZES)]
        size = max(least, min(wanted, most))
        if size > _LONGEST:
            raise NoSampleError(place)
        try:
            for index in range(len(values), size):
                others = values if schema.get("uniqueItems") else None
                values.append(self._item(items or {}, (*place, index), number, others))
        except NoSampleError:
            if len(values) < least:
                raise
        return values

    def _item(self, items: Schema, place: Place, number: int, others: list[object] | None) -> object:
        """An item of a list; one that differs from the others if there are any."""
        if others is None:
            return self._numbered(items, place, number)
        known = {json.dumps(value, sort_keys=True) for value in others}
        for more in range(len(others), len(others) + _DISTINCT):
            value = self._value(items, place, number + more)
            if json.dumps(value, sort_keys=True) not in known:
                return value
        raise NoSampleError(place[:-1])

    def _option(self, options: list[Schema], place: Place, number: int, move: int) -> object:
        """A value of a union: the plainest of the first member, then of the others, and null in the end."""
        nulls = [option for option in options if self._is_null(option)]
        ordered = [option for option in options if option not in nulls] or nulls
        turn, which = divmod(move, len(ordered))
        further, shift = divmod(number, len(ordered))
        start = (which + shift) % len(ordered)
        tries = [*ordered[start:], *ordered[:start]]
        if nulls and self._is_deep(place):
            tries = [*nulls, *tries]
        elif move >= _ALTERNATIVES:
            tries = nulls
            self.gave_up = self.gave_up or len(ordered) > move
        for option in (*tries, *nulls):
            try:
                value = self._value(option, place, 0 if option in nulls else further, turn)
            except NoSampleError:
                continue
            self._has_more[place] = move < _ALTERNATIVES + bool(nulls)
            return value
        self._has_more[place] = move < len(ordered)
        raise NoSampleError(place)

    def _is_null(self, schema: Schema) -> bool:
        return self._definitions.resolve(schema).get("type") == "null"


def _scalars(schema: Schema, types: list[str], name: str) -> Iterator[object]:
    others: list[object] = [{}, []]
    match types:
        case ["string"]:
            plain = texts(schema, name)
            # a validator of the project's own may want a text of some kind
            return plain if schema.get("format") else chain(islice(plain, 2), guesses(schema), plain)
        case ["integer" | "number"]:
            return numbers(schema)
        case ["boolean"]:
            return iter((True, False))
        case ["null"]:
            return iter((None,))
        case [""]:  # of any type; bytes, if it says in which format
            return iter(("something" if "contentMediaType" in schema else others[0], "text", 1))
        case _:
            number = next(numbers(schema), 1)
            return iter((number, str(number), 0, "0", True, *guesses(schema), *others))


def _put(members: dict[str, object], path: Sequence[str | int], value: object) -> None:
    """Put a value where it is read from, which may be within others."""
    inside: Any = members
    for step, following in zip(path, [*path[1:], None], strict=True):
        empty: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            inside += [None] * (step + 1 - len(inside))
            inside[step] = empty if following is None or inside[step] is None else inside[step]
        else:
            inside[step] = empty if following is None else inside.get(step, empty)
        inside = inside[step]
