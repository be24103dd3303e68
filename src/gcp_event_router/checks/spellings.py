"""Kinds and types that are probably misspelt: they are legal globs, but no event that is really sent has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn

from .. import _check_ids as check_ids
from ..google.catalogue import types
from ..router import EventRouter

#: What a pattern holds that means something elsewhere and only itself in a glob, the most telling first; and what to write.
_FOREIGN: Final = (
    (
        re.compile(r"\\|\||^\^|\$$|\[\^|\(\?|\.\+|\]\+|(?:^|[^\w.*?\])])\.\*|\.\*(?=[\w\-\[(])|\([^)]*\)[*+?]"),
        "looks like a regular expression",
        "Kinds are globs: `*` stands for any text, `?` for one character, `[abc]` for one of those, `[!abc]` for any other.",
    ),
    (
        re.compile(r"[{}]"),
        "holds braces, which stand for themselves in a glob",
        'Name each kind: events.on("order-placed", "order-paid"); or write `*` where any text may stand.',
    ),
    (
        re.compile(r"<[^>]*>"),
        "holds a part in angle brackets, as in a URL pattern, which stands for itself in a glob",
        "Write `*` where any text may stand.",
    ),
    (
        re.compile(r"\s"),
        "holds white space, which hardly any kind has",
        "Remove the white space; give several kinds as several arguments.",
    ),
)
#: Google's types and the beginnings that they share begin with this.
_GOOGLE: Final = "google."
#: How alike two types have to be for one to be taken for the other.
_ALIKE: Final = 0.9


def check_spellings(router: EventRouter) -> Iterator[CheckMessage]:
    """Warn of kinds and types that look like something else; called by `check_router`."""
    for registration in router:
        handler = registration.handler
        kinds = () if registration.is_fallback else registration.globs
        for pattern in [glob.pattern for glob in kinds] + ([registration.ce_type.pattern] if registration.ce_type else []):
            yield from _foreign(f"{handler} is registered for {pattern!r}", pattern, handler.name)
            yield from _unlike_google(f"{handler} is registered for {pattern!r}", pattern, handler.name)
    for name, kind in router.kinds.items():
        yield from _foreign(f"{kind!r} is declared", name, name)


def _foreign(what: str, pattern: str, name: str) -> Iterator[CheckMessage]:
    for found, problem, advice in _FOREIGN:
        if found.search(pattern):
            yield Warn(f"{what}, which {problem}.", hint=advice, obj=name, id=check_ids.KIND_LIKE_A_PATTERN)
            return


def _unlike_google(what: str, pattern: str, name: str) -> Iterator[CheckMessage]:
    meant = _meant(pattern)
    if meant is not None:
        yield Warn(
            f"{what}, which Google does not send, though it resembles {meant!r}.",
            hint=f"Write {meant!r}; or silence this check, if Google has begun to send it.",
            obj=name,
            id=check_ids.TYPE_LIKE_GOOGLES,
        )


def _meant(pattern: str) -> str | None:
    """The type of Google's that a pattern resembles, and does not match; or its beginning, for a pattern like `"google.….*"`."""
    if not pattern.casefold().startswith(_GOOGLE):
        return None
    literal, star, rest = pattern.partition("*")
    if re.search(r"[?\[]", pattern) or rest:  # too many types may be meant
        return None
    known = types()
    if not star:
        return None if pattern in known else _closest(pattern, known)
    if any(each.startswith(literal) for each in known):
        return None
    stem = literal.removesuffix(".")
    closest = _closest(stem, {each[:at] for each in known for at, letter in enumerate(each) if letter == "."})
    return None if closest is None else f"{closest}{literal[len(stem) :]}*"


def _closest(text: str, known: frozenset[str] | set[str]) -> str | None:
    """The known text that differs from another in case, in the last of its parts, or in few letters."""
    folded = text.casefold()
    alike = [each for each in sorted(known) if each.casefold() == folded]
    if not alike:
        siblings = [each for each in known if each.rpartition(".")[0] == text.rpartition(".")[0] and each.count(".") > 2]  # noqa: PLR2004 -- more than `google.cloud`
        alike = get_close_matches(text, sorted(siblings), 1, 0.6) or get_close_matches(text, sorted(known), 1, _ALIKE)
    return alike[0] if alike else None
