"""Finds declared kinds that nothing handles."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from django.core.checks import CheckMessage, Info

from .. import _check_ids as check_ids
from .._dispatch.lookup import registered_everywhere
from .._globs.glob import GlobIndex
from ..envelopes import MESSAGE_PUBLISHED
from ..router import EventRouter
from .misspelt_kinds import slips_of

#: The most pairs of names that are compared for advice, in some tenths of a second.
_COMPARISONS: Final = 20_000


def check_kinds(router: EventRouter) -> Iterator[CheckMessage]:
    """Find declared kinds that no handler of this router, or of another connected one, matches.

    They are reported for information, since another site may handle them; a site without handlers gets no report. Another check
    reports the handlers of misspelt kinds.
    """
    globs = [glob for registration in router for glob in registration.globs]
    types = [registration.ce_type for registration in router if registration.ce_type is not None and not registration.globs]
    index = GlobIndex((glob, glob) for registration in (*router, *registered_everywhere()) for glob in registration.globs)
    declared = router.kinds
    strange = [glob.pattern for glob in globs if glob.is_literal and glob.pattern not in declared]
    left = _COMPARISONS
    misspelt = {slip.kind for slip in slips_of(router)}
    for name, kind in declared.items() if globs or types else ():
        # without a kind of its own, an event has that of its type; with one, Eventarc sends it as Pub/Sub's
        typed = any(glob.matches(text) for glob in types for text in (name, MESSAGE_PUBLISHED))
        if typed or name in misspelt or index.find(name):
            continue
        left -= len(strange)
        close = get_close_matches(name, strange, n=1) if left >= 0 else []
        advice = f"Did you mean {close[0]!r}, which has a handler but no declaration? " if close else ""
        yield Info(
            f"The kind {name!r}, declared in {kind.location}, has no handler here.",
            hint=f"{advice}Register a function with the kind's `on`; if this site only sends it, silence this check.",
            obj=name,
            id=check_ids.KIND_WITHOUT_HANDLER,
        )
