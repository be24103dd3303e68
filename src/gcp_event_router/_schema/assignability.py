"""Decides whether a value of one type may be given where another is declared, as type checkers decide it.

It answers yes where it cannot know: for protocols, callables, names that are not defined yet, and types of other packages.
"""

from __future__ import annotations

import types
from collections import ChainMap, Counter, OrderedDict, abc, defaultdict, deque
from enum import Enum, Flag
from typing import (
    Any,
    Final,
    Generic,
    Literal,
    NamedTuple,
    Never,
    NewType,
    NoReturn,
    NotRequired,
    Required,
    TypeVar,
    Union,
    Unpack,
    cast,
    get_args,
    get_origin,
)

from typing_extensions import ReadOnly, get_original_bases, get_type_hints, is_protocol, is_typeddict

from .aliases import unaliased

#: The most pairs of types that are compared, and how deep: types may refer to themselves.
_MOST: Final = 1000
_DEEPEST: Final = 20
#: What type checkers also take for a number of another type.
_PROMOTIONS: Final[dict[object, tuple[type, ...]]] = {float: (int,), complex: (int, float)}
#: Whoever may add an item has to know the type of all items. Other generic types of the standard library are read-only.
_INVARIANT: Final = frozenset({
    list, dict, set, deque, defaultdict, OrderedDict, Counter, ChainMap, abc.MutableSequence, abc.MutableSet, abc.MutableMapping,
})  # fmt: skip
#: Its arguments are a list of types, and a type.
_OPAQUE: Final = frozenset({cast("object", abc.Callable)})
#: What the annotation of a TypedDict's key may have around the type.
_QUALIFIERS: Final = frozenset[object]({Required, NotRequired, ReadOnly})


def accepts(declared: object, given: object, *, any_fits: bool = True) -> bool:
    """Whether a value of the type `given` may be given where `declared` is: False only if it surely may not.

    `any_fits` says whether `Any` in `given` fits all types, as type checkers see it, or no type but `Any` and `object`.
    """
    return _TypeComparison().accepts(declared, given, any_fits)


def members(declared: object) -> tuple[object, ...]:
    """Return the types of a union or of a variable, without aliases; for any other type, the type alone."""
    plain = unaliased(declared)
    if isinstance(plain, TypeVar):
        return members(plain.__bound__ or Any) if not plain.__constraints__ else plain.__constraints__
    if get_origin(plain) in {Union, types.UnionType}:
        return tuple(inner for member in get_args(plain) for inner in members(member))
    return (plain,)


