from typing import Generic, TypeVar

from .main import BaseModel

RootT = TypeVar("RootT")

class RootModel(BaseModel, Generic[RootT]):
    root: RootT
