"""Compares what is sent with what is read, as JSON: why can a type read nothing of what another one sends?

It knows what pydantic reads from JSON. None, "it may read some of it", is also the answer wherever the types do not say enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from mypy.nodes import TypeInfo
from mypy.types import (
    AnyType,
    Instance,
    LiteralType,
    NoneType,
    ProperType,
    TupleType,
    Type,
    TypeAliasType,
    TypedDictType,
    TypeOfAny,
    UnionType,
    get_proper_type,
)

from ._annotated import hides_function, may_hide_function
from ._call import Project
from ._fields import PayloadClass, PayloadField, class_of, has_own_functions
from ._names import GOOGLE_TYPES, ROOT_MODEL
from ._scalars import SCALARS, Scalar, Values, differ, literal_values, members_of
from ._types import as_base, text

_ARRAYS: Final = frozenset({f"builtins.{name}" for name in ("list", "set", "frozenset", "tuple")} | {"typing.Sequence"})
_MAPPINGS: Final = frozenset({"builtins.dict", "typing.Mapping"})


class _Array(NamedTuple):
    #: The types of a tuple's items; None for any number of items of any type.
    items: tuple[Type, ...] | None


class _Mapping(NamedTuple):
    value: Type


_Shape: TypeAlias = Scalar | Values | _Array | _Mapping | PayloadClass


def unreadable(project: Project, sent: Type, read: Type, classes: set[TypeInfo], *, is_complete: bool = False) -> str | None:
    """Say why a type reads nothing of what another one sends; None if it may read something.

    Args:
        project: The project with the types.
        sent: The type that is sent.
        read: The type that reads it.
        classes: The classes that decided about it join this set.
        is_complete: Whether `sent` names all that is sent today, although it reads more.

    """
    if any(_scalar_name(type_) in {"str", "bytes"} for type_ in (sent, read)):  # a payload that need not be JSON
        return None
    return _JSONComparison(project, classes, sent if is_complete else None).compare(sent, read, is_whole=True)


def unreadable_part(project: Project, sent: Type, read: Type, classes: set[TypeInfo]) -> tuple[Type, str] | None:
    """The first member of a union of which another type reads nothing, and why. A missing payload, None, does not count."""
    union = get_proper_type(sent)
    for member in union.items if isinstance(union, UnionType) else ():
        reason = None if isinstance(get_proper_type(member), NoneType) else unreadable(project, member, read, classes)
        if reason is not None:
            return member, reason
    return None


def _scalar_name(type_: Type) -> str | None:
    proper = get_proper_type(type_)
    return SCALARS.get(proper.type.fullname) if isinstance(proper, Instance) else None


class _JSONComparison:
    def __init__(self, project: Project, classes: set[TypeInfo], complete: Type | None) -> None:
        self._project = project
        self._classes = classes
        #: The type whose fields are all that is sent, although it may read others.
        self._complete = complete
        #: The pairs that are being compared; types may contain themselves.
        self._open: set[tuple[str, str]] = set()

    def compare(self, sent: Type, read: Type, *, is_whole: bool = False, is_bounded: bool = False) -> str | None:
        """Say why `read` reads nothing of `sent`.

        Args:
            sent: The type that is sent.
            read: The type that reads it.
            is_whole: Whether they are the whole payloads: a handler may read a payload that is a scalar from text, too.
            is_bounded: Whether one of them has bounds, which the checks at run time cannot compare with another scalar.

        """
        pair = str(sent), str(read)
        if pair in self._open:
            return None
        self._open.add(pair)
        try:
            return self._compare(sent, read, is_whole=is_whole, is_bounded=is_bounded)
        finally:
            self._open.discard(pair)

    def _compare(self, sent: Type, read: Type, *, is_whole: bool, is_bounded: bool) -> str | None:
        sent_type, read_type = self._inner(sent), self._inner(read)
        if sent_type is None or read_type is None or sent_type == read_type:
            return None
        if isinstance(sent_type, UnionType):
            reasons = [self.compare(item, read, is_whole=is_whole, is_bounded=is_bounded) for item in sent_type.items]
            return reasons[0] if all(reasons) else None
        if isinstance(read_type, UnionType):
            reasons = [self.compare(sent, item, is_whole=is_whole, is_bounded=is_bounded) for item in read_type.items]
            return (reasons[0] if _is_optional(read_type) else _cannot(sent, read)) if all(reasons) else None
        sent_root, read_root = self._root(sent_type), self._root(read_type)
        if sent_root is not sent_type or read_root is not read_type:
            return self.compare(sent_root, read_root, is_whole=is_whole, is_bounded=is_bounded)
        one, other = self._shape(sent_type), self._shape(read_type)
        if one is None or other is None:
            return None
        if isinstance(one, PayloadClass):
            return self._object(one, other, sent, read)
        if isinstance(one, _Mapping):
            return self._mapping(one, other, sent, read)
        if isinstance(one, _Array) and isinstance(other, _Array):
            return self._array(one, other, sent, read)
        if isinstance(one, (Scalar, Values)) and isinstance(other, (Scalar, Values)):
            return _cannot(sent, read) if differ(one, other, is_free=is_whole or is_bounded) else None
        return None if isinstance(other, PayloadClass) and other.is_read_freely else _cannot(sent, read)

    def _inner(self, type_: Type) -> ProperType | None:
        """The type itself; None for an alias that hides a function, by which it reads or writes more than its type."""
        alias = type_.alias if isinstance(type_, TypeAliasType) else None
        if alias is not None and not alias.fullname.startswith(GOOGLE_TYPES) and hides_function(self._project, alias.fullname):
            return None
        return get_proper_type(type_)

    def _hides(self, type_: TypedDictType) -> bool:
        """Whether a field of a TypedDict may hide a function. mypy does not say from which others it inherits fields."""
        tree = self._project.modules.get(type_.fallback.type.module_name)
        if tree is None or may_hide_function(self._project, tree, type_):
            return True
        infos = [type_.fallback.type, *(symbol.node for symbol in tree.names.values() if isinstance(symbol.node, TypeInfo))]
        bases = (info for info in infos if info.typeddict_type and info.typeddict_type.items.keys() <= type_.items.keys())
        return any(hides_function(self._project, info.fullname) for info in bases)

    def _root(self, type_: ProperType) -> Type:
        """The type inside a RootModel, or anything if the model has functions of its own; any other type as it is."""
        root = as_base(type_, ROOT_MODEL) if isinstance(type_, Instance) else None
        if root is None or not isinstance(type_, Instance):
            return type_
        self._classes.update(type_.type.mro)
        return AnyType(TypeOfAny.special_form) if has_own_functions(type_.type) else root.args[0]

    def _shape(self, type_: ProperType) -> _Shape | None:
        """How a type looks in JSON; None if that is unknown."""
        match type_:
            case NoneType():
                return Values(frozenset({None}))
            case LiteralType():
                return literal_values(type_)
            case TupleType():
                return _Array(tuple(type_.items)) if type_.partial_fallback.type.fullname == "builtins.tuple" else None
            case TypedDictType():
                self._classes.add(type_.fallback.type)
                return None if self._hides(type_) else class_of(type_, self._classes)
            case Instance():
                return self._shape_of_class(type_)
            case _:
                return None

    def _shape_of_class(self, type_: Instance) -> _Shape | None:
        info = type_.type
        if info.fullname in SCALARS:
            return Scalar(SCALARS[info.fullname])
        if info.fullname in _ARRAYS:
            return _Array(None)
        if info.fullname in _MAPPINGS and len(type_.args) > 1:
            return _Mapping(type_.args[1])
        if info.is_enum:
            self._classes.add(info)
            return members_of(info) or (Scalar("str") if info.has_base("builtins.str") else None)
        if info.is_newtype and info.bases:
            return self._shape(info.bases[0])
        return class_of(type_, self._classes)

    def _object(self, sent: PayloadClass, read: _Shape, sent_type: Type, read_type: Type) -> str | None:
        if sent.is_sent_freely or (isinstance(read, PayloadClass) and read.is_read_freely):
            return None
        if isinstance(read, _Mapping):
            fields = ((field, read.value) for field in sent.fields if field.is_required)
            return next(self._within((field, field.type, value, False) for field, value in fields), None)
        if not isinstance(read, PayloadClass):
            return _cannot(sent_type, read_type)
        by_name = {field.sent: field for field in sent.fields}
        pairs: list[tuple[PayloadField, Type, Type, bool]] = []
        for field in read.fields:
            names = field.read or ()
            found = [by_name[name] for name in names if name in by_name]
            if field.is_required and not found and names and (sent_type is self._complete or not sent.is_open):
                return f'{text(read_type)} requires "{names[0]}", which {text(sent_type)} does not have'
            if len(found) == 1 and (field.is_required or found[0].is_required) and not field.is_read_freely:
                pairs.append((found[0], found[0].type, field.type, field.is_bounded))
        known = {name for field in read.fields for name in field.read or ()}
        if read.is_closed and all(field.read is not None for field in read.fields):
            for field in sent.fields:
                if field.is_required and field.sent is not None and field.sent not in known:
                    return f'{text(read_type)} forbids "{field.sent}", which {text(sent_type)} has'
        return next(self._within(iter(pairs)), None)

    def _mapping(self, sent: _Mapping, read: _Shape, sent_type: Type, read_type: Type) -> str | None:
        if isinstance(read, _Mapping):  # it may be empty
            return None
        if not isinstance(read, PayloadClass):
            return _cannot(sent_type, read_type)
        if read.is_read_freely:
            return None
        fields = (field for field in read.fields if field.is_required and not field.is_read_freely and field.read)
        named = (
            (PayloadField(sent.value, None, (field.read or ("",))[0], True), sent.value, field.type, field.is_bounded)
            for field in fields
        )
        return next(self._within(named), None)

    def _array(self, sent: _Array, read: _Array, sent_type: Type, read_type: Type) -> str | None:
        if sent.items is None or read.items is None:  # it may be empty
            return None
        if len(sent.items) != len(read.items):
            return f"{text(read_type)} has {len(read.items)} items, and {text(sent_type)} has {len(sent.items)}"
        for number, (one, other) in enumerate(zip(sent.items, read.items, strict=True)):
            reason = self.compare(one, other)
            if reason is not None:
                return _inside(f"[{number}]", reason)
        return None

    def _within(self, pairs: Iterator[tuple[PayloadField, Type, Type, bool]]) -> Iterator[str]:
        """The reasons of the fields that cannot be read."""
        for field, sent, read, is_bounded in pairs:
            reason = None if field.is_sent_freely else self.compare(sent, read, is_bounded=is_bounded or field.is_bounded)
            if reason is not None and field.sent is not None:
                yield _inside(field.sent, reason)


def _is_optional(union: UnionType) -> bool:
    """Whether a union is one type or None, in this order."""
    return len(union.items) == 2 and isinstance(get_proper_type(union.items[1]), NoneType)  # noqa: PLR2004


def _cannot(sent: Type, read: Type) -> str:
    return f"{text(sent)} cannot be read as {text(read)}"


def _inside(name: str, reason: str) -> str:
    """Put a name before the reason for a part."""
    if reason.startswith('in "'):
        inner = reason.removeprefix('in "')
        return f'in "{name}{inner}' if inner.startswith("[") else f'in "{name}.{inner}'
    return f'in "{name}", {reason}'
