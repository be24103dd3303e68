"""Replaces what is personal in a decoded payload, by the core schema of its type.

It fails closed: whatever it does not understand, or what is not as the type says, is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from pydantic import TypeAdapter

from ..privacy import MARK, Personal

#: Stands for a value that is not shown.
HIDDEN: Final = "[personal]"
#: Replaces what is personal in a value.
Redactor: TypeAlias = Callable[[Any], Any]

#: Types of core schemas that have another one within, and the member with it.
_WITHIN: Final = {
    "model": "schema",
    "dataclass": "schema",
    "default": "schema",
    "custom-error": "schema",
    "function-before": "schema",
    "function-after": "schema",
    "function-wrap": "schema",
    "json-or-python": "json_schema",
}
_LISTS: Final = frozenset({"list", "set", "frozenset", "generator"})
_FIELDS: Final = frozenset({"model-fields", "typed-dict", "dataclass-args"})
#: Members of core schemas without schemas of values. Their `serialization` may be all that is left of the schema of a value:
#: `PlainValidator` and `SkipValidation` move it there.
_NOT_SCHEMAS: Final = frozenset({"cls", "config", "default", "expected", "function", "metadata"})


def redactor_of(adapter: TypeAdapter[Any]) -> Redactor | None:
    """Return a function that replaces what is personal in a decoded payload of a type; None if nothing of it is."""
    schema: Any = adapter.core_schema
    return _Compiler().compile(_dict_of(schema) or dict(schema))  # the latter of one that is built when it is needed


def hide(_value: object) -> str:
    """Replace a whole value."""
    return HIDDEN


class _Compiler:
    """Makes the redactors of one type."""

    def __init__(self) -> None:
        self._shared: dict[str, dict[str, Any]] = {}
        self._made: dict[str, Redactor] = {}
        #: The fields that their classes declare as personal, by the identity of the schema that lists them.
        self._declared: dict[int, frozenset[str]] = {}

    def compile(self, schema: dict[str, Any]) -> Redactor | None:
        """Return the redactor of a schema; None if nothing of it is marked."""
        self._learn(schema)
        if not self._is_marked(schema, set()):
            return None
        return self._redactor(schema)

    def _learn(self, node: object) -> None:
        """Note the schemas that others refer to."""
        for part in _parts(node):
            if isinstance(ref := part.get("ref"), str):
                self._shared.setdefault(ref, part)
            if names := _personal_fields(part):
                fields = part["schema"]
                while fields["type"] in _WITHIN:
                    fields = fields[_WITHIN[fields["type"]]]
                self._declared[id(fields)] = names
            self._learn(list(_members(part)))

    def _is_marked(self, node: object, seen: set[str]) -> bool:
        """Whether anything of a schema is marked."""
        for part in _parts(node):
            if _has_mark(part) or _personal_fields(part) or id(part) in self._declared:
                return True
            if part.get("type") == "definition-ref":
                ref = part["schema_ref"]
                if ref in seen:
                    continue
                seen.add(ref)
                if ref not in self._shared or self._is_marked(self._shared[ref], seen):
                    return True
            if self._is_marked(list(_members(part)), seen):
                return True
        return False

    def _redactor(self, schema: dict[str, Any]) -> Redactor | None:
        if not self._is_marked(schema, set()):
            return None
        kind = schema["type"]
        if _has_mark(schema) or "root" in _personal_fields(schema):
            return hide
        if kind in _WITHIN:
            return self._redactor(schema[_WITHIN[kind]])
        make: Callable[[], Redactor | None] | None = {
            "definitions": lambda: self._redactor(schema["schema"]),
            "definition-ref": lambda: self._reference(schema["schema_ref"]),
            "nullable": lambda: _unless_null(self._redactor(schema["schema"])),
            "dict": lambda: self._mapping(schema),
            "tuple": lambda: self._tuple(schema),
            "union": lambda: self._union(list(map(_choice, schema["choices"]))),
            "tagged-union": lambda: self._tagged(schema),
            **dict.fromkeys(_LISTS, lambda: _each(self._redactor(schema["items_schema"]))),
            **dict.fromkeys(_FIELDS, lambda: _members_redactor(self._fields(schema))),
        }.get(kind)
        return hide if make is None else make()

    def _reference(self, ref: str) -> Redactor:
        """The redactor of a shared schema, which may refer to itself."""

        def redact(value: Any) -> Any:
            return self._made[ref](value)

        if ref not in self._made:
            self._made[ref] = redact
            self._made[ref] = self._redactor(self._shared[ref]) or hide
        return self._made[ref]

    def _mapping(self, schema: dict[str, Any]) -> Redactor:
        values = schema.get("values_schema")
        redact = None if values is None or self._is_marked(schema.get("keys_schema"), set()) else self._redactor(values)
        if redact is None:
            return hide

        def redact_values(value: Any) -> Any:
            members = _dict_of(value)
            return HIDDEN if members is None else {name: redact(item) for name, item in members.items()}

        return redact_values

    def _tuple(self, schema: dict[str, Any]) -> Redactor:
        items = [self._redactor(item) for item in schema["items_schema"]]
        variadic = schema.get("variadic_item_index")
        if variadic is not None:
            return _each(_all(item for item in items if item is not None))

        def redact(value: Any) -> Any:
            values = _list_of(value)
            if values is None or len(values) != len(items):
                return HIDDEN
            pairs = zip(items, values, strict=True)
            return [item if change is None else change(item) for change, item in pairs]

        return redact

    def _tagged(self, schema: dict[str, Any]) -> Redactor:
        """Choose by the tag; the whole union, if a function chooses."""
        choices, tag = schema["choices"], schema["discriminator"]
        if not isinstance(tag, str):
            return self._union(list(choices.values()))
        redactors = {str(getattr(name, "value", name)): self._redactor(choice) for name, choice in choices.items()}

        def redact(value: Any) -> Any:
            name = str((_dict_of(value) or {}).get(tag))
            if name not in redactors:
                return HIDDEN
            change = redactors[name]
            return value if change is None else change(value)

        return redact

    def _union(self, choices: list[dict[str, Any]]) -> Redactor:
        """Hide what is personal in any of the members; a member of an object may be declared by any of them."""
        names: dict[str, Redactor | None] = {}
        others: list[tuple[type | None, Redactor]] = []
        has_objects = False
        for choice in choices:
            fields = self._object(choice)
            if fields is None:
                change = self._redactor(choice)
                others += [] if change is None else [(_python_type(choice), change)]
                continue
            has_objects = True
            for name, change in self._fields(fields).items():
                names[name] = _all(filter(None, (names.get(name), change)))
        redact_object = _members_redactor(names)

        def redact(value: Any) -> Any:
            changes = [change for kind, change in others if kind is None or isinstance(value, kind)]
            if has_objects and isinstance(value, dict):
                value = redact_object(value)
            elif not changes:
                return HIDDEN
            for change in changes:
                value = change(value)
            return value

        return redact

    def _object(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        """The schema with the fields of a model, a dataclass or a TypedDict that nothing marks as a whole; None for others."""
        while schema["type"] not in _FIELDS:
            if _has_mark(schema) or "root" in _personal_fields(schema):
                return None
            if schema["type"] == "definition-ref":
                schema = self._shared[schema["schema_ref"]]
            elif schema["type"] in _WITHIN:
                schema = schema[_WITHIN[schema["type"]]]
            else:
                return None
        return None if _has_mark(schema) else schema

    def _fields(self, schema: dict[str, Any]) -> dict[str, Redactor | None]:
        """The redactors of the fields, by all names that they may have in JSON."""
        fields: Any = schema["fields"]
        named = _dict_of(fields) or {field["name"]: field for field in fields}
        personal = self._declared.get(id(schema), frozenset[str]())
        found: dict[str, Redactor | None] = {}
        for own, field in named.items():
            change = hide if own in personal else self._redactor(field["schema"])
            for name, is_whole in _names(own, field.get("validation_alias")):
                if is_whole:
                    found[name] = _all(filter(None, (found.get(name), change)))
                elif change is not None:  # a path into a member, which may hold more
                    found[name] = hide
        return found


def _dict_of(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _list_of(value: object) -> list[Any] | None:
    if not isinstance(value, list):
        return None
    items: list[Any] = cast("Any", value)
    return items


def _has_mark(schema: Mapping[str, Any]) -> bool:
    return bool((_dict_of(schema.get("metadata")) or {}).get(MARK))


def _personal_fields(schema: Mapping[str, Any]) -> frozenset[str]:
    """The fields of a class that are declared as personal, whatever schema another annotation has given them."""
    cls: Any = schema.get("cls") if schema.get("type") in ("model", "dataclass") else None  # or a dict of fields with such names
    fields = _dict_of(getattr(cls, "__pydantic_fields__", None) or getattr(cls, "model_fields", None)) or {}  # pydantic 2.9
    return frozenset(name for name, field in fields.items() if any(isinstance(item, Personal) for item in field.metadata))


def _parts(node: object) -> Iterator[dict[str, Any]]:
    """Iterate over the schemas in a schema's member."""
    if isinstance(node, dict):
        yield cast("dict[str, Any]", node)
    elif isinstance(node, (list, tuple)):
        for item in cast("list[object]", node):
            yield from _parts(item)


