"""One run of a claimed delivery: the handler's work, and the note of how it ended. Called by `store` and by `workers`.

A sync handler's effects on the inbox's database and the note that it is done are one transaction, which only who still holds
the claim can commit. An async handler is awaited, and then noted as done: its effects are its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .. import conf
from .._concurrency import RAISED, as_failure, is_meant
from .._dispatch.store import HANDLED, Result
from .._log import logger, trail
from ..exceptions import BusyError, UnavailableError
from ..outcomes import Outcome, Retry, classify, leaves
from . import claims
from .conflicts import TRIES, make_way
from .errors import LeaseLostError, is_conflict, kept, waited_too_long
from .leases import Claim
from .marks import Mark
from .models import State

__all__ = ["AWAY", "arun", "away", "busy", "run"]

#: What asking a database can raise when it is away, or says no to what is ours.
AWAY = (DatabaseError, InterfaceError)
_FIRST_WAIT = timedelta(seconds=10)
_LAST_WAIT = timedelta(minutes=10)


def run(alias: str, claim: Claim, call: Callable[[], None]) -> Result:
    """Have a sync handler do its work by `call`, once."""
    tried = 0
    while True:
        tried += 1
        is_ours = has_returned = False
        try:
            is_ours = connections[alias].get_autocommit()  # or it is part of somebody's transaction
            with transaction.atomic(using=alias):
                if tried > 1 and not claims.holds(alias, claim):
                    raise LeaseLostError  # noqa: TRY301 -- it is what rolls back
                mark = Mark(alias, str(claim.token))
                with mark.guarded():
                    call()
                has_returned = True
                mark.require()
                if not claims.finish(alias, claim, mark.setting):
                    raise LeaseLostError  # noqa: TRY301 -- as above
                if is_ours:
                    _part(connections[alias])
        except LeaseLostError:
            return busy()
        except Exception as error:  # noqa: BLE001 -- each is noted
            # a conflict of the note or of the commit: all is undone, and the handler has raised nothing
            if not (is_ours and has_returned and is_conflict(error) and tried < TRIES):
                return _failed(alias, claim, error)
        else:
            return HANDLED
        make_way(tried)


async def arun(alias: str, claim: Claim, call: Callable[[], Awaitable[None]]) -> Result:
    """Await an async handler, and note how it ended, also if whoever waits for that is gone by then."""
    try:
        await call()
    except Exception as error:  # noqa: BLE001 -- each is noted
        note = partial(_failed, alias, claim, error)
    else:
        note = partial(_finished, alias, claim)
    return await asyncio.shield(sync_to_async(note)())


def busy(wait: float = 1.0) -> Result:
    """The result of who finds somebody else at work."""
    return Result(Outcome.BUSY, BusyError(max(1, round(wait))))


def _part(connection: BaseDatabaseWrapper) -> None:
    """Have each function that a handler left for after the commit be called, whatever becomes of those before it."""
    hooks: list[Any] = connection.run_on_commit
    hooks[:] = [(sids, partial(_call, function), robust) for sids, function, robust in hooks]


def _call(function: Callable[[], object]) -> None:
    try:
        function()
    except RAISED as raised:  # the handler is done
        if is_meant(raised):
            raise
        name, error = _name(function), as_failure(raised)
        logger.error("%s, which a handler left for after its commit, failed: %s", name, trail(error))
        logger.debug("%s, which a handler left for after its commit, failed", name, exc_info=error)


def _name(function: object) -> str:
    while isinstance(function, partial):
        function = cast("partial[object]", function).func
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def _finished(alias: str, claim: Claim) -> Result:
    try:
        return HANDLED if claims.finish(alias, claim) else busy()
    except AWAY as error:
        return away(error)


def _failed(alias: str, claim: Claim, error: Exception) -> Result:
    """Note how a run ended that did not end well."""
    outcome = classify(error)
    try:
        if outcome in {Outcome.RETRY, Outcome.UNAVAILABLE}:
            longest = conf.current().INBOX.MAX_WAIT
            if claim.waited is not None and claim.waited >= longest:
                outcome = Outcome.PARKED
                noted = claims.give_up(alias, claim, State.PARKED, waited_too_long(longest, kept(error)))
            else:
                waits = [leaf.after for leaf in leaves(error) if isinstance(leaf, Retry) and leaf.after is not None]
                noted = claims.give_back(alias, claim, kept(error), max(waits, default=_wait_again(claim)))
        elif outcome in {Outcome.REJECTED, Outcome.INVALID, Outcome.UNSUPPORTED}:
            outcome = Outcome.REJECTED
            noted = claims.give_up(alias, claim, State.REJECTED, kept(error))
        elif claim.is_last:
            outcome = Outcome.PARKED
            noted = claims.give_up(alias, claim, State.PARKED, kept(error))
        else:
            noted = claims.give_up(alias, claim, State.FAILED, kept(error), _wait(claim.attempts - claim.lost))
    except AWAY:
        return away(error)  # the lease ends by itself
    return Result(outcome, error) if noted else busy()


def away(error: Exception) -> Result:
    """The result of who could not ask the database."""
    unavailable = UnavailableError(reason="the inbox's database is away or not migrated")
    unavailable.__cause__ = error
    return Result(Outcome.UNAVAILABLE, unavailable)


def _wait_again(claim: Claim) -> timedelta | None:
    """How long workers wait after a run that asked for it: as long as they have waited so far, so each time twice as long."""
    return None if claim.waited is None else min(max(claim.waited, _FIRST_WAIT), _LAST_WAIT)


def _wait(attempts: int) -> timedelta:
    """How long workers wait after a failed run: each time twice as long. Senders have a policy of their own."""
    return min(_FIRST_WAIT * (1 << min(attempts - 1, 10)), _LAST_WAIT)
