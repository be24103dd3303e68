"""The result of `push`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from typing_extensions import override

from .._dispatch.signature import name_of
from .._endpoint.response import EventResponse
from ..exceptions import ConfigurationError, ErrorDetail
from ..outcomes import ACKNOWLEDGED, Outcome, classify
from .recording import Delivery, Recording, Rejection, is_same, require_function


@dataclass(frozen=True, slots=True)
class Pushed:
    """The answer of the endpoint, and the deliveries to handlers."""

    status: int
    outcome: Outcome
    #: One for each handler that ran, in the order in which they ended.
    deliveries: tuple[Delivery[Any, Any], ...]
    #: The reasons for which the event was rejected before any handler ran.
    rejections: tuple[Rejection, ...]
    #: The validation errors in the answer.
    details: tuple[ErrorDetail, ...]
    response: HttpResponse
    #: The options of `push` that gave credentials.
    _credentials: Sequence[str] = ()

    @property
    def acknowledged(self) -> bool:
        """Whether Pub/Sub would regard the message as acknowledged."""
        return self.status in ACKNOWLEDGED

    @property
    def called(self) -> tuple[Callable[..., Any], ...]:
        """The handlers that were called, whatever their outcome."""
        return tuple(delivery.handler for delivery in self.deliveries)

    @property
    def handled(self) -> tuple[Callable[..., Any], ...]:
        """The handlers that succeeded."""
        return tuple(delivery.handler for delivery in self.deliveries if delivery.outcome is Outcome.HANDLED)

    @property
    def errors(self) -> tuple[Exception, ...]:
        """The exceptions of handlers, and those that rejected the event."""
        errors = [delivery.error for delivery in self.deliveries if delivery.error is not None]
        return (*errors, *(rejection.error for rejection in self.rejections))

    def assert_handled(self, *handlers: Callable[..., Any]) -> None:
        """Assert that these handlers succeeded, and no others. Raises `AssertionError`, which shows the whole result."""
        __tracebackhide__ = True  # pytest shows the line of the test instead
        for handler in handlers:
            require_function(handler)
        if not _are_same(self.handled, handlers):
            names = " and ".join(map(name_of, handlers)) or "no handler"
            msg = f"{names} should have handled it:\n{self!r}"
            raise AssertionError(msg)

    @override
    def __repr__(self) -> str:
        lines = [f"<Pushed: {self.status} {self.outcome.value}", *(f"  {line}" for line in [*self.deliveries, *self.rejections])]
        if self.outcome in {Outcome.FORBIDDEN, Outcome.UNAUTHENTICATED}:
            lines.append(f"  {self._advice()} to push().")
        if self.status == Outcome.HANDLED.status and self.outcome is Outcome.HANDLED and not self.deliveries:
            lines.append("  No handler ran in the request; call_command('inbox', 'process') runs those that are deferred.")
        return "\n".join(lines) + ">"

    def _advice(self) -> str:
        if not self._credentials:
            return "The settings require credentials. Pass principal=, signed_by= or headers="
        return f"The settings do not accept what {' and '.join(self._credentials)} gave. To do without, pass principal="


def pushed_of(response: HttpResponse, recording: Recording, *, raises: bool, credentials: Sequence[str] = ()) -> Pushed:
    """Make the result of a push, which these options gave credentials.

    Raises:
        ConfigurationError: The answer is not the endpoint's.
        Exception: The exception of a handler that failed; an `ExceptionGroup` if several did. Only if `raises`.

    """
    if not isinstance(response, EventResponse):
        msg = (
            f"The answer {response.status_code} is not the events endpoint's, but a middleware's, or another view's at its path."
        )
        raise ConfigurationError(msg)
    pushed = Pushed(
        response.status_code,
        response.outcome,
        tuple(recording.deliveries),
        tuple(recording.rejections),
        tuple(json.loads(response.content).get("errors", ())) if response.outcome is Outcome.INVALID else (),
        response,
        credentials,
    )
    if raises and response.outcome is Outcome.FAILED:
        failures = [error for error in pushed.errors if classify(error) is Outcome.FAILED]
        if len(failures) == 1:
            raise failures[0]
        if failures:
            msg = "several handlers failed"
            raise ExceptionGroup(msg, failures)
    return pushed


def _are_same(functions: Sequence[Callable[..., Any]], others: Sequence[Callable[..., Any]]) -> bool:
    """Whether both have the same functions, in any order. Names do not suffice: closures and bound methods share theirs."""
    unmatched = list(others)
    for function in functions:
        match = next((place for place, other in enumerate(unmatched) if is_same(function, other)), None)
        if match is None:
            return False
        del unmatched[match]
    return not unmatched
