"""What handlers raise, and outcomes."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from tests.typing.uses.payloads import Order
from typing_extensions import assert_type

from gcp_event_router import Event, EventRouterError, Outcome, Reject, Retry, events
from gcp_event_router.exceptions import ConfigurationError, ErrorDetail, InvalidEventError, RegistrationError


@events.on("a")
def raises(event: Event[Order]) -> None:
    if event.payload.order_id:
        raise Retry
    if event.payload.total:
        raise Retry("later", after=timedelta(seconds=1))
    if event.parameters:
        raise Retry(after=timedelta(seconds=1)) from None
    raise Reject("never")


def describes(error: InvalidEventError) -> NoReturn:
    assert_type(error.errors, tuple[ErrorDetail, ...])
    assert_type(error.errors[0]["msg"], str)
    assert_type(error.count, int)
    raise Reject("never") from error


def catches(event: Event[Order]) -> str:
    try:
        raises(event)
    except Retry as retry:
        assert_type(retry.after, timedelta | None)
        return str(retry)
    except (ConfigurationError, RegistrationError, EventRouterError) as error:
        return type(error).__name__
    return "handled"


def message(outcome: Outcome) -> str:
    match outcome:
        case Outcome.HANDLED | Outcome.DUPLICATE:
            return "done"
        case _:
            return "not done"


assert_type(Outcome.HANDLED.status, int)
assert_type(Outcome.HANDLED.acknowledged, bool)
assert_type(Outcome("handled"), Outcome)
assert_type([outcome.name for outcome in Outcome], list[str])

# --- bad

Retry("later", after=5)  # bad: a delay in seconds
Retry(timedelta(seconds=5))  # bad: a delay as a reason
Retry("later", delay=timedelta(seconds=5))  # bad: a misspelt argument of Retry
Retry("later", timedelta(seconds=5), 1)  # bad: a third argument of Retry
Retry().after.total_seconds()  # bad: a delay that may be missing
Reject("never", after=timedelta(seconds=5))  # bad: a delay of a rejection
Reject(1)  # bad: a number as a rejection's reason
Reject("never").reasons  # bad: an attribute that a rejection lacks
Outcome.IGNORED  # bad: an outcome that does not exist
Outcome.FAILED.status = 500  # bad: a new status
Outcome.HANDLED.status.upper()  # bad: a status as text
Outcome.HANDLED()  # bad: an outcome that is called
EventRouterError().errors  # bad: an attribute that an error lacks


def raises_outcome() -> NoReturn:
    raise Outcome.RETRY  # bad: an outcome that is raised


def raises_text() -> NoReturn:
    raise "never"  # bad: text that is raised


def forgets_to_raise() -> NoReturn:  # bad: a rejection that nobody raises
    print(Reject("never"))


def misreads(error: InvalidEventError) -> str:
    return error.errors[0]["message"]  # bad: a key that a detail lacks
