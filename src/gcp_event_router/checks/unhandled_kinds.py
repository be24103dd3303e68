"""Declared kinds that nothing handles."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from django.core.checks import CheckMessage, Info

from .. import _check_ids as check_ids
from .._dispatch.lookup import find_everywhere
from .._globs.glob import GlobIndex
from ..envelopes import MESSAGE_PUBLISHED
from ..router import EventRouter

#: How many pairs of names are compared for advice, which takes some tenths of a second.
_COMPARISONS: Final = 20_000


def check_kinds(router: EventRouter) -> Iterator[CheckMessage]:
    """Which declared kinds no handler of the router, or of another that listens, matches.

    Only said for information, since a site may send what another one handles; and not to a site that handles nothing at all.
    """
    globs = [glob for each in router for glob in each.globs]
    types = [each.ce_type for each in router if each.ce_type is not None and not each.globs]
    index = GlobIndex((glob, glob) for glob in globs)
    declared = router.kinds
    strange = [glob.pattern for glob in globs if glob.is_literal and glob.pattern not in declared]
    left = _COMPARISONS
    for name, kind in declared.items() if globs or types else ():
        # without a kind of its own, an event has that of its type; with one, Eventarc sends it as Pub/Sub's
        typed = any(glob.matches(each) for glob in types for each in (name, MESSAGE_PUBLISHED))
        if typed or index.find(name) or any(any(found) for found in find_everywhere(name, None)):
            continue
        left -= len(strange)
        close = get_close_matches(name, strange, n=1) if left >= 0 else []
        advice = f"Did you mean {close[0]!r}, which is handled and not declared? " if close else ""
        yield Info(
            f"The kind {name!r}, declared in {kind.location}, is handled by nobody here.",
            hint=f"{advice}Register a function with the kind's `on`; if this site only sends it, silence this check.",
            obj=name,
            id=check_ids.KIND_WITHOUT_HANDLER,
        )
