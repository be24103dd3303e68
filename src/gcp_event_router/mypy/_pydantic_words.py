"""The words of pydantic that decide what a class reads and writes, for `_class_source`."""

from __future__ import annotations

from typing import Final

#: The keywords of `Field` that neither rename a field nor change what it reads.
PLAIN: Final = frozenset(
    "alias_priority default default_factory deprecated description discriminator examples field_title_generator frozen "  # noqa: SIM905 -- a list of words
    "json_schema_extra kw_only repr strict title union_mode validate_default".split()
)
ALIASES: Final = ("alias", "validation_alias", "serialization_alias")
#: The keywords that accept fewer values than the type.
BOUNDS: Final = frozenset(
    "allow_inf_nan decimal_places ge gt le lt max_digits max_length min_length multiple_of pattern".split()  # noqa: SIM905 -- as above
)
#: What may stand in `Annotated` beside the type without reading more than the type.
NARROWING: Final = frozenset(
    "AfterValidator Discriminator Doc Ge Gt Interval Le Len Lt MaxLen MinLen MultipleOf Strict StringConstraints Tag".split()  # noqa: SIM905 -- as above
)
#: Those of Google's types that may refuse a value which their plain type reads.
BOUNDED: Final = frozenset({"Double", "Int32", "Int64", "UInt32", "UInt64"})
#: The settings of a model that change nothing about the JSON that it reads and writes.
HARMLESS_CONFIG: Final = frozenset(
    "arbitrary_types_allowed defer_build from_attributes frozen hide_input_in_errors json_schema_extra loc_by_alias "  # noqa: SIM905 -- as above
    "protected_namespaces revalidate_instances str_max_length str_min_length str_strip_whitespace str_to_lower str_to_upper "
    "strict title use_attribute_docstrings use_enum_values validate_assignment validate_default".split()
)
#: Methods by which a class reads itself, or writes itself, too.
OWN_METHODS: Final = frozenset({"__init__", "__new__", "__get_pydantic_core_schema__", "__get_validators__"})
OF_FIELDS: Final = frozenset({"field_validator", "validator", "field_serializer"})
OF_MODELS: Final = frozenset({"model_validator", "root_validator", "model_serializer", "computed_field"})
WRITING: Final = frozenset({"field_serializer", "model_serializer", "computed_field"})
