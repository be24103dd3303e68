"""Compares payloads as JSON: what a kind carries, and what a handler reads."""

from __future__ import annotations

from typing import Final

from mypy.expandtype import expand_type_by_instance
from mypy.nodes import TypeInfo, Var
from mypy.subtypes import is_subtype
from mypy.types import (
    AnyType,
    Instance,
    NoneType,
    ProperType,
    TupleType,
    Type,
    TypedDictType,
    TypeVarType,
    UnionType,
    get_proper_type,
)

from ._names import BASE_MODEL, ROOT_MODEL
from ._types import as_base, text

#: How deep the comparison looks into recursive types.
_DEPTH: Final = 8
_SCALARS: Final = {
    "builtins.str",
    "builtins.int",
    "builtins.float",
    "builtins.bool",
    "decimal.Decimal",
    "datetime.date",
    "uuid.UUID",
}


def unreadable(  # noqa: C901, PLR0912 -- one case for each pair of forms
    sent: Type, wanted: Type, classes: set[TypeInfo], depth: int = 0
) -> str | None:
    """Why JSON of one type is not what another type reads; None also if that is unknown. Collects the classes that decide."""
    one, other = get_proper_type(sent), get_proper_type(wanted)
    if depth > _DEPTH or isinstance(one, AnyType | TypeVarType) or isinstance(other, AnyType | TypeVarType):
        return None
    for each in (one, other):
        if isinstance(each, Instance):
            classes.add(each.type)
    if is_subtype(one, other):
        return None
    if (
        isinstance(other, Instance)
        and other.type.fullname in {"builtins.object", "builtins.bytes", "builtins.str"}
        and depth == 0
    ):
        return None
    if isinstance(one, UnionType):
        return next((reason for item in one.items if (reason := unreadable(item, other, classes, depth + 1))), None)
    if isinstance(other, UnionType):
        reasons = [unreadable(one, item, classes, depth + 1) for item in other.items]
        return None if None in reasons else reasons[0]
    root = as_base(one, ROOT_MODEL) if isinstance(one, Instance) else None
    if root is not None:
        return unreadable(root.args[0], other, classes, depth + 1)
    root = as_base(other, ROOT_MODEL) if isinstance(other, Instance) else None
    if root is not None:
        return unreadable(one, root.args[0], classes, depth + 1)
    mine, theirs = _fields(one, classes), _fields(other, classes)
    if theirs is not None:
        if mine is None:
            if isinstance(one, Instance) and one.type.fullname in {"builtins.dict", "typing.Mapping"}:
                return None
            return f"{text(one)} is not an object"
        for name, (type_, required) in sorted(theirs.items()):  # a cache sorts names, and a tree does not
            if name not in mine:
                if required:
                    return f'"{name}" is required, and {text(one)} has no such field'
                continue
            if unreadable(mine[name][0], type_, classes, depth + 1):
                return f'"{name}" is {text(mine[name][0])} instead of {text(type_)}'
        return None
    if mine is not None:
        if isinstance(other, Instance) and other.type.fullname in {"builtins.dict", "typing.Mapping"}:
            return None
        return f"{text(one)} is an object, which {text(other)} is not"
    if _shape(one) and _shape(other) and _shape(one) != _shape(other):
        return f"{text(one)} is not {text(other)}"
    if isinstance(one, Instance) and isinstance(other, Instance) and _shape(one) == "array" and one.args and other.args:
        return unreadable(one.args[0], other.args[0], classes, depth + 1)
    return None


def _shape(type_: ProperType) -> str | None:
    if isinstance(type_, NoneType):
        return "null"
    if isinstance(type_, TupleType):
        return "array"
    if isinstance(type_, Instance):
        names = {info.fullname for info in type_.type.mro}
        if names & {"builtins.list", "builtins.set", "builtins.frozenset"} or type_.type.fullname == "typing.Sequence":
            return "array"
        if names & {"builtins.dict"} or type_.type.fullname == "typing.Mapping":
            return "object"
        if names & {
            "builtins.str",
            "builtins.int",
            "builtins.float",
            "builtins.bool",
            "decimal.Decimal",
            "datetime.date",
            "uuid.UUID",
        }:
            return "scalar"
    return None


def _fields(type_: ProperType, classes: set[TypeInfo]) -> dict[str, tuple[Type, bool]] | None:
    """The fields of an object in JSON, each with its type and whether it is required."""
    if isinstance(type_, TypedDictType):
        return {name: (item, name in type_.required_keys) for name, item in type_.items.items()}
    if not isinstance(type_, Instance):
        return None
    if not type_.type.has_base(BASE_MODEL) and "dataclass" not in type_.type.metadata:
        return None
    found: dict[str, tuple[Type, bool]] = {}
    for info in reversed(type_.type.mro):
        if info.fullname.startswith(("pydantic.", "builtins.")):
            continue
        classes.add(info)
        base = as_base(type_, info.fullname)
        kept = info.metadata.get("pydantic-mypy-metadata", {}).get("fields", {})
        for name, symbol in info.names.items():
            node = symbol.node
            if not isinstance(node, Var) or node.type is None or name.startswith("_") or name == "model_config":
                continue
            if base is None or node.is_classvar or node.is_inferred:
                continue
            field = kept.get(name, {})
            is_required = not (field.get("has_default") or node.has_explicit_value)
            found[field.get("alias") or name] = (expand_type_by_instance(node.type, base), is_required)
    return found
