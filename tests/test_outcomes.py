"""Outcomes: which exception has which outcome, which of several is the answer, and which details it has."""

from __future__ import annotations

import json
from datetime import timedelta
from enum import Enum
from itertools import permutations
from typing import Any, cast

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError
from django.utils.functional import lazystr

from gcp_event_router import EventRouterError, Outcome, Reject, Retry
from gcp_event_router._frames import leaves
from gcp_event_router.exceptions import (
    MAX_ERRORS,
    AuthenticationError,
    BodyTooLargeError,
    EnvelopeError,
    ErrorDetail,
    ForbiddenError,
    InvalidEventError,
    UnavailableError,
    UndecodableBodyError,
    UnhandledEventError,
)
from gcp_event_router.outcomes import classify, details, retry_after, worst

STATUSES = {
    "handled": 201,
    "unhandled": 201,
    "duplicate": 200,
    "rejected": 200,
    "parked": 200,
    "invalid": 400,
    "unsupported": 415,
    "busy": 409,
    "retry": 503,
    "unavailable": 503,
    "failed": 400,
    "too large": 413,
    "forbidden": 403,
    "unauthenticated": 401,
}
PUBSUB_ACKNOWLEDGES = {102, 200, 201, 202, 204}


def detail(kind: str = "t") -> ErrorDetail:
    return {"loc": ["a", 0], "msg": "m", "type": kind}


def test_each_outcome_has_its_status() -> None:
    """The table of outcomes and statuses is whole, and its order is from the best to the worst."""
    assert {outcome.value: outcome.status for outcome in Outcome} == STATUSES
    assert [outcome.value for outcome in Outcome] == list(STATUSES)


@pytest.mark.parametrize("outcome", Outcome)
def test_acknowledged_is_what_pubsub_says(outcome: Outcome) -> None:
    """An outcome is acknowledged exactly if Pub/Sub treats its status as an acknowledgement."""
    assert outcome.acknowledged is (outcome.status in PUBSUB_ACKNOWLEDGES)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Reject(), Outcome.REJECTED),
        (Retry(), Outcome.RETRY),
        (InvalidEventError("payload", [detail()], 1), Outcome.INVALID),
        (EnvelopeError(), Outcome.INVALID),
        (UndecodableBodyError(), Outcome.INVALID),
        (UnhandledEventError(), Outcome.INVALID),
        (ValidationError("x"), Outcome.INVALID),
        (UnavailableError(), Outcome.UNAVAILABLE),
        (OperationalError(), Outcome.UNAVAILABLE),
        (InterfaceError(), Outcome.UNAVAILABLE),
        (BodyTooLargeError(), Outcome.TOO_LARGE),
        (ForbiddenError(), Outcome.FORBIDDEN),
        (AuthenticationError(), Outcome.UNAUTHENTICATED),
        (IntegrityError(), Outcome.FAILED),
        (DatabaseError(), Outcome.FAILED),
        (ValueError(), Outcome.FAILED),
        (EventRouterError(), Outcome.FAILED),
        (ExceptionGroup("g", [Reject(), Reject()]), Outcome.REJECTED),
        (ExceptionGroup("g", [Reject(), Retry()]), Outcome.RETRY),
        (ExceptionGroup("g", [Retry(), ExceptionGroup("inner", [Reject(), KeyError()])]), Outcome.FAILED),
        (BaseExceptionGroup("g", [Retry(), KeyboardInterrupt()]), Outcome.FAILED),
    ],
)
def test_exceptions_stand_for_outcomes(error: BaseException, outcome: Outcome) -> None:
    """Each exception has one outcome; a group has the worst of its exceptions, at any depth."""
    assert classify(error) is outcome


def test_of_two_the_worse_is_answered() -> None:
    """The worst outcome is the last one in the table, in any order of results."""
    order = list(STATUSES)
    pairs = list(permutations(Outcome, 2))

    assert {pair: worst(pair).value for pair in pairs} == {
        pair: max((outcome.value for outcome in pair), key=order.index) for pair in pairs
    }


def test_without_any_outcome_an_event_is_handled() -> None:
    """Without any outcome, the answer is HANDLED."""
    assert worst([]) is Outcome.HANDLED


def test_leaves_are_the_exceptions_themselves() -> None:
    """The leaves of a group come in order; an exception that is not a group is its own leaf."""
    first, second, third = KeyError(), ValueError(), Retry()

    assert list(leaves(ExceptionGroup("g", [first, ExceptionGroup("g", [second, third])]))) == [first, second, third]
    assert list(leaves(first)) == [first]


@pytest.mark.parametrize(
    ("waits", "seconds"),
    [
        ([None], None),
        ([timedelta(0)], 0),
        ([timedelta(milliseconds=1)], 1),
        ([timedelta(seconds=2.5)], 3),
        ([timedelta(seconds=3), None, timedelta(minutes=1), timedelta(seconds=9)], 60),
        ([timedelta(days=1)], 86400),
    ],
)
def test_the_longest_wait_counts_in_whole_seconds(waits: list[timedelta | None], seconds: int | None) -> None:
    """Retry-After is the longest wait that any Retry asks for, rounded up."""
    retries = [Retry(after=wait) for wait in waits]

    assert retry_after(ExceptionGroup("g", retries)) == seconds
    assert retry_after(retries[0]) == retry_after(ExceptionGroup("g", retries[:1]))


