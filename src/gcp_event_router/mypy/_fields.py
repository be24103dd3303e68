"""The fields of a payload's class as JSON has them: names, types, and what the source of the class says about them."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, cast

from mypy.expandtype import expand_type_by_instance
from mypy.nodes import MDEF, CallExpr, Expression, MemberExpr, NameExpr, SymbolTableNode, TypeAlias, TypeInfo, Var
from mypy.plugin import ClassDefContext
from mypy.semanal import SemanticAnalyzer
from mypy.server.trigger import make_trigger
from mypy.types import Instance, LiteralType, Type, TypedDictType, get_proper_type

from ..google.base import json_name
from ._annotated import hides_function, trigger_of
from ._call import Project
from ._class_source import ALL, ClassSource, Field, SourceFiles, read_class
from ._names import BASE_MODEL, GOOGLE_MODEL, PAYLOADS
from ._types import as_base

#: The symbol with what the source of a class says. mypy compares public symbols of several bases with each other, and the daemon
#: keeps those with an "@".
_SYMBOL: Final = "__gcp_event_fields@"
#: Bases without fields.
_BARE: Final = frozenset({"builtins.object", "typing.Generic", "typing.Protocol", "abc.ABC", "typing_extensions.Protocol"})


class PayloadField(NamedTuple):
    """A field of an object in JSON."""

    type: Type
    #: The names under which it is read; None if they are unknown.
    read: tuple[str, ...] | None
    #: The name under which it is sent; None if it is unknown.
    sent: str | None
    is_required: bool
    is_bounded: bool = False
    #: Whether a function of the project may read, or write, what the type does not.
    is_read_freely: bool = False
    is_sent_freely: bool = False


class PayloadClass(NamedTuple):
    """A class whose values are objects in JSON."""

    fields: tuple[PayloadField, ...]
    #: Whether it may send names that no field has.
    is_open: bool = False
    #: Whether it refuses names that no field has.
    is_closed: bool = False
    #: Whether a function of the project reads it, or writes it.
    is_read_freely: bool = False
    is_sent_freely: bool = False


def may_be_payload(info: TypeInfo) -> bool:
    """Whether a class is a model or has a decorator, such as that of dataclasses."""
    return info.has_base(BASE_MODEL) or bool(info.defn.decorators)


def _is_dataclass(decorator: Expression) -> bool:
    callee = decorator.callee if isinstance(decorator, CallExpr) else decorator
    return isinstance(callee, (NameExpr, MemberExpr)) and callee.name.endswith("dataclass")


def keep_source(context: ClassDefContext, files: SourceFiles, project: Project) -> None:
    """Read the source of a class, and keep what it says in a hidden symbol of the class, as mypy's cache keeps all symbols."""
    analyzer = cast("SemanticAnalyzer", context.api)
    info, module = context.cls.info, analyzer.cur_mod_node
    if module.is_stub:
        return

    def find_alias(name: str) -> str | None:
        symbol = analyzer.lookup_qualified(name, context.cls, suppress_errors=True)
        node = None if symbol is None else symbol.node
        if not isinstance(node, TypeAlias) or node.fullname.startswith(("typing.", "builtins.")):
            return None
        context.api.add_plugin_dependency(trigger_of(node.fullname))
        return node.fullname if hides_function(project, node.fullname) else None

    found = files.find_class(module.path, info.fullname.removeprefix(f"{module.fullname}.").split("."))
    source = ClassSource() if found is None else read_class(*found, find_alias)
    if found is None or not (info.has_base(BASE_MODEL) or any(map(_is_dataclass, context.cls.decorators))):
        source.make_opaque()
    kept = LiteralType(json.dumps(source.as_json()), analyzer.named_type("builtins.str"))
    variable = Var(_SYMBOL, kept)
    variable.info = info
    variable._fullname = f"{info.fullname}.{_SYMBOL}"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- as mypy's plugins do
    variable.is_classvar = variable.is_ready = True
    info.names[_SYMBOL] = SymbolTableNode(MDEF, variable, module_hidden=True, module_public=False, plugin_generated=True)
    for changed in (info.fullname, variable.fullname, *(f"{info.fullname}.{name}" for name in source.fields)):
        context.api.add_plugin_dependency(make_trigger(changed), make_trigger(PAYLOADS))


