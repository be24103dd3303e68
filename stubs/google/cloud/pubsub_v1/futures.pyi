from concurrent import futures
from typing import TypeVar

_T = TypeVar("_T")

class Future(futures.Future[_T]): ...
