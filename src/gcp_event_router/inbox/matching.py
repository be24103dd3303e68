"""Globs as the database matches them: `Glob.matches`, in a query. Called by `selections` and `purge`.

However many names there are, none of them is written into the query.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Final

from django.db import connections
from django.db.models import BooleanField, Func, Value

from .._globs.glob import Glob

__all__ = ["fits"]

#: For each vendor how it asks, and what makes the whole text count, and its case.
_ASKED: Final = {
    "sqlite": ("REGEXP", r"\A(?s:%s)\Z"),  # which is Python's
    "postgresql": ("~", "^(?:%s)$"),
    "mysql": ("REGEXP", r"(?s-i)\A(?:%s)\z"),
}
#: What would begin the name of a class to some of them, and is a character of a sequence to us. An even number of backslashes
#: before the bracket leaves it a bracket.
_NAMED_CLASS: Final = re.compile(r"(?<!\\)((?:\\\\)*\[\^?)([:.=])")


def fits(alias: str, field: str, glob: Glob) -> Func:
    """The condition that a field, which is text, matches a glob, on whichever database."""
    vendor = connections[alias].vendor
    operator, form = _ASKED[vendor]
    pattern = fnmatch.translate(glob.pattern)[len("(?s:") : -len(r")\Z")]
    if vendor == "postgresql":  # it does not go back and forth, and so has no word for that
        pattern = pattern.replace("(?>", "(?:")
    pattern = _NAMED_CLASS.sub(r"\1\\\2", pattern)
    return Func(field, Value(form % pattern), arg_joiner=f" {operator} ", template="%(expressions)s", output_field=BooleanField())
