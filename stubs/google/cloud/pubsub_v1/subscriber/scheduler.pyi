from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from queue import Queue
from typing import Any

from .message import Message

class Scheduler(metaclass=ABCMeta):
    @property
    @abstractmethod
    def queue(self) -> Queue[Any]: ...
    @abstractmethod
    def schedule(self, callback: Callable[[Message], Any], *args: Any, **kwargs: Any) -> None: ...
    @abstractmethod
    def shutdown(self, await_msg_callbacks: bool = ...) -> list[Message]: ...
