"""Carries what a call of `on` says to the call of the decorator that it returns."""

from __future__ import annotations

import json
from typing import NamedTuple

from mypy.types import Type

from ._call import Call
from ._names import HANDLER_DECORATOR


class OnCall(NamedTuple):
    """What a call of `on` says, for the call of the decorator that it returns, which gets it as a type argument."""

    router: str | None = None
    #: The globs whose kinds say what the handler gets: none beside a type of CloudEvents, which decides instead. None stands for
    #: a glob that is not a literal.
    globs: tuple[str | None, ...] = ()
    #: The type of CloudEvents, if it is one of Google's whose model is known.
    google_type: str | None = None

    @classmethod
    def of(cls, call: Call) -> OnCall:
        """Read it from the type of the decorator that is called."""
        if call.facts is None:
            return cls()
        router, globs, google_type = json.loads(call.facts)
        return cls(router, tuple(globs), google_type)

    def type(self, call: Call) -> Type:
        """The type of the decorator."""
        return call.instance(HANDLER_DECORATOR, call.string(json.dumps(self))) or call.type
