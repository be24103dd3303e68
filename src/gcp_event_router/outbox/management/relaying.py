"""`manage.py outbox relay`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from json import dumps
from typing import Any

from django.core.management.base import OutputWrapper
from django.db import close_old_connections

from ... import conf
from ..._boxes.conflicts import AWAY
from ..._boxes.printing import LOOP
from ..._boxes.wakeups import wakeups
from ..._shutdown import stop_flag
from ..._words import counted
from ...management.subcommands import FORMAT, subcommand
from ..database import database
from ..puts_postgresql import CHANNEL
from ..relay import Tally, relay
from ..taking import time_until_due
from ..transports.configured import opened_transport


@subcommand(
    "Send the events that are due.",
    *LOOP,
    *FORMAT,
)
def relay_events(out: OutputWrapper, *, err: OutputWrapper, loop: bool, interval: timedelta, json: bool, **_: Any) -> None:
    """Send once, or until the command is stopped."""
    alias = database()
    channel = CHANNEL if conf.current().OUTBOX.NOTIFY else None
    with stop_flag() as stop, opened_transport() as transport, wakeups(alias, channel, stop) as wakeup:
        while True:
            pause: timedelta | None = None
            try:
                tally = relay(alias, transport, stop.is_set)
                pause = time_until_due(alias) if loop else None
            except AWAY as error:
                if not loop:
                    raise
                err.write(f"The database {alias!r} is unavailable ({type(error).__name__}); trying again.")
            else:
                if tally or not loop:
                    out.write(dumps(asdict(tally)) if json else _summary(tally))
            if not loop or wakeup.wait((interval if pause is None else min(pause, interval)).total_seconds()):
                return
            close_old_connections()  # as Django does between requests
            wakeup.listen()


def _summary(tally: Tally) -> str:
    others = "".join(f", {number} {name}" for name, number in (("failed", tally.failed), ("parked", tally.parked)) if number)
    return f"Sent {counted(tally.sent, 'event')}{others}."
