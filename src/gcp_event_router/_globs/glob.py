"""Globs of event kinds, and an index that finds those that match a kind.

`overlaps` and `_boxes.selecting`, which matches globs in SQL, rely on the same grammar.

A glob matches a whole kind, case-sensitively. `*` stands for any text, `?` for one character, `[abc]` and `[a-z]` for one
of those, `[!abc]` for any other; `[*]`, `[?]` and `[[]` stand for the characters themselves.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Final, Generic, TypeAlias, TypeVar

from typing_extensions import override

from ..exceptions import GlobError, RegistrationError

T = TypeVar("T")
#: The order of registration, the glob that remains to be matched (or None), and the value.
_Candidate: TypeAlias = tuple[int, "Glob | None", T]

# Possessive, as in fnmatch: a leading ']' belongs to the sequence and does not close it.
_SEQUENCE: Final = r"\[!?+\]?+[^\]]*\]"
_TOKEN: Final = re.compile(rf"{_SEQUENCE}|.")
_SPECIAL: Final = re.compile(rf"{_SEQUENCE}|[*?]")
#: What to write instead of an empty pattern.
_EXAMPLES: Final = {"kind": "order-placed", "type": "google.cloud.storage.object.v1.*"}


def tokens(pattern: str) -> list[str]:
    """Split a glob into `*`, `?`, sequences such as `[a-z]` or `[!a]`, and literal characters."""
    return _TOKEN.findall(pattern)


def is_literal(token: str) -> bool:
    """Whether a token stands for itself."""
    return len(token) == 1 and token not in {"*", "?"}


class Glob:
    """One pattern, read once. Equal to any other glob of the same text.

    Raises `GlobError` for a pattern that is empty, unclosed, out of order (`[z-a]`) or not printable.
    """

    __slots__ = ("_match", "pattern", "prefix", "suffix")

    def __init__(self, pattern: str, what: str = "") -> None:
        """Read a pattern; `what` names it in errors, if it is not one of kinds."""
        _check(pattern, what)
        texts = _SPECIAL.split(pattern)
        self.pattern: str = pattern
        #: The literal text before the first special token; the whole text if there is none.
        self.prefix: str = texts[0]
        #: The literal text after the last special token; empty if there is none.
        self.suffix: str = texts[-1] if len(texts) > 1 else ""
        self._match: Callable[[str], object] | None = None

    @property
    def is_literal(self) -> bool:
        """Whether the glob is a plain kind, without any special character."""
        return self.prefix == self.pattern

    @property
    def only_text(self) -> str | None:
        """The one text that the glob matches; None if there may be several."""
        parts = tokens(self.pattern)
        has_one = all(is_literal(part) or len(part) == len("[*]") for part in parts)
        return "".join(part[1:2] or part for part in parts) if has_one else None

    def matches(self, kind: str) -> bool:
        """Whether the whole `kind` matches. Linear in its length, thanks to fnmatch's atomic groups."""
        if self._match is None:  # compiling is expensive, and most globs never need it
            self._match = re.compile(fnmatch.translate(self.pattern)).match
        return self._match(kind) is not None

    def prefixed(self, prefix: str) -> Glob:
        """The glob that matches the literal `prefix`, followed by a match of this one."""
        return Glob(escape(prefix) + self.pattern) if prefix else self

    @override
    def __eq__(self, other: object) -> bool:
        return self.pattern == other.pattern if isinstance(other, Glob) else NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self.pattern)

    @override
    def __repr__(self) -> str:
        return f"Glob({self.pattern!r})"

    @override
    def __str__(self) -> str:
        return self.pattern


