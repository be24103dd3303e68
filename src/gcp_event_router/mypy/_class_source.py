"""Reads from the source of models and dataclasses what their types do not say: aliases, defaults, validators and `extra`.

mypy drops the arguments of `Annotated`, and its cache drops the bodies of classes. So this reads the text of the file.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from ._names import GOOGLE_TYPES
from ._pydantic_words import (
    ALIASES,
    BOUNDED,
    BOUNDS,
    HARMLESS_CONFIG,
    NARROWING,
    OF_FIELDS,
    OF_MODELS,
    OWN_METHODS,
    PLAIN,
    WRITING,
)

#: Stands for all fields.
ALL: Final = "*"


@dataclass
class Field:
    """A field of a class, as its source declares it."""

    #: The names under which it is read; None if they are unknown.
    read: list[str] | None
    #: The name under which it is sent; None if it is unknown.
    sent: str | None
    is_required: bool
    #: Whether it accepts fewer values than its type, such as numbers above 0.
    is_bounded: bool = False
    #: Whether it may read values that its type does not.
    is_opaque: bool = False


@dataclass
class ClassSource:
    """What the source of one class says, without its bases."""

    fields: dict[str, Field] = field(default_factory=dict[str, Field])
    #: The fields of this class or of its bases that functions of the project read.
    own_reading: list[str] = field(default_factory=list[str])
    #: Those that such functions write.
    own_writing: list[str] = field(default_factory=list[str])
    #: "allow", "forbid" or "ignore".
    extra: str | None = None
    #: Whether fields with an alias are read by their name, too.
    by_name: bool | None = None

    def make_opaque(self) -> None:
        """Note that nothing is known about what the class reads and writes."""
        self.own_reading.append(ALL)
        self.own_writing.append(ALL)

    def as_json(self) -> dict[str, object]:
        """Everything as values of JSON."""
        return asdict(self)


class SourceFiles:
    """The parsed files of a run; a daemon reads a file again when its text is another."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ast.Module]] = {}

    def find_class(self, path: str, names: list[str]) -> tuple[ast.ClassDef, dict[str, str]] | None:
        """The only class of a name, from the outermost class to the innermost, with the names that its module imports."""
        try:
            text = Path(path).read_text(encoding="utf-8")
            if path not in self._known or self._known[path][0] != text:
                self._known[path] = text, ast.parse(text)
        except (OSError, ValueError, SyntaxError):
            return None
        module = self._known[path][1]
        found: list[ast.ClassDef] = []
        nodes: list[ast.AST] = [module]
        for name in names:
            found = [child for node in nodes for child in _classes(node) if child.name == name]
            nodes = [*found]
        return (found[0], imported_names(module)) if len(found) == 1 else None


def imported_names(module: ast.Module) -> dict[str, str]:
    """The names that a module imports under other names."""
    imports = (node for node in ast.walk(module) if isinstance(node, ast.ImportFrom))
    return {alias.asname: alias.name for statement in imports for alias in statement.names if alias.asname}


