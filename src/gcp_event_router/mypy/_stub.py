"""Adapts the overloads of the stub that `manage.py events stubs` writes."""

from __future__ import annotations

from mypy.plugin import FunctionSigContext, MethodSigContext
from mypy.types import FunctionLike, Instance, UninhabitedType, get_proper_type

from ._call import Project
from ._names import REFUSAL


def accept_strings(project: Project, context: FunctionSigContext | MethodSigContext) -> FunctionLike:
    """Close the overload for unknown kinds: mypy would choose it for any string. The plugin reports unknown kinds itself."""
    signature = context.default_signature
    result = get_proper_type(signature.ret_type)
    inner = [get_proper_type(argument) for argument in result.args] if isinstance(result, Instance) else []  # of a coroutine
    if project.config.kinds and any(isinstance(type_, Instance) and type_.type.fullname == REFUSAL for type_ in (result, *inner)):
        # pyright cannot infer the types of mypy's copy_modified
        return signature.copy_modified(  # pyright: ignore[reportUnknownMemberType]
            arg_types=[UninhabitedType(), *signature.arg_types[1:]]
        )
    return signature
