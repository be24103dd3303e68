"""What the endpoint answered to `manage.py events send`, for people and for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import responses
from itertools import zip_longest
from typing import Any, Final

from django.core.management.base import CommandError
from pydantic import BaseModel, ValidationError

from .._log import trail
from ..exceptions import ConfigurationError, InvalidEventError
from ..outcomes import ACKNOWLEDGED, Outcome
from ..testing.recording import Delivery

#: The result if a worker still has to run the handlers.
DEFERRED: Final = "deferred"
HANDLED: Final = Outcome.HANDLED.value
#: All results of an event.
RESULTS: Final = (HANDLED, DEFERRED, *(outcome.value for outcome in Outcome if outcome is not Outcome.HANDLED))
#: The results whose reasons are no business of the sender.
_REFUSED: Final = frozenset({Outcome.UNAUTHENTICATED.value, Outcome.FORBIDDEN.value, Outcome.UNAVAILABLE.value})
HERE: Final = "this process"
PUBSUB: Final = "Pub/Sub"


class _Error(BaseModel):
    """A validation error."""

    loc: list[str | int]
    msg: str
    type: str


class _Body(BaseModel):
    """The body of the endpoint's answer."""

    error: str = ""
    errors: list[_Error] = []


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """An answer from the handlers of this process, or from a URL."""

    #: A URL without its query, or `this process`.
    place: str
    status: int
    body: bytes
    retry_after: str | None
    #: Why the event reached no handler. This and the following are known only for this process.
    problem: str = ""
    deliveries: Sequence[Delivery] = ()
    #: One of `RESULTS`.
    result: str | None = None
    #: Who would send such an event: a provider of webhooks by its name, or `Pub/Sub`.
    sender: str = PUBSUB

    def require(self, expected: str) -> None:
        """Raise `CommandError` unless the result is the expected one, or the status can mean that."""
        results = [self.result] if self.result else [result for result in RESULTS if self.status in _statuses(result)]
        is_foreign = self.result is None and self.body != b"{}"  # another endpoint only has to acknowledge
        if expected in results or (is_foreign and expected == HANDLED and self.status in ACKNOWLEDGED):
            return
        if self.status != Outcome.FAILED.status and len(results) > 1:  # other sites rarely have their failures share a status
            results = [result for result in results if result != Outcome.FAILED.value]
        msg = f"Expected {expected}, but got {' or '.join(results) or f'the status {self.status}'}.{self._advice(results)}"
        raise CommandError(msg)

    def _advice(self, results: Sequence[str]) -> str:
        if self.status in ACKNOWLEDGED and results:
            return f" To expect that, give --expect {results[0]}."
        if _REFUSED.isdisjoint(results):
            return ""
        how = " Authenticate as a sender of the site: --identity, --header or --as."
        is_stranger = Outcome.UNAUTHENTICATED.value in results
        return how * is_stranger + " The log of the site says why." * (self.place != HERE)

    def text(self) -> str:
        """Format the answer for a terminal, without control characters."""
        fields = self.fields()
        place = "This process" if self.place == HERE else self.place
        status = f"{self.status} {responses.get(self.status, '')}".strip()
        again = f"would{' not' * fields['acknowledged']} send the event again"
        if self.sender != PUBSUB:  # not all providers send again
            again = f"would regard the delivery as {'done' if fields['acknowledged'] else 'failed'}"
        wait = f", after {self.retry_after} s" if self.retry_after else ""
        lines = [f"{place} answered {status}: {self.sender} {again}{wait}."]
        for handler in fields["handlers"]:
            lines += [f"  {handler['handler']}: {handler['outcome']} in {handler['duration_ms']:.1f} ms"]
            lines += [f"    {line}" for line in [*handler["problem"].splitlines(), *map(_error_line, handler["errors"])]]
        if not self.deliveries:
            lines += [f"  {line}" for line in [fields["error"], *map(_error_line, fields["errors"])] if line]
        lines += [f"  {fields['problem']}"] if fields["problem"] else []
        return "\n".join("".join(letter if letter.isprintable() else "?" for letter in line) for line in lines)

    def fields(self) -> dict[str, Any]:
        """The answer for scripts."""
        body, problem, acknowledged = _Body(), self.problem, self.status in ACKNOWLEDGED
        try:
            body = _Body.model_validate_json(self.body or b"{}")
        except ValidationError:
            problem = problem if acknowledged else "The body is not the events endpoint's: is something else at that URL?"
        return {
            "place": self.place,
            "status": self.status,
            "acknowledged": acknowledged,
            "retry_after": self.retry_after,
            **body.model_dump(),
            "handlers": [_handler_fields(delivery) for delivery in self.deliveries],
            "problem": problem,
            "outcome": self.result,
        }


def _statuses(result: str) -> range | set[int]:
    outcome = Outcome.HANDLED if result == DEFERRED else Outcome(result)
    # the site may have another FAILURE_STATUS than this process
    return range(400, 600) if outcome is Outcome.FAILED else {outcome.status}


def _handler_fields(delivery: Delivery) -> dict[str, Any]:
    error, problem, errors = delivery.error, "", []
    if isinstance(error, InvalidEventError):
        problem, errors = f"The declared type rejects the event's {error.part}:", _exact_errors(error)
    elif isinstance(error, ConfigurationError):  # its text names the place
        problem = str(error)
    elif error is not None:
        problem = f"{trail(error)}: {error}" if str(error) else trail(error)
    ended = {"outcome": delivery.outcome.value, "duration_ms": round(delivery.duration * 1000, 3)}
    return {"handler": delivery.name, **ended, "problem": problem, "errors": errors}


def _exact_errors(error: InvalidEventError) -> list[Mapping[str, Any]]:
    """Pydantic's own words, with names and tags that the sender's answer hides: the reader has sent the payload."""
    cause = error.__cause__
    exact = (
        cause.errors(include_url=False, include_context=False, include_input=False) if isinstance(cause, ValidationError) else []
    )
    pairs = zip_longest(error.errors, exact[: len(error.errors)])
    return [{**answered, **own} if own and own["type"] == answered["type"] else answered for answered, own in pairs]


def _error_line(error: Mapping[str, Any]) -> str:
    return f"{'.'.join(map(str, error['loc'])) or 'the payload'}: {error['msg']} ({error['type']})"
