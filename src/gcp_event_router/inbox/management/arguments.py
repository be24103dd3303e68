"""Arguments of `manage.py inbox` that say which deliveries are meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ...management.arguments import age, glob, printable
from ...management.subcommands import Argument, argument
from ..selections import Selection

__all__ = ["filters", "selection"]


def filters(states: Collection[str]) -> list[Argument]:
    """The arguments that `selection` reads; `--state` takes some states."""
    return [
        argument("--state", action="append", choices=[str(state) for state in states], help="repeatable"),
        argument("--kind", type=glob, metavar="GLOB", help="such as 'order-*'"),
        argument("--handler", type=glob, metavar="GLOB", help="such as 'shop.handlers.*'"),
        argument("--reference", type=printable, help="in full"),
        argument("--error", type=printable, metavar="TEXT", help="that the error's type or text contains"),
        argument("--older-than", type=age, metavar="AGE", help="such as 90s, 15m, 2h, 7d or 2w"),
        argument("--newer-than", type=age, metavar="AGE", help="as above"),
    ]


def selection(options: Mapping[str, Any], states: Collection[str] = (), *, idle: bool = False) -> Selection:
    """The deliveries that the options name; of some states, unless the options name others."""
    given: dict[str, Any] = {name: options[name] or "" for name in ("kind", "handler", "reference", "error")}
    given |= {name: options[name] for name in ("older_than", "newer_than")}
    return Selection(states=options["state"] or states, idle=idle, **given)