def _classes(node: ast.AST) -> Iterator[ast.ClassDef]:
    """The classes within a module or a class, also below conditions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield child
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _classes(child)


def read_class(node: ast.ClassDef, imported: dict[str, str], find_alias: Callable[[str], str | None]) -> ClassSource:
    """Read the source of a model or a dataclass.

    Args:
        node: The class.
        imported: The names that its module imports under other names.
        find_alias: Returns the full name of the type alias that a name stands for, if it may hide a function.

    """
    return _Reader(imported, find_alias).read(node)


def has_hidden_function(part: ast.AST, imported: dict[str, str]) -> bool:
    """Whether an `Annotated` in a part of a module may read, or write, more than the type beside it."""
    reader = _Reader(imported, lambda _: None)
    texts = (node for node in ast.walk(part) if isinstance(node, ast.Constant) and "Annotated" in str(node.value))
    parts = (part, *(parsed for text in texts if (parsed := _parsed(text)) is not text))
    return any(reader.is_hiding(node) for within in parts for node in ast.walk(within))


class _Reader:
    def __init__(self, imported: dict[str, str], find_alias: Callable[[str], str | None]) -> None:
        self._imported = imported
        self._find_alias = find_alias
        self._found = ClassSource()

    def read(self, node: ast.ClassDef) -> ClassSource:
        self._configure(node.keywords)
        self._read_bases(node.bases)
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and any(keyword.arg == "config" for keyword in decorator.keywords):
                self._found.make_opaque()
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id="model_config")) | ast.Assign(targets=[ast.Name(id="model_config")]):
                    self._configure_by(statement.value)
                case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                    self._add_field(name, statement)
                case (
                    ast.AnnAssign(target=ast.Name(id="__pydantic_config__"))
                    | ast.Assign(targets=[ast.Name(id="__pydantic_config__")])
                ):
                    self._found.make_opaque()
                case ast.FunctionDef(name=name) if name in OWN_METHODS:
                    self._found.make_opaque()
                case ast.ClassDef(name="Config"):
                    self._found.make_opaque()
                case _:
                    pass
            if not isinstance(statement, ast.ClassDef):
                self._note_functions(statement)
        return self._found

    def _read_bases(self, bases: list[ast.expr]) -> None:
        """Look for `Annotated` in the arguments of bases, which may be types of fields."""
        found = Field([], "", is_required=True)
        for base in bases:
            self._read_annotation(base, found)
        if found.is_opaque:
            self._found.make_opaque()

    def is_hiding(self, node: ast.AST) -> bool:
        """Whether a node is an `Annotated` with more than bounds and descriptions."""
        if not (isinstance(node, ast.Subscript) and self._name(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple)):
            return False
        found = Field([], "", is_required=True)
        for item in node.slice.elts[1:]:
            self._read_metadata(item, found)
            if isinstance(item, ast.Call):
                found.is_opaque |= any(keyword.arg in ALIASES for keyword in item.keywords)
        return found.is_opaque

    def _name(self, node: ast.AST | None) -> str:
        """The last part of a name, as the module that defines it has it; empty for anything else."""
        if isinstance(node, ast.Attribute):
            return node.attr
        return self._imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    # --- the configuration of a model

    def _configure_by(self, value: ast.expr | None) -> None:
        if (
            isinstance(value, ast.Call)
            and self._name(value.func) in {"ConfigDict", "SettingsConfigDict", "dict"}
            and not value.args
        ):
            self._configure(value.keywords)
        elif isinstance(value, ast.Dict) and all(isinstance(key, ast.Constant) for key in value.keys):
            pairs = zip(value.keys, value.values, strict=True)
            self._configure([ast.keyword(str(getattr(key, "value", "")), setting) for key, setting in pairs])
        else:
            self._found.make_opaque()

    def _configure(self, settings: list[ast.keyword]) -> None:
        for setting in settings:
            value = setting.value.value if isinstance(setting.value, ast.Constant) else None
            match setting.arg, value:
                case "extra", "allow" | "forbid" | "ignore":
                    self._found.extra = str(value)
                case "populate_by_name" | "validate_by_name", bool():
                    self._found.by_name = bool(value)
                case name, _ if name not in HARMLESS_CONFIG:
                    self._found.make_opaque()
                case _:
                    pass

    # --- validators and serializers

    def _note_functions(self, statement: ast.stmt) -> None:
        """Note validators and serializers, which may be decorators or values of the class."""
        decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        bare = [decorator for decorator in decorators if not isinstance(decorator, ast.Call)]
        for name, arguments, mode in [
            *((self._name(node), list[ast.expr](), None) for node in bare),
            *((self._name(call.func), call.args, _mode(call)) for call in calls),
        ]:
            own = self._found.own_writing if name in WRITING else self._found.own_reading
            if name in OF_MODELS and mode != "after":
                own.append(ALL)
            elif name in OF_FIELDS and mode != "after" and (mode or name in WRITING):
                own += [str(argument.value) if isinstance(argument, ast.Constant) else ALL for argument in arguments]

    # --- fields

    def _add_field(self, name: str, statement: ast.AnnAssign) -> None:
        annotation = _parsed(statement.annotation)
        outer = annotation
        while isinstance(outer, ast.Subscript) and self._name(outer.value) in {"Final", "Required", "ReadOnly"}:
            outer = _parsed(outer.slice)
        if self._name(outer.value if isinstance(outer, ast.Subscript) else outer) in {"ClassVar", "InitVar", "KW_ONLY"}:
            return
        found = Field([name], name, statement.value is None)
        self._read_annotation(annotation, found)
        if isinstance(outer, ast.Subscript) and self._name(outer.value) == "Annotated" and isinstance(outer.slice, ast.Tuple):
            for item in outer.slice.elts[1:]:
                if isinstance(item, ast.Call) and self._name(item.func) == "Field":
                    self._read_call(item, found, is_default=statement.value is not None)
        if isinstance(statement.value, ast.Call) and self._name(statement.value.func) in {"Field", "field"}:
            self._read_call(statement.value, found, is_default=False)
        elif isinstance(statement.value, ast.Constant) and statement.value.value is Ellipsis:
            found.is_required = True
        self._found.fields[name] = found

    def _read_call(self, call: ast.Call, found: Field, *, is_default: bool) -> None:
        """Read a call of `Field`."""
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        default = call.args[0] if call.args else keywords.get("default")
        is_missing = default is None or (isinstance(default, ast.Constant) and default.value is Ellipsis)
        found.is_required = is_missing and "default_factory" not in keywords and not is_default
        for keyword in ALIASES:
            value = keywords.get(keyword)
            if value is None or (isinstance(value, ast.Constant) and value.value is None):
                continue
            name = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
            if keyword != "serialization_alias":
                found.read = None if name is None else [name]
            if keyword != "validation_alias":
                found.sent = name
        _note_keywords(call, found)
        if not keywords.keys().isdisjoint({None, "exclude", "exclude_if", "init"}):
            found.read = found.sent = None

    def _read_annotation(self, annotation: ast.expr, found: Field) -> None:
        """Look for `Annotated` and for type aliases, which may hide one."""
        annotation = _parsed(annotation)
        if isinstance(annotation, (ast.Name, ast.Attribute)):
            alias = self._find_alias(ast.unparse(annotation))
            if alias is not None and alias.startswith(GOOGLE_TYPES):
                found.is_bounded |= alias.rpartition(".")[2] in BOUNDED
            else:  # it may hide an `Annotated`
                found.is_opaque |= alias is not None
        elif isinstance(annotation, ast.Subscript):
            name = self._name(annotation.value)
            if name == "Literal":
                return
            self._read_annotation(annotation.value, found)
            parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
            for part in parts[:1] if name == "Annotated" else parts:
                self._read_annotation(part, found)
            for item in parts[1:] if name == "Annotated" else ():
                self._read_metadata(item, found)
        elif isinstance(annotation, ast.List):
            for part in annotation.elts:
                self._read_annotation(part, found)
        elif isinstance(annotation, ast.BinOp):
            self._read_annotation(annotation.left, found)
            self._read_annotation(annotation.right, found)

    def _read_metadata(self, item: ast.expr, found: Field) -> None:
        """Read an argument of `Annotated` beside the type."""
        if isinstance(item, ast.Constant):
            return
        name = self._name(item.func if isinstance(item, ast.Call) else item)
        if name == "Field" and isinstance(item, ast.Call):
            _note_keywords(item, found)
        elif name in NARROWING:
            found.is_bounded = True
        else:
            found.is_opaque = True


def _note_keywords(call: ast.Call, found: Field) -> None:
    """Note whether the arguments of a call of `Field` bound a value, or say what the plugin does not know."""
    keywords = {keyword.arg for keyword in call.keywords}
    found.is_bounded |= bool(BOUNDS & keywords)
    found.is_opaque |= bool(keywords - PLAIN - BOUNDS - {*ALIASES})


def _parsed(annotation: ast.expr) -> ast.expr:
    """An annotation without the quotes around it."""
    while isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            break
    return annotation


def _mode(call: ast.Call) -> str | None:
    """The mode of a validator."""
    for keyword in call.keywords:
        if keyword.arg in {"mode", "pre"} and isinstance(keyword.value, ast.Constant):
            match keyword.value.value:
                case True:
                    return "before"
                case False:
                    return "after"
                case mode:
                    return str(mode)
    return None