class GlobIndex(Generic[T]):
    """Finds the values of a kind; built once from `(glob, value)` pairs.

    A look-up takes as long with ten thousand globs as with ten: literals are in a dict, the others in dicts by their literal
    beginning or, if they begin with a star, by their literal ending, and only those that share it are matched.
    """

    __slots__ = ("_literals", "_prefixes", "_suffixes")

    def __init__(self, pairs: Iterable[tuple[Glob, T]]) -> None:
        self._literals: dict[str, list[_Candidate[T]]] = {}
        self._prefixes: dict[int, dict[str, list[_Candidate[T]]]] = {}
        self._suffixes: dict[int, dict[str, list[tuple[int, Glob, T]]]] = {}
        for order, (glob, value) in enumerate(pairs):
            if glob.is_literal:
                self._literals.setdefault(glob.pattern, []).append((order, None, value))
            elif glob.prefix or not glob.suffix:
                # "order-*" needs no match beyond its beginning
                rest = None if glob.pattern == glob.prefix + "*" else glob
                table = self._prefixes.setdefault(len(glob.prefix), {})
                table.setdefault(glob.prefix, []).append((order, rest, value))
            else:
                endings = self._suffixes.setdefault(len(glob.suffix), {})
                endings.setdefault(glob.suffix, []).append((order, glob, value))

    def find(self, kind: str) -> list[T]:
        """The values of all globs that match `kind`, in order."""
        candidates = list(self._literals.get(kind, ()))
        for length, table in self._prefixes.items():
            candidates += [entry for entry in table.get(kind[:length], ()) if entry[1] is None or entry[1].matches(kind)]
        for length, endings in self._suffixes.items():
            candidates += [entry for entry in endings.get(kind[-length:], ()) if entry[1].matches(kind)]
        candidates.sort(key=itemgetter(0))
        return [value for _, _, value in candidates]


def glob_of(pattern: object, noun: str = "kind") -> Glob:
    """Read a glob. Raises `RegistrationError` for anything but a string, and `GlobError` for a malformed one."""
    if not isinstance(pattern, str):
        function = getattr(pattern, "__qualname__", None)
        what = f"the function {function}" if function else f"{pattern!r}, of type {type(pattern).__name__}"
        how = 'Name one: `@events.on("order-placed")`.'
        if callable(getattr(pattern, "on", None)):
            how = "A declared kind registers its handlers itself: `@OrderPlaced.on`."
        if isinstance(pattern, (list, tuple, set, frozenset)):
            how = 'Give each as an argument of its own: `@events.on("order-placed", "order-paid")`.'
        msg = f"A kind or type must be a string, not {what}. {how}"
        raise RegistrationError(msg)
    return Glob(pattern, f"{noun} {pattern!r}")


def check_prefix(prefix: object) -> None:
    """Raise `RegistrationError` for a prefix of kinds that is not a string, and `GlobError` for one that no kind can have."""
    if not isinstance(prefix, str):
        msg = f'prefix={prefix!r} is not a string, and no kind begins with it. Write prefix="order-", or leave it out.'
        raise RegistrationError(msg)
    if prefix:
        Glob(escape(prefix))


def escape(text: str) -> str:
    """The glob that matches exactly `text`."""
    return re.sub(r"[*?\[]", r"[\g<0>]", text)


def _check(pattern: str, what: str) -> None:
    """Raise `GlobError` for a malformed pattern."""
    what = what or f"kind {pattern!r}"
    noun = what.partition(" ")[0]
    if not pattern:
        example = _EXAMPLES.get(noun, "order-*")
        msg = f"The {what} is empty, and no event has an empty {noun}. Write a {noun} such as {example!r}, or '*' for all."
        raise GlobError(msg)
    if not pattern.isprintable():
        why = "and the endpoint answers 404 to such kinds" if noun == "kind" else "so nobody could read it"
        msg = f"The {what} holds a character that cannot be printed, {why}. Write it with printable characters only."
        raise GlobError(msg)
    if "[" in pattern:
        _check_sequences(tokens(pattern), what)


def _check_sequences(parts: list[str], what: str) -> None:
    if "[" in parts:
        msg = (
            f"The {what} opens a '[' that is never closed, so it would match nothing. "
            "Close the sequence, as in '[ab]', or write '[[]' for the character itself."
        )
        raise GlobError(msg)
    for low, high in (pair for part in parts if len(part) > 1 for pair in re.findall("(.)-(.)", part[1:-1].removeprefix("!"))):
        if low > high:
            msg = f"The {what} contains the range '{low}-{high}', which runs backwards and matches nothing. Write '{high}-{low}'."
            raise GlobError(msg)
