"""What is personal in a payload is hidden, however its type is written; and nothing else of it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import make_dataclass
from itertools import count
from typing import Annotated, Any, Literal, NamedTuple, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    RootModel,
    SkipValidation,
    Tag,
    TypeAdapter,
    create_model,
    field_validator,
)
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypeAliasType, TypedDict

from gcp_event_router._schema.personal import HIDDEN, redactor_of
from gcp_event_router.privacy import Personal

SECRET = "ada@example.org"
Secret = Annotated[str, Personal()]
_numbers = count()


def redacted(declared: Any, value: Any) -> Any:
    """A value as it is shown; validated before, as a payload is."""
    adapter = TypeAdapter[Any](declared)
    adapter.validate_json(json.dumps(value))
    redact = redactor_of(adapter)
    return value if redact is None else redact(value)


@pytest.mark.parametrize("declared", [Annotated[str, Personal], Personal])
def test_a_mark_without_parentheses_is_refused(declared: Any) -> None:
    """It would mark nothing, so it is refused where the type is declared."""
    with pytest.raises(TypeError) as raised:
        create_model("Customer", email=(declared, ...))

    assert str(raised.value) == "Personal marks nothing without parentheses. Write Annotated[str, Personal()]."


class Sample(NamedTuple):
    """A type, a value of it, and the value as it is shown."""

    declared: Any
    value: Any
    shown: Any


def name_of_type() -> str:
    """The name of a new type."""
    return f"T{next(_numbers)}"


def tagged(inner: Sample) -> Sample:
    """A union of two models, of which the first has another type within."""
    create: Any = create_model
    first = create(name_of_type(), t=(Literal["a"], ...), v=(inner.declared, ...))
    second = create(name_of_type(), t=(Literal["b"], ...), note=(str, ...))
    union: Any = Annotated[first | second, Field(discriminator="t")]
    other = {"t": "b", "note": "x"}
    return Sample(list[union], [{"t": "a", "v": inner.value}, other], [{"t": "a", "v": inner.shown}, other])


def aliased(inner: Sample) -> Sample:
    """A model whose field has other names in JSON."""
    model = create_model(name_of_type(), a=(inner.declared, Field(validation_alias=AliasChoices("x", "y"))))
    return Sample(model, {"y": inner.value}, {"y": inner.shown})


def of_fields(make: Callable[[Any], Any]) -> Callable[[Sample], Sample]:
    """A type with a field."""
    return lambda inner: Sample(make(inner.declared), {"a": inner.value}, {"a": inner.shown})


def transparent(make: Callable[[Any], Any]) -> Callable[[Sample], Sample]:
    """A type whose values are those of another one."""
    return lambda inner: Sample(make(inner.declared), inner.value, inner.shown)


#: Forms of types, which checkers know only in annotations.
_list: Any = list
_dict: Any = dict
_tuple: Any = tuple
_optional: Any = Optional
_annotated: Any = Annotated
_typed_dict: Any = TypedDict
_alias: Any = TypeAliasType
_root: Any = RootModel
#: Types that have another one within.
WRAPS: Mapping[str, Callable[[Sample], Sample]] = {
    "list": lambda inner: Sample(_list[inner.declared], [inner.value] * 2, [inner.shown] * 2),
    "lists": lambda inner: Sample(_list[_list[inner.declared]], [[inner.value], []], [[inner.shown], []]),
    "dict": lambda inner: Sample(_dict[str, inner.declared], {"key": inner.value}, {"key": inner.shown}),
    "none": lambda inner: Sample(_list[_optional[inner.declared]], [None], [None]),
    "tuple": lambda inner: Sample(_tuple[int, inner.declared], [1, inner.value], [1, inner.shown]),
    "variadic": lambda inner: Sample(_tuple[inner.declared, ...], [inner.value], [inner.shown]),
    "optional": transparent(lambda declared: _optional[declared]),
    "root model": transparent(lambda declared: _root[declared]),
    "type alias": transparent(lambda declared: _alias(name_of_type(), declared)),
    "before": transparent(lambda declared: _annotated[declared, BeforeValidator(lambda value: value)]),
    "model": of_fields(lambda declared: create_model(name_of_type(), a=(declared, ...))),
    "typed dict": of_fields(lambda declared: _typed_dict(name_of_type(), {"a": declared})),
    "dataclass": of_fields(lambda declared: make_dataclass(name_of_type(), [("a", declared)])),
    "alias": aliased,
    "tagged": tagged,
    "personal": lambda inner: Sample(_annotated[inner.declared, Personal()], inner.value, HIDDEN),
}
LEAVES = st.sampled_from([Sample(str, "plain", "plain"), Sample(int, 5, 5), Sample(Secret, SECRET, HIDDEN)])


@given(LEAVES, st.lists(st.sampled_from(sorted(WRAPS)), max_size=5))
def test_what_is_personal_is_hidden_and_nothing_else(leaf: Sample, wraps: list[str]) -> None:
    """At any depth, in types of every form."""
    sample = leaf
    for how in wraps:
        sample = WRAPS[how](sample)

    assert redacted(sample.declared, sample.value) == sample.shown


class Customer(BaseModel):
    id: int
    email: Secret
    referrer: Customer | None = None


class Anonymous(BaseModel):
    session: str


class Constrained(BaseModel):
    first: Secret = Field(min_length=3)
    second: Annotated[str, Personal(), Field(min_length=3)]
    plain: Annotated[str, Personal(), PlainValidator(str)]
    skipped: SkipJsonSchema[Secret]


class Paths(BaseModel):
    email: Secret = Field(validation_alias=AliasPath("contact", "emails", 0))
    contact: dict[str, Any] = {}


class Named(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    email: Secret = Field(alias="mail")


class Plain(BaseModel):
    """Whose only personal fields have a validator that replaces all else."""

    email: Secret
    friends: list[Secret] = []

    @field_validator("email", "friends", mode="plain")
    @classmethod
    def accept(cls, value: object) -> object:
        return value


class PlainFields(TypedDict, total=False):
    email: Annotated[str, Personal(), PlainValidator(str)]
    skipped: Annotated[list[Secret], SkipValidation]
    id: int


class Fields(BaseModel):
    """Whose fields have the names of members of pydantic's schemas."""

    metadata: Secret
    default: Secret
    type: Secret
    config: Secret
    cls: Secret


