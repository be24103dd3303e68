from typing import Any, Generic, TypeVar

T = TypeVar("T")

class TypeAdapter(Generic[T]):
    def __init__(self, type: type[T] | Any) -> None: ...
    def validate_python(self, value: object, /) -> T: ...
