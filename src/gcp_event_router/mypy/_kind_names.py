"""Compares kinds and globs in a project's code with the kinds that it declares."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .._globs.glob import Glob
from ..event import is_label
from ..exceptions import GlobError
from ._call import Argument, Call
from ._codes import EVENT_GLOB, EVENT_KIND
from ._declarations import kinds_of


def check_glob(call: Call, argument: Argument, router: str | None) -> None:
    """Report a glob that is malformed, or that matches no kind of the router."""
    pattern = argument.literal
    if pattern is None:
        return
    try:
        glob = Glob(pattern)
    except GlobError as error:
        call.fail(_without_dot(str(error)), EVENT_GLOB, argument.expression)
        return
    if router is None:
        return
    if glob.only_text is not None:
        check_kind(call, Argument(argument.expression, call.string(glob.only_text)), router)
        return
    call.depend_on_kinds()
    kinds = kinds_of(call, router)
    names = kinds.by_name
    if names and kinds.are_complete and not any(map(glob.matches, names)):
        call.fail(
            f'The glob "{pattern}" matches no declared kind{_suggested(_near(glob, names))}', EVENT_GLOB, argument.expression
        )


def check_kind(call: Call, argument: Argument, router: str | None) -> None:
    """Report a name that no kind of the router has."""
    name = argument.literal
    if name is None or router is None:
        return
    call.depend_on_kinds()
    kinds = kinds_of(call, router)
    if kinds.by_name and kinds.are_complete and name not in kinds.by_name:
        names = sorted(kinds.by_name)
        near = _suggested(difflib.get_close_matches(name, names, n=1) or [longer for longer in names if longer.endswith(name)])
        advice = near or f". Declare it with {router.rpartition('.')[2]}.kind(...) in {_module_of_kinds(call)}"
        call.fail(f'No declared kind is named "{name}"{advice}', EVENT_KIND, argument.expression)


def check_declared_name(call: Call, argument: Argument) -> None:
    """Report a name that no kind can have."""
    name = argument.literal
    if name is None:
        return
    if not is_label(name):
        call.fail(
            f'No event can have the kind "{name}", so nobody can handle it. Give 1 to 255 printable characters, without a slash',
            EVENT_KIND,
            argument.expression,
        )
    elif any(character in name for character in "*?["):
        call.fail(
            f'"{name}" is a glob, and a declaration names one kind. Declare each kind, and use the glob in "on"',
            EVENT_GLOB,
            argument.expression,
        )


def _module_of_kinds(call: Call) -> str:
    return next(iter(call.project.config.kinds), call.tree.fullname)


def _near(glob: Glob, names: Iterable[str]) -> list[str]:
    """The glob with another beginning that matches a kind, if there is one that is written alike."""
    rest = glob.pattern[len(glob.prefix) :]
    beginnings = {name[:length] for name in names for length in range(len(glob.prefix) - 2, len(glob.prefix) + 3) if length > 0}
    alike = difflib.get_close_matches(glob.prefix, sorted(beginnings), n=5)
    patterns = [beginning + rest for beginning in alike]
    return [pattern for pattern in patterns if any(map(Glob(pattern).matches, names))][:1]


def _suggested(near: list[str]) -> str:
    return f'; did you mean "{near[0]}"?' if near else ""


def _without_dot(message: str) -> str:
    return message.removesuffix(".")