class Overloaded(Retry):
    """A subclass as it is often written: without a call of the other `__init__`."""

    def __init__(self, service: str) -> None:
        self.service = service


def test_a_subclass_need_not_call_the_other_init() -> None:
    """It asks for no wait."""
    assert (classify(Overloaded("mail")), retry_after(Overloaded("mail"))) == (Outcome.RETRY, None)


def test_other_exceptions_ask_for_no_wait() -> None:
    """Only a Retry has a wait."""
    assert retry_after(KeyError()) is None


@pytest.mark.parametrize(
    ("after", "error", "message"),
    [
        (5, TypeError, "Retry(after=5) is not a timedelta, so its unit is unknown. Write timedelta(seconds=5)."),
        (2.5, TypeError, "Retry(after=2.5) is not a timedelta, so its unit is unknown. Write timedelta(seconds=2.5)."),
        (
            timedelta(seconds=-1),
            ValueError,
            (
                "Retry(after=datetime.timedelta(days=-1, seconds=86399)) is negative, and a sender cannot wait for the past. "
                "Give a timedelta from 0."
            ),
        ),
    ],
)
def test_a_wrong_wait_is_refused_where_it_is_written(after: Any, error: type[Exception], message: str) -> None:
    """Retry refuses a wait without a unit or in the past."""
    with pytest.raises(error) as caught:
        Retry("why", after=after)

    assert str(caught.value) == message


@pytest.mark.parametrize("made", [Retry, Reject, lambda: Retry("why", timedelta(1)), lambda: Reject("why")])
def test_retry_and_reject_are_errors_of_this_package(made: Any) -> None:
    """Both can be raised with and without a reason, which is their text, and are caught as EventRouterError."""
    error = made()

    assert isinstance(error, EventRouterError)
    assert str(error) in {"", "why"}


TOLD: list[tuple[Exception, list[tuple[list[int | str], str, str]]]] = [
    (ValidationError("Bad"), [([], "Bad", "invalid")]),
    (ValidationError({}), []),
    (ValidationError("Bad", code="odd"), [([], "Bad", "odd")]),
    (ValidationError("%(value)s is odd", "odd", {"value": "s3cr3t"}), [([], "%(value)s is odd", "odd")]),
    (ValidationError(lazystr("Lazy")), [([], "Lazy", "invalid")]),
    (ValidationError(["A", ValidationError("B", code="b")]), [([], "A", "invalid"), ([], "B", "b")]),
    (
        ValidationError({"name": ["A", ValidationError("%(x)s", "x", {"x": "s3cr3t"})], "age": "B"}),
        [(["name"], "A", "invalid"), (["name"], "%(x)s", "x"), (["age"], "B", "invalid")],
    ),
    (
        ExceptionGroup("g", [KeyError("s3cr3t"), ValidationError("A"), ValidationError("B")]),
        [([], "A", "invalid"), ([], "B", "invalid")],
    ),
    (InvalidEventError("payload", [detail()], 1), [(["a", 0], "m", "t")]),
    (KeyError("s3cr3t"), []),
    (Retry("s3cr3t"), []),
]


@pytest.mark.parametrize(("error", "expected"), TOLD)
def test_validation_errors_are_told_as_they_were_written(
    error: Exception, expected: list[tuple[list[int | str], str, str]]
) -> None:
    """Details have Django's messages without their params, which hold values, and nothing of other exceptions."""
    assert [(each["loc"], each["msg"], each["type"]) for each in details(error)] == expected


class Code(Enum):
    ODD = "odd"


@pytest.mark.parametrize("code", [Code.ODD, 404, lazystr("odd")])
def test_a_code_that_is_no_string_can_be_told(code: Any) -> None:
    """A code may be a member of an enum or a number; JSON can hold its detail."""
    (told,) = details(ValidationError("Bad", code=code))

    assert json.loads(json.dumps(told)) == {"loc": [], "msg": "Bad", "type": str(code)}


def test_a_wait_in_the_place_of_the_reason_is_refused() -> None:
    """`Retry(timedelta(...))` would lose the wait."""
    with pytest.raises(TypeError) as refused:
        Retry(cast("str", timedelta(seconds=5)))

    assert str(refused.value) == (
        "Retry(datetime.timedelta(seconds=5)) has a timedelta as its reason. Write Retry('why', after=...)."
    )


@pytest.mark.parametrize(
    "error",
    [
        ValidationError(["Bad"] * 1000),
        ValidationError({str(number): "Bad" for number in range(1000)}),
        ExceptionGroup("g", [InvalidEventError("payload", [detail()] * MAX_ERRORS, MAX_ERRORS) for _ in range(10)]),
    ],
    ids=["a list", "a dict", "ten handlers"],
)
def test_details_are_bounded(error: Exception) -> None:
    """However many validation errors there are, an answer lists 20 and says how many more there are."""
    found = details(error)

    assert len(found) <= MAX_ERRORS + 1
    assert found[-1]["type"] == "too_many_errors"
