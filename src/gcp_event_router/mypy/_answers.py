"""The hook of `Retry` and `Reject`, which have an effect only if a handler raises them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mypy.nodes import Block, Decorator, ExpressionStmt, FuncDef, Statement
from mypy.types import Type, get_proper_type

from ._call import Call
from ._codes import EVENT_HANDLER
from ._handlers import event_of
from ._types import text


def answer(call: Call) -> Type:
    """Report an answer that is a whole statement of a handler."""
    for function in _within(call.tree.defs):
        definition = function.func if isinstance(function, Decorator) else function
        if isinstance(definition, FuncDef) and definition.type is not None and event_of(get_proper_type(definition.type)):
            statements = _within(definition.body.body)
            if any(isinstance(statement, ExpressionStmt) and statement.expr is call.context.context for statement in statements):
                name = text(call.type)
                call.fail(f"{name} has no effect unless the handler raises it. Write: raise {name}(...)", EVENT_HANDLER)
    return call.type


def _within(statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements, and those within them."""
    for statement in statements:
        yield statement
        for block in _blocks(statement):
            yield from _within(block.body)


def _blocks(statement: Statement) -> Iterator[Block]:
    """The blocks of a statement; each kind of statement has its own names for them."""
    names = ("func", "defs", "body", "bodies", "handlers", "else_body", "finally_body")
    for part in (getattr(statement, name, None) for name in names):
        parts: list[object] = [*part] if isinstance(part, list) else [part]
        yield from (block.body if isinstance(block, FuncDef) else block for block in parts if isinstance(block, (Block, FuncDef)))
