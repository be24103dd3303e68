"""When failed work is tried again: policies, and the options and settings that take them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.typing.uses.payloads import Order
from typing_extensions import assert_type

from gcp_event_router import Backoff, Event, events
from gcp_event_router.conf import RouterSettings

OrderPlaced = events.kind("order-placed", Order)

# --- policies

Backoff()
PATIENT = Backoff(
    first=timedelta(seconds=5),
    factor=2,
    cap=timedelta(minutes=10),
    jitter=0.2,
    on=(OSError, KeyError),
    give_up_on=(ValueError,),
    within=timedelta(hours=6),
)
Backoff(on=OSError, give_up_on=TimeoutError)
Backoff(on=Exception, give_up_on=(), within=None, factor=1.5, jitter=0)
assert_type(PATIENT.first, timedelta)
assert_type(PATIENT.within, timedelta | None)
assert_type(PATIENT.wait(3), timedelta)
assert_type(PATIENT.gives_up(ValueError()), bool)
assert_type(str(PATIENT), str)
policies: dict[Backoff, str] = {PATIENT: "patient"}

Backoff(timedelta(seconds=5))  # bad: a policy's first wait without its name
Backoff(first=5)  # bad: a policy's first wait in seconds
Backoff(cap="10m")  # bad: a policy's cap as text
Backoff(factor="2")  # bad: a policy's factor as text
Backoff(jitter=None)  # bad: a policy without any jitter
Backoff(on="OSError")  # bad: a policy's exception as text
Backoff(on=OSError())  # bad: an instance as a policy's exception
Backoff(on=KeyboardInterrupt)  # bad: an exception that no policy is asked about
Backoff(give_up_on=[ValueError])  # bad: a list of a policy's exceptions
Backoff(on=(ValueError, int))  # bad: a class that is not an exception
Backoff(within=6)  # bad: a policy's limit as a number
Backoff(attempts=3)  # bad: a policy's limit of attempts
Backoff(wait_max=timedelta(minutes=1))  # bad: a policy's cap by another name
PATIENT.first = timedelta(0)  # bad: a policy that is changed

# --- options


@events.on("order-*", retry=PATIENT)
def record(event: Event[Order]) -> None: ...


@events.on("order-placed", payload=Order, retry=Backoff(jitter=0), max_attempts=3)
async def record_later(event: Event[Order]) -> None: ...


@OrderPlaced.on(retry=None)
def record_placed(event: Event[Order]) -> None: ...


@events.fallback(retry=Backoff(cap=timedelta(hours=1)))
def log(event: Event[Order]) -> None: ...


handler: Callable[[Event[Order]], None] = events.on("order-*", retry=PATIENT)(record)

events.on("a", retry=5)(record)  # bad: a number as a policy
events.on("a", retry=timedelta(seconds=5))(record)  # bad: a wait as a policy
events.on("a", retry=Backoff)(record)  # bad: the class as a policy
OrderPlaced.on(retry=True)(record)  # bad: a flag as the policy of a kind's handler
events.fallback(retry="fast")(record)  # bad: text as the policy of a fallback
events.on("a", backoff=PATIENT)(record)  # bad: a policy under another name

# --- settings

ours: RouterSettings = {"INBOX": {"RETRY": PATIENT}, "OUTBOX": {"RETRY": Backoff()}}
seconds: RouterSettings = {"INBOX": {"RETRY": timedelta(seconds=5)}}  # bad: a wait as a setting's policy
by_name: RouterSettings = {"OUTBOX": {"RETRY": "patient"}}  # bad: text as a setting's policy
