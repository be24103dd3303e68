"""Types of arguments that several commands read."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.core.management.base import CommandError

from .._globs.glob import Glob
from ..event import LABEL_LENGTH, is_label
from ..exceptions import GlobError
from ..router import events

_AGE: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST: Final = timedelta(days=36500)
_MOST: Final = 1_000_000
_LARGEST: Final = 1 << 40


def age(text: str) -> timedelta:
    """A length of time, such as `90s` or `2h`; at most 36500 days."""
    match = _AGE.fullmatch(text)
    found = match and timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    if not found or found > _LONGEST:
        msg = f"{text!r} is not an age. Write a number and a unit, such as 90s, 15m, 2h, 7d or 2w; at most 36500d."
        raise ArgumentTypeError(msg)
    return found


def positive(text: str) -> int:
    """A number from 1 to a million."""
    return _number(text, _MOST)


def size(text: str) -> int:
    """A number of bytes, at most a TiB."""
    return _number(text, _LARGEST)


def label(text: str) -> str:
    """A kind or a reference in full, as it could stand in the URL of an event."""
    if not is_label(text):
        msg = f"{text!r} cannot be in an event's URL. Write 1 to {LABEL_LENGTH} printable characters, without a slash."
        raise ArgumentTypeError(msg)
    return text


def glob(text: str) -> str:
    """A glob, as handlers are registered with."""
    try:
        return Glob(text).pattern
    except GlobError as error:
        raise ArgumentTypeError(str(error)) from error


def _text(what: str) -> Callable[[str], str]:
    """A text of any length. An empty one would be the value of a variable that is not set, and mean everything in a search."""

    def read(text: str) -> str:
        if not text or not text.isprintable():
            msg = f"{text!r} cannot be {what}. Write printable characters, and at least one."
            raise ArgumentTypeError(msg)
        return text

    return read


#: Kinds, types and subjects may hold slashes.
kind_or_type: Final = _text("a kind or a CloudEvents type")
subject: Final = _text("a reference or a CloudEvent's subject")
search_text: Final = _text("searched for")


def named(text: str, ce_type: str | None) -> tuple[str, str | None]:
    """The kind and the type of the events that a `KIND` on the command line means, beside `--ce-type`.

    `events list` shows types, too, so a type may stand for a kind: an event of that type at `/events/` has it as its kind.
    It does so where no URL can hold it; and where a handler is registered for the type, and no other one for a kind of that
    name. Raises `CommandError`.
    """
    if is_label(text):
        return text, text if ce_type is None and _is_type(text) else ce_type
    if ce_type not in {None, text}:
        msg = (
            f"{text!r} cannot be in an event's URL, so it can only be the type of a CloudEvent, and --ce-type names another one. "
            "Leave --ce-type out, or write a kind of at most 255 characters, without a slash."
        )
        raise CommandError(msg, returncode=2)
    return text, text


def _is_type(text: str) -> bool:
    registrations = tuple(events)
    if not any(each.ce_type is not None and each.ce_type.matches(text) for each in registrations):
        return False
    as_kind = (glob for each in registrations if each.ce_type is None and not each.is_fallback for glob in each.globs)
    return not any(glob.pattern != "*" and glob.matches(text) for glob in as_kind)


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 0 < int(text) <= most):
        msg = f"{text!r} is not a number from 1 to {most}."
        raise ArgumentTypeError(msg)
    return int(text)
