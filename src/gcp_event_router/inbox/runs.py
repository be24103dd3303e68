"""One run of a claimed delivery: the handler's work, and the note of how it ended. Called by `keeper` and by `workers`.

A sync handler's effects on the inbox's database and the note that it is done are one transaction, which only who still holds
the claim can commit. An async handler is awaited, and then noted as done: its effects are its own.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connections, transaction

from ..exceptions import BusyError, UnavailableError
from ..keepers import HANDLED, AsyncWork, Result, Work
from ..logs import logger, trail
from ..outcomes import Outcome, Retry, classify, leaves
from . import claims
from .errors import LeaseLostError, RolledBackError, kept
from .leases import Claim
from .models import State

__all__ = ["AWAY", "arun", "away", "busy", "run"]

#: What asking a database can raise when it is away, or says no to what is ours.
AWAY = (DatabaseError, InterfaceError)
_FIRST_WAIT = timedelta(seconds=10)
_LAST_WAIT = timedelta(minutes=10)


def run(alias: str, claim: Claim, call: Work) -> Result:
    """Have a sync handler do its work by `call`, once."""
    call.announce()
    committed: list[bool] = []
    try:
        with transaction.atomic(using=alias):
            transaction.on_commit(partial(committed.append, True), using=alias)  # before any of the handler's own
            call()
            if connections[alias].get_rollback():
                raise RolledBackError  # noqa: TRY301 -- it is what rolls back
            if not claims.finish(alias, claim):
                raise LeaseLostError  # noqa: TRY301 -- as above
    except LeaseLostError:
        return busy()
    except Exception as error:  # noqa: BLE001 -- each is noted
        if not committed:
            return _failed(alias, claim, error)
        logger.error("What a handler left for after its commit failed: %s", trail(error))
        logger.debug("What a handler left for after its commit failed", exc_info=error)
    return HANDLED


async def arun(alias: str, claim: Claim, call: AsyncWork) -> Result:
    """Await an async handler, and note how it ended, also if whoever waits for that is gone by then."""
    await call.announce()
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
            waits = [leaf.after for leaf in leaves(error) if isinstance(leaf, Retry) and leaf.after is not None]
            noted = claims.give_back(alias, claim, kept(error), max(waits, default=None))
        elif outcome in {Outcome.REJECTED, Outcome.INVALID, Outcome.UNSUPPORTED}:
            outcome = Outcome.REJECTED
            noted = claims.give_up(alias, claim, State.REJECTED, kept(error))
        elif claim.is_last:
            outcome = Outcome.PARKED
            noted = claims.give_up(alias, claim, State.PARKED, kept(error))
        else:
            noted = claims.give_up(alias, claim, State.FAILED, kept(error), _wait(claim.attempts))
    except AWAY:
        return away(error)  # the lease ends by itself
    return Result(outcome, error) if noted else busy()


def away(error: Exception) -> Result:
    """The result of who could not ask the database."""
    unavailable = UnavailableError(reason="the inbox's database is away or not migrated")
    unavailable.__cause__ = error
    return Result(Outcome.UNAVAILABLE, unavailable)


def _wait(attempts: int) -> timedelta:
    """How long workers wait after a failed run: each time twice as long. Senders have a policy of their own."""
    return min(_FIRST_WAIT * (1 << min(attempts - 1, 10)), _LAST_WAIT)