def is_plain(info: TypeInfo) -> bool:
    """Whether a class is neither a model nor decorated, and has no base."""
    has_form = info.is_enum or info.is_newtype or info.is_protocol or info.metaclass_type is not None or _SYMBOL in info.names
    methods = {"__get_pydantic_core_schema__", "__get_validators__", "__pydantic_validator__"}
    return not has_form and [base.fullname for base in info.mro[1:]] == ["builtins.object"] and methods.isdisjoint(info.names)


def _source_of(info: TypeInfo) -> ClassSource | None:
    symbol = info.names.get(_SYMBOL)
    kept = get_proper_type(symbol.node.type) if symbol is not None and isinstance(symbol.node, Var) else None
    if not isinstance(kept, LiteralType):
        return None
    source = ClassSource(**json.loads(str(kept.value)))
    source.fields = {name: Field(**cast("dict[str, Any]", field)) for name, field in source.fields.items()}
    return source


def class_of(type_: Type, classes: set[TypeInfo]) -> PayloadClass | None:
    """The fields of a model, a dataclass or a TypedDict; None if they are unknown. Adds the classes that decide about it."""
    proper = get_proper_type(type_)
    if isinstance(proper, TypedDictType):
        items = sorted(proper.items.items())  # a cache may have sorted them, or not
        return PayloadClass(tuple(PayloadField(item, (name,), name, name in proper.required_keys) for name, item in items))
    if not isinstance(proper, Instance) or proper.type.fullname == "builtins.object":
        return None
    fields: dict[str, tuple[Field, Type]] = {}
    own_reading, own_writing = set[str](), set[str]()
    extra, by_name = None, None
    is_google = proper.type.has_base(GOOGLE_MODEL)
    for info in reversed(proper.type.mro):
        if info.fullname == GOOGLE_MODEL:  # it reads null as the default
            extra, by_name = "allow", True
            continue
        if info.fullname in _BARE or info.fullname.startswith("pydantic."):
            continue
        classes.add(info)
        source, base = _source_of(info), as_base(proper, info.fullname)
        if source is None or base is None:
            return None
        extra, by_name = source.extra or extra, by_name if source.by_name is None else source.by_name
        own_reading.update(source.own_reading)
        own_writing.update(source.own_writing)
        for name, field in source.fields.items():
            symbol = info.names.get(name)
            variable = None if symbol is None else symbol.node
            if not isinstance(variable, Var) or variable.type is None:
                return None
            if is_google and field.read == [name]:
                field.read, field.sent = [json_name(name)], json_name(name)
            fields[name] = field, expand_type_by_instance(variable.type, base)
    own = (ALL in own_reading, ALL in own_writing)
    found = [
        PayloadField(
            type_,
            None if field.read is None else tuple(dict.fromkeys([*field.read, *([name] if by_name else [])])),
            field.sent,
            field.is_required,
            field.is_bounded,
            field.is_opaque or is_google or name in own_reading,
            field.is_opaque or name in own_writing,
        )
        for name, (field, type_) in fields.items()
    ]
    is_open = extra == "allow" or any(field.sent is None for field in found)
    return PayloadClass(tuple(found), is_open, extra == "forbid", *own)


def has_own_functions(info: TypeInfo) -> bool:
    """Whether a class or a base has validators or serializers."""
    sources = (_source_of(base) for base in info.mro if not base.fullname.startswith("pydantic."))
    return any(source is not None and (source.own_reading or source.own_writing) for source in sources)
