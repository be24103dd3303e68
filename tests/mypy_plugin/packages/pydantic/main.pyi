from typing import Any, ClassVar, dataclass_transform

from .fields import Field

@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
class ModelMetaclass(type): ...

class BaseModel(metaclass=ModelMetaclass):
    model_config: ClassVar[dict[str, Any]]
    def __init__(self, /, **data: Any) -> None: ...
