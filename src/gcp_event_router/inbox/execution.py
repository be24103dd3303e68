"""Runs a claimed delivery: calls the handler, and stores the result.

A sync handler's writes to the inbox's database, and the mark that it is done, are one transaction, which is committed only if the
claim and the event's business key are still held. An async handler is awaited, and then marked as done: its writes are not part
of that transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from math import ceil
from typing import Any, Final, cast

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .. import conf
from .._boxes.conflicts import AWAY, TRIES, make_way
from .._boxes.missing_tables import tables_to_create
from .._boxes.states import State
from .._boxes.stored_errors import is_conflict
from .._concurrency import RAISED, as_failure, is_meant
from .._database_errors import lacks_table
from .._dispatch.store import HANDLED, Result
from .._frames import leaves
from .._log import logger, trail
from ..backoff import Backoff, duration_text
from ..exceptions import BusyError, NotDueError, UnavailableError
from ..outcomes import Outcome, Retry, classify
from . import claims, endings, prepared
from .errors import LeaseLostError, describe_error
from .leases import Claim, StandingKey
from .marks import Mark

#: The outcomes of runs that did not fail, but could not do their work yet.
_WAITING: Final = frozenset({Outcome.RETRY, Outcome.UNAVAILABLE})
#: The result if the work is done already.
DUPLICATE: Final = Result(Outcome.DUPLICATE)


def run(alias: str, claim: Claim, policy: Backoff, call: Callable[[], None]) -> Result:
    """Run a sync handler by `call`, once. The policy decides about its failure."""
    tried = 0
    while True:
        tried += 1
        is_ours = has_returned = False
        try:
            connection = connections[alias]
            is_ours = connection.get_autocommit()  # otherwise, an outer transaction is open
            with transaction.atomic(using=alias):
                if tried > 1 and not claims.holds(alias, claim):
                    raise LeaseLostError  # noqa: TRY301 -- rolls back
                mark = Mark(connection, str(claim.token))
                with mark.guarded():
                    call()
                has_returned = True
                if is_ours:
                    _isolate_hooks(connection)
                if not endings.finish_run(alias, claim, mark, commit=is_ours):
                    raise LeaseLostError  # noqa: TRY301 -- as above
        except LeaseLostError:
            return busy()
        except Exception as error:  # noqa: BLE001 -- each is stored
            # after a conflict in our own statement or in the commit, all is undone, and can be repeated
            can_repeat = is_ours and has_returned and tried < TRIES
            if not (can_repeat and (is_conflict(error) or prepared.forget(connections[alias], error))):
                return _fail(alias, claim, policy, error)
        else:
            return HANDLED
        make_way(tried)


async def arun(alias: str, claim: Claim, policy: Backoff, call: Callable[[], Awaitable[None]]) -> Result:
    """Await an async handler, and store the result, even if the caller is cancelled."""
    try:
        await call()
    except Exception as error:  # noqa: BLE001 -- each is stored
        end = partial(_fail, alias, claim, policy, error)
    else:
        end = partial(_finish, alias, claim)
    return await asyncio.shield(sync_to_async(end)())


def give_way(alias: str, claim: Claim, policy: Backoff, key: StandingKey) -> Result:
    """End a claimed delivery that may not run, since another one has its business key."""
    after = _wait_again(claim, policy)
    try:
        is_ours = endings.give_way(alias, claim, key, after and min(after, timedelta(seconds=key.wait)))
    except AWAY as error:
        return away(alias, error)
    return DUPLICATE if key.is_done and is_ours else busy(key.wait)


def busy(wait: float = 1.0) -> Result:
    """Return the result if another worker runs the delivery."""
    return Result(Outcome.BUSY, BusyError(max(1, round(wait))))


def not_due(wait: float) -> Result:
    """Return the result if the delivery has to wait that many seconds for its next run."""
    return Result(Outcome.RETRY, NotDueError(ceil(wait)))


def away(alias: str, error: Exception, failure: Exception | None = None) -> Result:
    """Return the result if the database is unavailable, possibly after a handler has failed."""
    refusal = unavailable(alias, error)
    refusal.__cause__ = failure or error
    return Result(Outcome.UNAVAILABLE, refusal)


def unavailable(alias: str, error: Exception) -> UnavailableError:
    """Return the error to raise if the database is unavailable, or refuses a statement of the inbox."""
    if lacks_table(error):
        return UnavailableError(reason=tables_to_create(alias, "inbox", "gcp_event_inbox"))
    return UnavailableError(reason="the inbox's database is unavailable or not migrated")


def _isolate_hooks(connection: BaseDatabaseWrapper) -> None:
    """Call each `on_commit` function of a handler, even if an earlier one fails."""
    hooks: list[Any] = connection.run_on_commit
    hooks[:] = [(sids, partial(_call_hook, function), robust) for sids, function, robust in hooks]


def _call_hook(function: Callable[[], object]) -> None:
    try:
        function()
    except RAISED as raised:  # the handler is already done
        if is_meant(raised):
            raise
        target, error = function, as_failure(raised)
        while isinstance(target, partial):
            target = cast("partial[object]", target).func
        name = f"{target.__module__}.{getattr(target, '__qualname__', type(target).__qualname__)}"
        logger.error("The on_commit function %s of a handler failed: %s", name, trail(error))
        logger.debug("The on_commit function %s of a handler failed", name, exc_info=error)


def _finish(alias: str, claim: Claim) -> Result:
    try:
        return HANDLED if endings.finish(alias, claim) else busy()
    except AWAY as error:
        return away(alias, error)


def _fail(alias: str, claim: Claim, policy: Backoff, error: Exception) -> Result:
    """Store the result of a failed run."""
    outcome, stored = classify(error), describe_error(error)
    try:
        if outcome in {Outcome.REJECTED, Outcome.INVALID, Outcome.UNSUPPORTED}:
            outcome = Outcome.REJECTED
            is_ours = endings.give_up(alias, claim, State.REJECTED, stored)
        elif (reason := _reason_to_park(alias, claim, policy, outcome, error)) is not None:
            outcome = Outcome.PARKED
            is_ours = endings.give_up(alias, claim, State.PARKED, stored.because(reason))
        elif outcome in _WAITING:
            waits = [leaf.after for leaf in leaves(error) if isinstance(leaf, Retry) and leaf.after is not None]
            is_ours = endings.give_back(alias, claim, stored, max(waits, default=_wait_again(claim, policy)))
        else:
            is_ours = endings.give_up(alias, claim, State.FAILED, stored, policy.wait(claim.attempts - claim.lost))
    except AWAY as refused:
        return away(alias, refused, error)  # the lease expires by itself
    return Result(outcome, error) if is_ours else busy()


def _reason_to_park(alias: str, claim: Claim, policy: Backoff, outcome: Outcome, error: Exception) -> str | None:
    """Say why this run was the last one; "" if no attempt is left, and None if it is not the last one."""
    if outcome in _WAITING:
        longest = conf.current().INBOX.MAX_WAIT
        if claim.waited is not None and claim.waited >= longest:
            return f"no run ended in any other way for {longest}, the setting MAX_WAIT"
    elif claim.is_last:
        return ""
    elif policy.gives_up(error):
        return "the retry policy gives up on this exception"
    if policy.within is not None and policy.is_over(endings.age(alias, claim)):
        return f"the retry policy gives up on events that are older than {duration_text(policy.within)}"
    return None


def _wait_again(claim: Claim, policy: Backoff) -> timedelta | None:
    """How long workers wait after `Retry`. None in a request, since its sender decides."""
    return None if claim.waited is None else policy.wait_again(claim.waited)
