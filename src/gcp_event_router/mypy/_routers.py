"""The hooks of a router's methods: what they declare, and what they name."""

from __future__ import annotations

from typing import Final

from mypy.nodes import DictExpr, IndexExpr, IntExpr, LambdaExpr, ListExpr, MemberExpr, StrExpr, TupleExpr
from mypy.subtypes import is_same_type
from mypy.types import AnyType, Instance, Type, TypeOfAny, get_proper_type

from ._annotated import call_hides_function
from ._call import Call
from ._codes import EVENT_CONFIG, EVENT_HANDLER, EVENT_KIND
from ._declarations import (
    declare,
    declare_router,
    earlier_declaration,
    is_declared,
    is_first_declaration,
    kinds_of,
    router_name,
    router_of,
)
from ._forms import with_form
from ._google import is_googles
from ._handlers import check_payload_argument, is_keyed
from ._kind_names import check_declared_name, check_glob, check_kind
from ._names import BASE_MODEL, ROUTER
from ._on_call import OnCall
from ._options import check_options
from ._types import is_inferred, text

#: Expressions that are never a type.
_VALUES: Final = (DictExpr, IntExpr, LambdaExpr, ListExpr, TupleExpr)


def new_router(call: Call) -> Type:
    """Note the name of a router."""
    info = get_proper_type(call.type)
    if isinstance(info, Instance) and info.type.has_base(ROUTER):
        declare_router(call)
    return call.type


def kind(call: Call) -> Type:
    """Note a kind."""
    name = call.argument("name")
    if name is None:
        return call.type
    check_declared_name(call, name)
    _check_type(call)
    declared, payload = get_proper_type(with_form(call)), call.argument("payload")
    anything = AnyType(TypeOfAny.special_form)
    if payload is not None and isinstance(declared, Instance) and isinstance(get_proper_type(payload.type), AnyType):
        # it fits every overload, and mypy asks for each of them
        declare(call, Instance(declared.type, [anything]))
        return call.type
    if not isinstance(declared, Instance) or not is_inferred(declared):
        if not is_declared(call):
            declare(call, declared)
        return call.type
    earlier = None if name.literal is None else earlier_declaration(call, name.literal)
    if earlier is not None and earlier.type is not None and not is_same_type(earlier.type, declared):
        call.fail(
            f'The kind "{name.literal}" is already declared as {text(earlier.type)} in {earlier.module}. '
            "A kind has one payload: use that declaration",
            EVENT_KIND,
        )
    _ask_for_setting(call)
    declare(call, Instance(declared.type, [anything]) if call_hides_function(call, declared) else declared)
    return declared


def include(call: Call) -> Type:
    """Note that a router includes another."""
    if call.project.config.kinds:  # without any, no kinds are declared that a prefix could change
        _ask_for_setting(call)
    declare(call, call.type)
    return call.type


def _check_type(call: Call) -> None:
    """Report a payload that is not a type. mypy itself accepts a string for a type, and any value before 1.19."""
    payload = call.argument("payload")
    if payload is None:
        return
    given = get_proper_type(payload.type)
    if isinstance(payload.expression, StrExpr):
        problem = f'"{payload.expression.value}" is a string, and nothing looks up the type that it names. Give the type itself'
    elif isinstance(payload.expression, _VALUES) or (isinstance(given, Instance) and given.type.has_base(BASE_MODEL)):
        problem = (
            f"The payload is given as a value, {text(given)}, and nothing can be read as a value. Give its type, such as a model"
        )
    else:
        return
    call.fail(problem, EVENT_HANDLER, payload.expression)


def _ask_for_setting(call: Call) -> None:
    """Report a module outside of the settings, since modules that do not import it would not know its kinds."""
    module, config = call.tree.fullname, call.project.config
    if module not in config.kinds and router_of(call) and not _is_test(module) and is_first_declaration(call):
        call.fail(
            f'Other modules do not know the kinds that "{module}" declares or includes. '
            f"Add it to kinds in {config.place}: kinds = {', '.join([*config.kinds, module])}",
            EVENT_CONFIG,
        )


def _is_test(module: str) -> bool:
    """Whether a module has a name of tests, which declare kinds for themselves."""
    return any(
        part in {"test", "tests", "conftest"} or part.startswith("test_") or part.endswith("_test") for part in module.split(".")
    )


def on(call: Call) -> Type:
    """Check the globs, and hand them to the decorator, which sees the handler."""
    router = router_of(call)
    check_options(call)
    _check_type(call)
    arguments = call.positional()
    for argument in arguments:
        if argument is not None:
            check_glob(call, argument, router)
    ce_type = call.argument("ce_type")
    google_type = ce_type.literal if ce_type is not None and is_googles(ce_type.literal) else None
    globs = () if ce_type is not None else tuple(None if argument is None else argument.literal for argument in arguments)
    on_call = OnCall(router, globs, google_type)
    if call.argument("payload") is not None:
        decorator = with_form(call)
        check_payload_argument(call, on_call, decorator)
        return decorator
    if is_keyed(call):
        reader = "once_key" if call.argument("once_key") is not None else "order_by"
        check_payload_argument(call, on_call, call.type, reader)
        return call.type
    return on_call.type(call)


def fallback(call: Call) -> Type:
    """Let the decorator check the handler."""
    check_options(call)
    return call.type if call.first_positional() or is_keyed(call) else OnCall().type(call)


def kinds_item(call: Call) -> Type:
    """Check the kind in `router.kinds["order-placed"]`, and return its type."""
    index = call.context.context
    name = call.first()
    if not isinstance(index, IndexExpr) or not isinstance(index.base, MemberExpr) or index.base.name != "kinds" or name is None:
        return call.type
    router = router_name(index.base.expr, call.project)
    check_kind(call, name, router)
    declared = kinds_of(call, router).by_name.get(name.literal or "") if router else None
    return declared.type if declared and declared.type else call.type


def explain(call: Call) -> Type:
    """Check the kind."""
    name = call.argument("kind")
    if name is not None:
        check_kind(call, name, router_of(call))
    return call.type
