"""How a stub writes a type: as code that another module can import."""

from __future__ import annotations

import enum
import sys
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from typing_extensions import TypeAliasType

_UNIONS: Final = (Union, UnionType)


class TypeSource:
    """Writes types as code, and notes which modules the code needs, and which types it cannot name.

    A type that no module can import, such as a class within a function, becomes `Any`.
    """

    def __init__(self) -> None:
        self.modules: set[str] = set()
        #: The types that became `Any`.
        self.unnamed: set[str] = set()

    def of(self, declared: Any, any_text: str = "Any") -> str:
        """Write a type, and `Any` as another text."""
        if declared is Any:
            return any_text
        if declared is None or declared is NoneType:
            return "None"
        if declared is ...:
            return "..."
        if declared == ():  # of tuple[()]
            return "()"
        origin, arguments = get_origin(declared), get_args(declared)
        generic = getattr(declared, "__pydantic_generic_metadata__", None)
        if generic and generic["origin"] is not None:  # pydantic's models are classes of their own for each argument
            origin, arguments = generic["origin"], generic["args"]
        if origin is Annotated:
            return self.of(arguments[0], any_text)
        if origin in _UNIONS:
            return " | ".join(dict.fromkeys(self.of(argument, any_text) for argument in arguments))
        if origin is Literal:
            return f"Literal[{', '.join(map(self._value, arguments))}]"
        if origin is not None:
            inner = ", ".join(self.of(argument, any_text) for argument in arguments)
            return f"{self._name(origin)}[{inner or '()'}]"
        return self._name(declared)

    def _value(self, value: object) -> str:
        """A value within `Literal`."""
        return f"{self._name(type(value))}.{value.name}" if isinstance(value, enum.Enum) else repr(value)

    def _name(self, declared: Any) -> str:
        """The name of a class or an alias in the module that has it."""
        if isinstance(declared, TypeAliasType) or hasattr(declared, "__supertype__") or isinstance(declared, type):
            name: str = getattr(declared, "__qualname__", declared.__name__)
            home = str(declared.__module__)
            if home == "builtins":
                return name
            for module in _homes(home):
                if _found(module, name) is declared:
                    self.modules.add(module)
                    return f"{module}.{name}"
            self.unnamed.add(f"{home}.{name}")
        else:
            self.unnamed.add(type(declared).__name__)
        return "Any"


def _homes(module: str) -> list[str]:
    """A module, but first the public package around it that may export its names."""
    parts = module.split(".")
    private = next((place for place, part in enumerate(parts) if part.startswith("_")), 0)
    return [".".join(parts[:private]), module] if private else [module]


def _found(module: str, name: str) -> object:
    """What a name stands for in a module that others can import."""
    found: object = None if module == "__main__" else sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
