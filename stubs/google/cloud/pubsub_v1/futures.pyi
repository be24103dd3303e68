from concurrent import futures
from typing import TypeVar

T = TypeVar("T")

class Future(futures.Future[T]): ...
