"""What type checkers get wrong about the uses, by checker and cause. Each use is named by the words of its comment."""

from __future__ import annotations

from typing import Final

_PARTIAL: Final = "mypy's plugin for functools.partial forgets what is left to give"
_KEPT: Final = "Kind.on and payload= can only return a Callable, since a bound cannot name the payload of their class"
_LAMBDA: Final = "pyright does not infer a lambda's parameter from the bound of a type variable"
_COVARIANT: Final = "type[Order] is also a type[BaseModel], so the factory may return a handler of any model"
_FROM_BOTH: Final = "a payload is inferred from both arguments at once, and not from the kind or the handler alone"
_STRING: Final = "a string may stand for a type, as in annotations; the library refuses it when it registers the handler"
_UNSOLVED: Final = "a lambda gets Any for a type variable that nothing else solves"
_PYDANTIC: Final = "the constructor of a model or a dataclass of pydantic converts, or ignores, such a value"

_MYPY: Final = {
    _PARTIAL: (
        "payload= and a partial of another",
        "a partial that leaves a parameter open",
        "a partial that has the event",
    ),
    _KEPT: ("a handler of a kind, called by its parameter's name",),
    _FROM_BOTH: (
        "a TypedDict that is pushed",
        "a list of TypedDicts that is pushed",
        "a TypedDict that was handled",
    ),
    _STRING: ("a type's name as a kind's payload", "a type's name as payload="),
    _UNSOLVED: ("a lambda that reads a payload of no known type", "order_by reads a payload of no known type"),
}

_PYRIGHT: Final = {
    _STRING: ("a type's name as a kind's payload", "a type's name as payload="),
    _KEPT: ("a handler of a kind, called by its parameter's name",),
    _LAMBDA: ("a lambda as a middleware", "a lambda that reads an event", "a lambda that reads nothing"),
    _COVARIANT: ("a factory's handler of another payload", "payload= and a factory's handler of another"),
}

EXCEPTIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "mypy": _MYPY,
    "mypy-plugin": {_UNSOLVED: ("a lambda that reads a payload of no known type", "order_by reads a payload of no known type")},
    "mypy-oldest": {
        **_MYPY,
        "mypy before 1.19 does not know TypeForm, so that anything is the form of an unknown type": (
            "the kind of a union",
            "the kind of an optional payload",
            "the kind of an annotated model",
            "the kind of an annotated union",
            "the kind of a literal",
            "the kind of an alias of a literal",
            "a lambda of a union",
            "a function as payload=",
            "a generic handler of another kind",
            "a handler of a part of a kind's union",
            "a handler of another literal",
            "a lambda that reads a part's field",
            "a list as a kind's payload",
            "a list of types as payload=",
            "a literal that a kind lacks",
            "a field that payload= lacks",
            "a literal, and a handler of another",
            "a number as payload=",
            "a payload outside of a kind's union",
            "a payload outside of a union, without a topic",
            "a payload that is published outside of a union",
            "a push outside of a union",
            "a tuple of types as payload=",
            "a union, and a handler of a part",
            "an annotated union, and a handler of a part",
            "an argument of another kind",
            "an instance as a kind's payload",
            "an instance as payload=",
            "an optional payload, and a handler that needs it",
            "order_by reads a field that payload= lacks",
        ),
    },
    "mypy-oldest-plugin": {
        _UNSOLVED: ("a lambda that reads a payload of no known type", "order_by reads a payload of no known type"),
        "mypy before 1.19 takes what it expects for the type of a form that it does not know": (
            "a generic handler of another kind",
            "a field that payload= lacks",
            "order_by reads a field that payload= lacks",
        ),
    },
    "pyright": _PYRIGHT,
    "basedpyright": _PYRIGHT,
    "pyrefly": {
        _UNSOLVED: ("a lambda that reads a payload of no known type", "order_by reads a payload of no known type"),
        _KEPT: ("a handler of a kind, called by its parameter's name",),
        _COVARIANT: ("payload= and a factory's handler of another",),
        _PYDANTIC: ("a size in words", "a history in words", "text as bytes", "text as a message's body"),
        _FROM_BOTH: ("a TypedDict that is pushed", "a TypedDict that was handled"),
        "pyrefly infers a dict that an overload takes without the expected type": (
            "a TypedDict from the context",
            "a TypedDict with parameters",
            "a TypedDict as an argument",
            "a TypedDict that is returned",
        ),
        "pyrefly takes one of the literals for a collection of them": (
            "one state without a list",
            "one state of an outgoing event without a list",
        ),
        "pyrefly does not check the decorators of classes": ("a decorated class",),
        "pyrefly does not solve the variable of a generic function that is decorated": ("a generic function with payload=",),
        "pyrefly does not know the members of an enum with a base of its own by name": ("a member by its name",),
    },
    "ty": {
        _UNSOLVED: ("a lambda that reads a payload of no known type", "order_by reads a payload of no known type"),
        _STRING: ("a type's name as a kind's payload", "a type's name as payload="),
        _KEPT: ("a handler of a kind, called by its parameter's name",),
        _COVARIANT: ("a factory's handler of another payload", "payload= and a factory's handler of another"),
        _PYDANTIC: ("a size in words", "a history in words", "text as bytes", "a number as an action", "an object in JSON"),
        _FROM_BOTH: ("a list of TypedDicts that is pushed",),
        "ty infers a dict without the expected type if two variables are open": ("a TypedDict with parameters",),
        "ty has no rule against missing type arguments or annotations": (
            "a function of a bare event",
            "an event of an unknown payload",
            "a parameter without an annotation",
        ),
        "ty does not report a coroutine that a protocol or an alias returns and nobody awaits": (
            "the rest of an async middleware that nobody awaits",
            "a fixture's push that nobody awaits",
            "the mixin's push that nobody awaits",
        ),
        "ty counts the parameters of such callables wrongly": (
            "an unbound method",
            "a partial that leaves a parameter open",
        ),
    },
}
