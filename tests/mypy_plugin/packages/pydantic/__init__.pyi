from .fields import Field as Field
from .main import BaseModel as BaseModel
from .root_model import RootModel as RootModel
from .type_adapter import TypeAdapter as TypeAdapter
