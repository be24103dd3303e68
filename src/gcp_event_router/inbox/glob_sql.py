"""Translates globs into conditions of the database, so that a query matches as `Glob.matches` does.

The query contains the pattern only, however many names match.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Final

from django.db import connections
from django.db.models import BooleanField, Func, Value

from .._globs.glob import Glob

#: For each vendor its operator, and a pattern that matches the whole text and its case.
_OPERATORS: Final = {
    "sqlite": ("REGEXP", r"\A(?s:%s)\Z"),  # Python's own
    "postgresql": ("~", "^(?:%s)$"),
    "mysql": ("REGEXP", r"(?s-i)\A(?:%s)\z"),
}
#: A character after a bracket that begins a class name for some vendors, but is an ordinary one in a glob. After an even number
#: of backslashes, the bracket is a bracket.
_NAMED_CLASS: Final = re.compile(r"(?<!\\)((?:\\\\)*\[\^?)([:.=])")


def fits(alias: str, field: str, glob: Glob) -> Func:
    """Make the condition that a text field matches a glob."""
    vendor = connections[alias].vendor
    operator, form = _OPERATORS[vendor]
    pattern = fnmatch.translate(glob.pattern)[len("(?s:") : -len(r")\Z")]
    if vendor == "postgresql":  # it has no atomic groups, and needs none
        pattern = pattern.replace("(?>", "(?:")
    pattern = _NAMED_CLASS.sub(r"\1\\\2", pattern)
    return Func(field, Value(form % pattern), arg_joiner=f" {operator} ", template="%(expressions)s", output_field=BooleanField())