class _TypeComparison:
    def __init__(self) -> None:
        self._left = _MOST
        self._depth = 0

    def accepts(self, declared: object, given: object, any_fits: bool) -> bool:
        self._left -= 1
        if self._left < 0 or self._depth == _DEEPEST:
            return True
        self._depth += 1
        try:
            return self._accepts(declared, given, any_fits)
        except Exception:  # noqa: BLE001 -- of an alias with an unknown name, or of a class that compares itself in its own way
            return True
        finally:
            self._depth -= 1

    def _accepts(self, declared: object, given: object, any_fits: bool) -> bool:
        wide, narrow = _plain(declared), _plain(given)
        if wide is Any or wide is object or wide == narrow:
            return True
        if isinstance(wide, TypeVar):
            return any(self.accepts(member, narrow, any_fits) for member in members(wide))
        if narrow is Any or isinstance(narrow, TypeVar):
            return any_fits
        parts = _parts(narrow)
        if len(parts) != 1:
            return all(self.accepts(wide, part, any_fits) for part in parts)
        if get_origin(wide) in {Union, types.UnionType}:
            if any(self.accepts(member, narrow, any_fits) for member in get_args(wide)):
                return True
            values = _values(narrow)
            return bool(values) and all(self.accepts(wide, value, any_fits) for value in values)
        if get_origin(wide) is Literal:
            values = (narrow,) if get_origin(narrow) is Literal else _values(narrow)
            return bool(values) and all(_listed(value) <= _listed(wide) for value in values)
        if get_origin(narrow) is Literal:
            ((type_of_value, _),) = _listed(narrow)
            return self.accepts(wide, type_of_value, any_fits)
        if isinstance(narrow, NewType):
            return self.accepts(wide, narrow.__supertype__, any_fits)
        return not isinstance(wide, NewType) and self._accepts_class(wide, narrow, any_fits)

    def _accepts_class(self, declared: object, given: object, any_fits: bool) -> bool:
        (wide, arguments), (narrow, _) = _generic(declared), _generic(given)
        if not isinstance(wide, type) or not isinstance(narrow, type) or is_protocol(wide):
            return True
        if is_typeddict(wide):
            return is_typeddict(narrow) and self._accepts_keys(wide, narrow, bool(arguments), any_fits)
        if is_typeddict(narrow):  # it is a dict, but its keys have to stay
            narrow, given = abc.Mapping, abc.Mapping[str, object]
        if issubclass(narrow, _PROMOTIONS.get(wide, ())):
            return True
        try:
            if not issubclass(narrow, wide):
                return False
        except TypeError:
            return True
        if not arguments or wide in _OPAQUE:
            return True
        found = _arguments(given, wide)
        if found is None:
            return narrow is not wide or any_fits
        if wide is tuple:
            return self._accepts_items(arguments, found, any_fits)
        return all(map(self._fits, arguments, found, _variances(wide), [any_fits] * len(found)))

    def _fits(self, declared: object, given: object, variance: str, any_fits: bool) -> bool:
        """Compare two arguments of a generic type."""
        if variance == "contravariant":
            return self.accepts(given, declared, True)
        fits = self.accepts(declared, given, any_fits)
        if variance == "unknown":
            return fits or self.accepts(given, declared, True)
        is_open = isinstance(declared, TypeVar)
        return fits and (variance == "covariant" or is_open or self.accepts(given, declared, True))

    def _accepts_items(self, declared: tuple[object, ...], given: tuple[object, ...], any_fits: bool) -> bool:
        """Compare the items of two tuples."""
        if any(get_origin(item) is Unpack for item in (*declared, *given)):
            return True
        if declared[-1:] == (...,):
            return all(self.accepts(declared[0], item, any_fits) for item in given if item is not ...)
        if given[-1:] == (...,) or len(declared) != len(given):
            return False
        return all(map(self.accepts, declared, given, [any_fits] * len(given)))

    def _accepts_keys(self, declared: Any, given: Any, is_generic: bool, any_fits: bool) -> bool:
        """Compare two TypedDicts, which need not have a common base."""
        try:
            wide, narrow = _keys(declared), _keys(given)
        except (NameError, AttributeError, TypeError):
            return True
        for name, key in wide.items():
            other = narrow.get(name)
            if other is None or (key.is_required and not other.is_required) or (other.is_read_only and not key.is_read_only):
                return False
            if other.is_required and not key.is_required and not key.is_read_only:  # it may not be deleted
                return False
            variance = "covariant" if key.is_read_only else "invariant"
            if not is_generic and not self._fits(key.type, other.type, variance, any_fits):
                return False
        return True


class _TypedDictKey(NamedTuple):
    type: object
    is_required: bool
    is_read_only: bool


def _keys(declared: Any) -> dict[str, _TypedDictKey]:
    """Return the keys of a TypedDict. The class itself does not know what its annotations say as strings."""
    keys: dict[str, _TypedDictKey] = {}
    for name, hint in get_type_hints(declared, include_extras=True).items():
        is_required, is_read_only, inner = name in declared.__required_keys__, False, hint
        while (qualifier := cast("object", get_origin(inner))) in _QUALIFIERS:
            is_required = qualifier is Required or (is_required and qualifier is not NotRequired)
            is_read_only = is_read_only or qualifier is ReadOnly
            (inner,) = get_args(inner)
        keys[name] = _TypedDictKey(inner, is_required, is_read_only)
    return keys


def _plain(declared: object) -> object:
    return types.NoneType if declared is None else unaliased(declared)


