"""Checks the options of transports: the `OPTIONS` in the settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Never, cast

from ... import conf
from ...exceptions import ConfigurationError

_LONGEST: Final = timedelta(seconds=30)


def seconds_to_send(transport: object, timeout: timedelta | None) -> float:
    """Return the seconds in which an event has to be sent: 30 by default, or half of `LEASE` if that is shorter.

    Raises `ConfigurationError` for anything but a positive timedelta.
    """
    if timeout is None:
        return min(_LONGEST, conf.current().OUTBOX.LEASE / 2).total_seconds()
    if not isinstance(cast("object", timeout), timedelta) or timeout <= timedelta(0):
        advice = 'Write "timeout": timedelta(seconds=30), or leave it out.'
        refuse(transport, f"cannot use timeout={timeout!r}, which is not a positive timedelta", advice)
    return timeout.total_seconds()


def refuse(transport: object, problem: str, advice: str) -> Never:
    """Raise `ConfigurationError` for an option of a transport."""
    msg = f"{type(transport).__qualname__} {problem}. {advice}"
    raise ConfigurationError(msg)