def _members(node: Mapping[str, Any]) -> Iterator[object]:
    """Iterate over what may be a schema in a schema, or in a dict of schemas by the names of fields."""
    is_schema = isinstance(node.get("type"), str)
    return (member for name, member in node.items() if not (is_schema and name in _NOT_SCHEMAS))


def _names(own: str, alias: object) -> Iterator[tuple[str, bool]]:
    """Iterate over the names that a field may have in JSON, and whether each is its whole path."""
    yield own, True
    if isinstance(alias, str):
        yield alias, True
        return
    paths = _list_of(alias) or []
    for path in [paths] if paths and not isinstance(paths[0], list) else paths:
        if isinstance(path[0], str):
            yield path[0], len(path) == 1


def _choice(choice: Any) -> dict[str, Any]:
    """The schema of a member of a union, which may have a label."""
    return cast("dict[str, Any]", choice[0] if isinstance(choice, tuple) else choice)


def _python_type(schema: Mapping[str, Any]) -> type | None:
    """The type of all valid values in decoded JSON, as far as it matters in a union."""
    if _has_mark(schema):
        return None
    return list if schema["type"] in _LISTS or schema["type"] == "tuple" else {"dict": dict}.get(schema["type"])


def _all(redactors: Iterable[Redactor]) -> Redactor | None:
    """Apply several redactors; None for none."""
    changes = list(redactors)
    if len(changes) < 2:  # noqa: PLR2004 -- none, or one
        return changes[0] if changes else None

    def redact(value: Any) -> Any:
        for change in changes:
            value = change(value)
        return value

    return redact


def _each(change: Redactor | None) -> Redactor:
    if change is None:
        return hide

    def redact(value: Any) -> Any:
        items = _list_of(value)
        return HIDDEN if items is None else [change(item) for item in items]

    return redact


def _unless_null(change: Redactor | None) -> Redactor | None:
    return None if change is None else lambda value: None if value is None else change(value)


def _members_redactor(names: Mapping[str, Redactor | None]) -> Redactor:
    """Redact an object; members that nothing declares are hidden with their names."""

    def redact(value: Any) -> Any:
        members = _dict_of(value)
        if members is None:
            return HIDDEN
        shown = {name: item for name, item in members.items() if name in names}
        for name, item in shown.items():
            change = names[name]
            shown[name] = item if change is None else change(item)
        return shown if len(shown) == len(members) else {**shown, HIDDEN: HIDDEN}

    return redact
