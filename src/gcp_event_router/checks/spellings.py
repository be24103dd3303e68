"""Finds kinds, types and attributes that are probably misspelt: they are legal globs, but no real event has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final, TypeAlias

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn

from .. import _check_ids as check_ids
from .._dispatch.handler import Handler
from .._globs.glob import Glob
from .._globs.overlaps import LABELS, example
from ..google.catalogue import types
from ..router import EventRouter

_Language: TypeAlias = tuple[re.Pattern[str], str, str]
#: Signs of another pattern language, the clearest first, with the problem and the advice.
_FOREIGN: Final[tuple[_Language, ...]] = (
    (
        re.compile(r"\\|\||^\^|\$$|\[\^|\(\?|\.\+|\]\+|(?:^|[^\w.*?\])])\.\*|\.\*(?=[\w\-\[(])|\([^)]*\)[*+?]"),
        "looks like a regular expression",
        "These are globs: `*` stands for any text, `?` for one character, `[abc]` for one of those, `[!abc]` for any other.",
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
#: All of Google's types begin with this.
_GOOGLE: Final = "google."
#: Types that share no more than `google.cloud` belong to different services.
_SHARED_DOTS: Final = 2
#: How similar two types must be for one to be suggested for the other.
_ALIKE: Final = 0.9


def check_spellings(router: EventRouter) -> Iterator[CheckMessage]:
    """Warn of kinds and types that look like something else; called by `check_router`."""
    for registration in router:
        handler = registration.handler
        kinds = () if registration.is_fallback else registration.globs
        for glob in kinds if registration.ce_type is None else ():
            yield from _slashed(handler, glob)
        for pattern in [glob.pattern for glob in kinds] + ([registration.ce_type.pattern] if registration.ce_type else []):
            yield from _foreign(f"{handler} is registered for {pattern!r}", pattern, handler.name)
            yield from _unlike_google(f"{handler} is registered for {pattern!r}", pattern, handler.name)
        for name, pattern in registration.attributes.patterns.items():  # a value may hold braces, brackets and white space
            yield from _foreign(f"{handler} is registered for {name}={pattern!r}", pattern, handler.name, _FOREIGN[:1])
    for name, kind in router.kinds.items():
        foreign = [*_foreign(f"{kind!r} is declared", name, name)]
        yield from foreign
        if not foreign and re.search(r"[*?\[]", name):
            yield Warn(
                f"{kind!r} is declared, and a declared kind is a name, in which the signs of globs stand for themselves.",
                hint="Declare each kind by its name; a glob such as 'order-*' belongs in `events.on`.",
                obj=name,
                id=check_ids.KIND_LIKE_A_PATTERN,
            )


def _slashed(handler: Handler, glob: Glob) -> Iterator[CheckMessage]:
    """Warn of a kind with a slash, unless it has a dot, as the type of a CloudEvent should: at /events/ the type is the kind."""
    pattern = glob.pattern
    if "/" in pattern and "." not in pattern and example(glob, LABELS) is None:
        yield Warn(
            f"{handler} is registered for {pattern!r}, but a kind in an event's URL has no slash: only CloudEvents of such a "
            "type match.",
            hint=f"Write {pattern.replace('/', '-')!r}, and send such a kind; or ce_type={pattern!r}, if a type is meant.",
            obj=handler.name,
            id=check_ids.KIND_LIKE_A_PATTERN,
        )


def _foreign(what: str, pattern: str, name: str, languages: Iterable[_Language] = _FOREIGN) -> Iterator[CheckMessage]:
    for expression, problem, advice in languages:
        if expression.search(pattern):
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
    """Google's type that a pattern resembles but does not match; its beginning for a pattern like `"google.….*"`."""
    if not pattern.casefold().startswith(_GOOGLE):
        return None
    literal, star, rest = pattern.partition("*")
    if re.search(r"[?\[]", pattern) or rest:  # too many types may be meant
        return None
    known = types()
    if not star:
        return None if pattern in known else _closest(pattern, known)
    if any(known_type.startswith(literal) for known_type in known):
        return None
    stem = literal.removesuffix(".")
    closest = _closest(stem, {known_type[:at] for known_type in known for at, letter in enumerate(known_type) if letter == "."})
    return None if closest is None else f"{closest}{literal[len(stem) :]}*"


def _closest(text: str, known: frozenset[str] | set[str]) -> str | None:
    """The known text that differs from another in case, in its last part, or in few letters."""
    folded = text.casefold()
    alike = [known_type for known_type in sorted(known) if known_type.casefold() == folded]
    if not alike:
        siblings = [
            known_type
            for known_type in known
            if known_type.rpartition(".")[0] == text.rpartition(".")[0] and known_type.count(".") > _SHARED_DOTS
        ]
        alike = get_close_matches(text, sorted(siblings), 1, 0.6) or get_close_matches(text, sorted(known), 1, _ALIKE)
    return alike[0] if alike else None
