"""Parses arguments that several commands share."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, NoReturn

from django.core.management.base import CommandError

from .._globs.glob import Glob
from ..event import LABEL_LENGTH, is_label
from ..exceptions import GlobError
from ..router import events
from .subcommands import argument

_AGE: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST: Final = 36500 * 86400
_MAX_DIGITS: Final = 12
#: How similar a kind must be to one that is suggested: nobody who writes `other` means `order-*`.
_ALIKE: Final = 0.7


def refuse(message: str) -> NoReturn:
    """Raise `CommandError` for wrong arguments."""
    raise CommandError(message, returncode=2)


def age(text: str) -> timedelta:
    """Parse an age such as `90s` or `2h`, of at most 36500 days."""
    match = _AGE.fullmatch(text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST:
        msg = f"{text!r} is not an age. Write a number and a unit, such as 90s, 15m, 2h, 7d or 2w; at most 36500d."
        raise ArgumentTypeError(msg)
    return timedelta(seconds=seconds)


def positive(text: str) -> int:
    """Parse a positive number of at most twelve digits."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else 0
    if number < 1:
        msg = f"{text!r} is not a positive whole number of at most {_MAX_DIGITS} digits. Write 1 or more."
        raise ArgumentTypeError(msg)
    return number


def label(text: str) -> str:
    """Accept a kind or a reference that can be part of an event's URL."""
    if not is_label(text):
        msg = f"{text!r} cannot be part of an event's URL. Write 1 to {LABEL_LENGTH} printable characters without a slash."
        raise ArgumentTypeError(msg)
    return text


def glob(text: str) -> str:
    """Accept a glob, as for `events.on`."""
    if not text:
        msg = "The glob '' is empty, so it matches nothing. Write one such as 'order-*', or leave the option out."
        raise ArgumentTypeError(msg)
    try:
        return Glob(text, f"glob {text!r}").pattern
    except GlobError as error:
        raise ArgumentTypeError(str(error)) from error


def printable(text: str) -> str:
    """Accept printable text. An empty one, as from an unset variable, would match everything in a search."""
    if not text or not text.isprintable():
        msg = f"{text!r} must be one or more printable characters."
        raise ArgumentTypeError(msg)
    return text


def kind_and_type(text: str, ce_type: str | None) -> tuple[str, str | None]:
    """Find the kind and the CloudEvents type that `KIND` and `--ce-type` mean. Raises `CommandError`.

    KIND may also be a type, whose events at `/events/` have it as their kind. It is one if no URL can contain it; or if a
    handler is registered for the type, and none for such a kind.
    """
    if is_label(text):
        return text, text if ce_type is None and _is_type(text) else ce_type
    if ce_type not in {None, text}:
        refuse(
            f"{text!r} cannot be part of an event's URL, so it must be the type of a CloudEvent, but --ce-type is another type. "
            "Omit --ce-type, or write a kind of at most 255 characters without a slash."
        )
    return text, text


def _is_type(text: str) -> bool:
    registrations = tuple(events)
    kinds = (glob for one in registrations if one.ce_type is None and not one.is_fallback for glob in one.globs)
    return any(one.ce_type is not None and one.ce_type.matches(text) for one in registrations) and not any(
        glob.pattern != "*" and glob.matches(text) for glob in kinds
    )


def pair(text: str) -> tuple[str, str]:
    """Parse `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        msg = f"{text!r} has no name or no '='. Write NAME=VALUE."
        raise ArgumentTypeError(msg)
    return name, value


#: The options of an argument that may be repeated.
REPEATABLE: Final[Mapping[str, Any]] = {"action": "append", "default": []}
#: Passes pairs as `attribute`.
ATTRIBUTE: Final = argument(
    "--attribute",
    type=pair,
    **REPEATABLE,
    metavar="NAME=VALUE",
    help="an attribute of the Pub/Sub message or of the CloudEvent; repeatable",
)


def similar_kind(kind: str) -> str:
    """Ask for what an unhandled kind may lack: the attributes that its handlers want, or the name of a registered kind.

    Such as `"Did you mean 'order-placed'? "`; or "".
    """
    wanted = [one.attributes for one in events if one.attributes and one.matching(kind)]
    if wanted:
        return f"Its handlers want attributes, such as {wanted[0].words}: give --attribute NAME=VALUE. "
    kinds = {glob.pattern for registration in events for glob in registration.globs} | events.kinds.keys()
    matches = get_close_matches(kind, kinds - {kind}, 1, _ALIKE)  # a kind may be declared without a handler
    return f"Did you mean {matches[0]!r}? " if matches else ""
