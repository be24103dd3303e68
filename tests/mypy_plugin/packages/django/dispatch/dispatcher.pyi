from collections.abc import Callable
from typing import Any, TypeVar

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

class Signal:
    receivers: list[Any]
    def __init__(self, use_caching: bool = False) -> None: ...
    def connect(
        self, receiver: Callable[..., Any], sender: object | None = None, weak: bool = True, dispatch_uid: Any | None = None
    ) -> None: ...
    def disconnect(
        self, receiver: Callable[..., Any] | None = None, sender: object | None = None, dispatch_uid: Any | None = None
    ) -> bool: ...
    def send(self, sender: Any, **named: Any) -> list[tuple[Callable[..., Any], Any]]: ...

def receiver(
    signal: list[Signal] | tuple[Signal, ...] | Signal, *, sender: object | None = ..., weak: bool = ..., **named: Any
) -> Callable[[FunctionT], FunctionT]: ...
