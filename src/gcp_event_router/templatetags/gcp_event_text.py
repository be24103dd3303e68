"""Writes names and docstrings as HTML: `breakable`, `prose` and `summary`, as filters and for Python. All of them escape.

Pages load it with `{% load gcp_event_text %}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from itertools import groupby
from typing import Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register: Final[template.Library] = template.Library()

_BREAK: Final = mark_safe("<wbr>")
#: Behind the separators of names.
_BREAKS: Final = re.compile(r"(?<=[._\-/:@,;=&?|+])(?=[^\s._\-/:@,;=&?|+])")
#: Before a capital within a word that may not fit in a line.
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONG_WORDS: Final = re.compile(r"[^\s\0]{16,}")
#: Stands for a place where a name may be broken.
_MARK: Final = "\0"
#: Code within a text, in one back-tick or in two, with the roles of Sphinx: :class:`~shop.Order`.
_CODE: Final = re.compile(r"(?::[a-z:]+:)?(?<!`)(`{1,2})~?([^`]+)\1(?!`)")
_BULLET: Final = re.compile(r"[-*] +(?=\S)")
#: How many characters of a docstring are shown.
_LONGEST: Final = 4_000


@register.filter
def breakable(text: object) -> SafeString:
    """A name that may be broken behind its separators; in long words also before a capital."""
    marked = _LONG_WORDS.sub(lambda word: _HUMPS.sub(_MARK, word[0]), _BREAKS.sub(_MARK, str(text)))
    return format_html_join(_BREAK, "{}", ((part,) for part in marked.split(_MARK)))


@register.filter
def prose(text: str) -> SafeString:
    """A docstring: paragraphs, lists and indented blocks, without the line breaks and the back-ticks of its source."""
    return format_html_join("", "{}", ((block,) for block in _blocks(cleandoc(text)[:_LONGEST])))


@register.filter
def summary(text: str) -> SafeString:
    """The first paragraph of a docstring, within a line."""
    return _words(cleandoc(text)[:_LONGEST].partition("\n\n")[0].splitlines())


def _blocks(text: str) -> Iterator[SafeString]:
    for is_blank, lines in groupby(text.splitlines(), lambda line: not line.strip()):
        if not is_blank:
            yield from _block([*lines])


def _block(lines: list[str]) -> Iterator[SafeString]:
    """A paragraph, which a list or an indented block may follow at once."""
    end = next((number for number, line in enumerate(lines) if line[0].isspace() or _BULLET.match(line)), len(lines))
    if end:
        yield format_html("<p>{}</p>", _words(lines[:end]))
    rest = lines[end:]
    if rest and rest[0][0].isspace():
        yield format_html("<pre>{}</pre>", cleandoc("\n" + "\n".join(rest)))
    elif rest:
        yield format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((_words(item),) for item in _items(rest))))


def _items(lines: list[str]) -> Iterator[list[str]]:
    """The items of a list, each with the lines that continue it."""
    starts = [number for number, line in enumerate(lines) if _BULLET.match(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield [_BULLET.sub("", lines[start], count=1), *lines[start + 1 : end]]


def _words(lines: list[str]) -> SafeString:
    """Lines as one, with their code as code."""
    parts = _CODE.split(" ".join(line.strip() for line in lines))
    # the text around a match comes first, then its back-ticks, then its code
    texts = zip(parts[::3], [*parts[2::3], ""], strict=True)
    return format_html_join("", "{}{}", ((text, format_html("<code>{}</code>", code) if code else "") for text, code in texts))