def _tag(value: Any) -> str:
    return "customer" if "id" in value else "anonymous"


ByFunction = Annotated[
    Annotated[Customer, Tag("customer")] | Annotated[Anonymous, Tag("anonymous")],
    Discriminator(_tag),
]
ADA = {"id": 1, "email": SECRET}
SHOWN = {"id": 1, "email": HIDDEN}


@pytest.mark.parametrize(
    ("declared", "value", "shown"),
    [
        (Customer, {**ADA, "referrer": {**ADA, "referrer": None}}, {**SHOWN, "referrer": {**SHOWN, "referrer": None}}),
        (Customer, {**ADA, SECRET: SECRET}, {**SHOWN, HIDDEN: HIDDEN}),
        (Annotated[Customer, Personal()], ADA, HIDDEN),
        (tuple[Annotated[Customer, Personal()], Customer], [ADA, ADA], [HIDDEN, SHOWN]),
        (Customer | Anonymous, {"session": "x"}, {"session": "x"}),
        (Customer | Anonymous, ADA, SHOWN),
        (list[Customer] | Customer, [ADA], [SHOWN]),
        (list[Customer] | Customer, ADA, SHOWN),
        (dict[str, Secret] | list[Secret], [SECRET], [HIDDEN]),
        (Customer | str, SECRET, HIDDEN),
        (ByFunction, ADA, SHOWN),
        (ByFunction, {"session": "x"}, {"session": "x"}),
        (dict[Secret, int], {SECRET: 1}, HIDDEN),
        (Sequence[Secret], [SECRET], [HIDDEN]),
        (set[Secret], [SECRET], [HIDDEN]),
        (Annotated[bytes, Personal()], SECRET, HIDDEN),
        (
            Constrained,
            dict.fromkeys(Constrained.model_fields, SECRET),
            dict.fromkeys(Constrained.model_fields, HIDDEN),
        ),
        (Paths, {"contact": {"emails": [SECRET]}}, {"contact": HIDDEN}),
        (Named, {"email": SECRET}, {"email": HIDDEN}),
        (Named, {"mail": SECRET}, {"mail": HIDDEN}),
        (Plain, {"email": SECRET}, {"email": HIDDEN}),
        (Plain, {"email": SECRET, "friends": [SECRET]}, {"email": HIDDEN, "friends": HIDDEN}),
        (PlainFields, {"email": SECRET, "skipped": [SECRET], "id": 1}, {"email": HIDDEN, "skipped": HIDDEN, "id": 1}),
        (list[Annotated[Secret, PlainValidator(str)]], [SECRET], [HIDDEN]),
        (Annotated[Secret, SkipValidation], SECRET, HIDDEN),
        (Fields, dict.fromkeys(Fields.model_fields, SECRET), dict.fromkeys(Fields.model_fields, HIDDEN)),
    ],
)
def test_special_forms(declared: Any, value: Any, shown: Any) -> None:
    """Recursion, unions, aliases, other annotations, and members that nothing declares."""
    assert redacted(declared, value) == shown


class Only(BaseModel):
    email: Secret
    more: list[Secret]
    inner: dict[str, Secret]
    other: Only | None


NAMES = st.sampled_from([*Only.model_fields, "contact"])
JSON = st.recursive(st.just(SECRET), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
PERSONAL = (Only, list[Only], dict[str, Secret], tuple[Secret, ...], tuple[Secret, Only], Only | list[Secret], Paths)


@given(st.sampled_from(PERSONAL), JSON)
def test_a_value_of_another_form_is_hidden(declared: Any, value: Any) -> None:
    """Whatever is where the type has something else, as a validator of the project may accept it."""
    redact = redactor_of(TypeAdapter(declared))
    assert redact is not None

    assert SECRET not in json.dumps(redact(value))


def test_a_type_without_personal_fields_has_no_redactor() -> None:
    """Its payloads are shown as they are."""
    assert [redactor_of(TypeAdapter(each)) for each in (str, Anonymous, list[Anonymous], dict[str, Any])] == [None] * 4


def test_json_schemas_have_the_mark() -> None:
    """Documents for senders say which fields are personal."""
    properties = Constrained.model_json_schema()["properties"]

    assert {name: found.get("x-personal") for name, found in properties.items()} == {"first": True, "second": True, "plain": True}
    assert properties["first"]["minLength"] == properties["second"]["minLength"] == 3
