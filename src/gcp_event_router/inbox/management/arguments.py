"""What `manage.py inbox` can be told."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from ..._globs.glob import Glob
from ...exceptions import GlobError
from ...management.arguments import age, django_options, positive
from ..models import State
from ..purge import PURGEABLE
from ..replay import DISCARDED
from ..selections import Selection

__all__ = ["add_actions", "selection"]


def add_actions(parser: CommandParser) -> None:
    """Add the actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=[django_options()])

    listing = action("list", "List deliveries, the newest first.")
    listing.add_argument("--limit", type=positive, default=50, metavar="N", help="at most so many; 50 unless given")
    showing = action("show", "Show all that is known of an event.")
    showing.add_argument("id", type=_text, help="a delivery's number, a message id, or an event's key")
    replaying = action("replay", "Run deliveries again, with their handlers as they are now.")
    replaying.add_argument("--force", action="store_true", help="also those that are done")
    discarding = action("discard", "Give deliveries up.")
    renaming = action("rename", "Move deliveries to the new name of a handler.")
    renaming.add_argument("old", type=_text, metavar="OLD", help="the name that it had")
    renaming.add_argument("new", type=_text, metavar="NEW", help="the name that it has now")
    counting = action("stats", "Count deliveries by their states, with the age of the oldest.")
    text = "exit with 1 if so many deliveries are parked, or more"
    counting.add_argument("--fail-parked", type=positive, metavar="N", help=text)
    counting.add_argument("--fail-age", type=age, metavar="AGE", help="exit with 1 if an open delivery is older, such as 15m")
    purging = action("purge", "Delete events that are finished and old.")
    purging.add_argument("--older-than", type=age, metavar="AGE", help="such as 30d; the setting RETENTION unless given")
    purging.add_argument("--batch", type=positive, default=1000, metavar="N", help="so many a transaction; 1000 unless given")
    text = "events whose deliveries are all in such a state; done and discarded unless given; repeatable"
    purging.add_argument("--state", action="append", choices=sorted(PURGEABLE), help=text)
    purging.add_argument("--kind", type=_glob, metavar="GLOB", help="such as 'order-*'")
    purging.add_argument("--reference", type=_text, help="in full")
    processing = action("process", "Run the deferred deliveries that are due.")
    processing.add_argument("--loop", action="store_true", help="go on until SIGTERM or Ctrl-C")
    text = "how long to wait between two rounds; 5s unless given"
    processing.add_argument("--interval", type=age, default=timedelta(seconds=5), metavar="AGE", help=text)

    for each, states in ((listing, State.values), (replaying, State.values), (discarding, DISCARDED)):
        _add_filters(each, states)
    for each in (replaying, discarding, purging, renaming):
        each.add_argument("--dry-run", action="store_true", help="only say what would be done")
    for each in (listing, showing, replaying, discarding, purging, renaming, processing, counting):
        each.add_argument("--format", choices=("text", "json"), default="text", help="text unless given; json: an object a line")
        each.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")


def selection(options: Mapping[str, Any], states: Collection[str] = (), *, idle: bool = False) -> Selection:
    """The deliveries that the options name; of some states, unless the options name others."""
    return Selection(
        states=options["state"] or states,
        kind=options["kind"] or "",
        handler=options["handler"] or "",
        reference=options["reference"] or "",
        error=options["error"] or "",
        older_than=options["older_than"],
        newer_than=options["newer_than"],
        idle=idle,
    )


def _add_filters(parser: ArgumentParser, states: Collection[str]) -> None:
    filters = parser.add_argument_group("which deliveries")
    filters.add_argument("--state", action="append", choices=[str(each) for each in states], help="repeatable")
    filters.add_argument("--kind", type=_glob, metavar="GLOB", help="such as 'order-*'")
    filters.add_argument("--handler", type=_glob, metavar="GLOB", help="such as 'shop.handlers.*'")
    filters.add_argument("--reference", type=_text, help="in full")
    filters.add_argument("--error", type=_text, metavar="TEXT", help="that the error's type or text contains")
    filters.add_argument("--older-than", type=age, metavar="AGE", help="such as 90s, 15m, 2h, 7d or 2w")
    filters.add_argument("--newer-than", type=age, metavar="AGE", help="as above")


def _glob(text: str) -> str:
    try:
        return Glob(text).pattern
    except GlobError as error:
        raise ArgumentTypeError(str(error)) from error


def _text(text: str) -> str:
    """What may be looked for. An empty text would mean everything, and be the value of a variable that is not set."""
    if not text or not text.isprintable():
        msg = f"{text!r} is empty, or cannot be printed, so nothing is found by it. Write the text itself."
        raise ArgumentTypeError(msg)
    return text