def _parts(given: object) -> tuple[object, ...]:
    """Return the members of a union or the values of a `Literal`, each as a type; none for a type without values."""
    if given is Never or given is NoReturn:
        return ()
    return _literals(*get_args(given)) if get_origin(given) is Literal else members(given)


def _literals(*values: object) -> tuple[object, ...]:
    make: Any = Literal
    return tuple(make[value] for value in values)


def _listed(literal: object) -> set[tuple[object, object]]:
    """Return the values of a `Literal` with their types: 1 equals True."""
    values: tuple[object, ...] = get_args(literal)
    return {(type(value), value) for value in values}


def _values(given: object) -> tuple[object, ...]:
    """Return the values of a type that has few, as `Literal` types."""
    if given is bool or given is types.NoneType:
        return _literals(True, False) if given is bool else _literals(None)
    is_enum = isinstance(given, type) and issubclass(given, Enum) and not issubclass(given, Flag)
    return _literals(*cast("type[Enum]", given)) if is_enum else ()


def _generic(declared: object) -> tuple[object, tuple[object, ...]]:
    """Return a type without its arguments, and the arguments. Of a model, pydantic makes a class for each of them."""
    made = cast("Any", getattr(declared, "__pydantic_generic_metadata__", None) if isinstance(declared, type) else None)
    if made and made["origin"]:
        return made["origin"], made["args"]
    return get_origin(declared) or declared, get_args(declared)


def _arguments(given: object, wide: type) -> tuple[object, ...] | None:
    """Return the arguments that a type gives to a generic class which it is, or inherits from; None if they are not known."""
    narrow, arguments = cast("tuple[type, tuple[object, ...]]", _generic(given))
    if narrow is wide:
        return arguments or None
    for base in narrow.__mro__:
        if _generic(base)[0] is wide and _generic(base)[1]:
            return _generic(_filled(base, narrow, arguments))[1]
    for base in get_original_bases(narrow):
        if get_origin(base) not in {None, Generic}:
            found = _arguments(_filled(base, narrow, arguments), wide)
            if found is not None:
                return found
    return _builtin_arguments(narrow, arguments, wide)


def _builtin_arguments(narrow: type, arguments: tuple[object, ...], wide: type) -> tuple[object, ...] | None:
    """Return the arguments that a class of the standard library gives to an abstract one."""
    if wide.__module__ != "collections.abc" or narrow.__module__ not in {"builtins", "collections", "collections.abc"}:
        return None
    if issubclass(narrow, str | bytes):
        return (str,) if narrow is str else (int,)
    if issubclass(narrow, tuple):
        return (Union[tuple(item for item in arguments if item is not ...)],) if arguments else None  # noqa: UP007 -- of a tuple
    if narrow is abc.Coroutine:
        return arguments[2:] or None
    return arguments or None  # of a dict, whose first argument is that of its items, too


def _filled(base: Any, narrow: Any, arguments: tuple[object, ...]) -> object:
    """Put the arguments of a generic class into one of its bases."""
    given: dict[object, object] = dict(zip(_variables(narrow), arguments, strict=False))
    variables = _variables(base)
    return base[tuple(given.get(variable, variable) for variable in variables)] if given and variables else base


def _variables(generic: Any) -> tuple[object, ...]:
    made: Any = getattr(generic, "__pydantic_generic_metadata__", None)
    return cast("tuple[object, ...]", made["parameters"] if made else getattr(generic, "__parameters__", ()))


def _variances(wide: Any) -> list[str]:
    """How the arguments of a generic class count; more than it may have."""
    if variables := _variables(wide):
        return [_variance(variable) for variable in variables]
    keys = "invariant" if wide in _INVARIANT or wide is abc.Mapping else "covariant"
    return [keys, *["invariant" if wide in _INVARIANT else "covariant"] * 9]


def _variance(variable: Any) -> str:
    if not isinstance(variable, TypeVar) or getattr(variable, "__infer_variance__", False):
        return "unknown"
    return "covariant" if variable.__covariant__ else "contravariant" if variable.__contravariant__ else "invariant"
