"""Where `manage.py events send` sends an event, and the answer: from the handlers of this process, or from a URL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from ssl import SSLError
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.core.management.base import CommandError
from django.http import HttpResponse
from django.test import RequestFactory

from ..._log import trail
from ...auth import AuthenticatorChain
from ...conf import current
from ...exceptions import ConfigurationError, InvalidEventError
from ...outcomes import ACKNOWLEDGED, Outcome, classify
from ...pulling.http import PushClient
from ...signals import event_received
from ...testing.cloudevent_messages import CloudEventRequest
from ...testing.recording import Delivery, record_own
from ...views import EventView

#: The result where handlers are deferred: the sender may forget the event, and a worker has yet to handle it.
_DEFERRED: Final = "deferred"
#: All results that an event can have.
RESULTS: Final = (Outcome.HANDLED.value, _DEFERRED, *(outcome.value for outcome in Outcome if outcome is not Outcome.HANDLED))
_HERE: Final = "this process"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: Why no handler was called.
_REASONS: Final[Mapping[str, str]] = {
    _DEFERRED: "the event is kept, and waits for a worker, such as manage.py inbox process",
    Outcome.DUPLICATE.value: "the inbox has this event already, and its work is done or waits for a worker",
    Outcome.PARKED.value: "it failed too often before and is parked; see manage.py inbox list --state parked",
    Outcome.BUSY.value: "another worker has it",
}


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """One answer."""

    #: Where it comes from: a URL without its query, or `this process`.
    place: str
    status: int
    body: bytes
    retry_after: str | None
    #: Why no handler was called, or what else went wrong.
    problem: str
    #: Known only if the handlers ran in this process.
    deliveries: Sequence[Delivery] = ()
    #: One of `RESULTS`; None if only the status is known.
    result: str | None = None

    def require(self, expected: str) -> None:
        """Raise `CommandError` unless the result, as far as it is known, is the expected one."""
        content = self._content()
        is_ours = content is not None and content.keys() <= {"error", "errors"}
        acknowledged = self.status in ACKNOWLEDGED
        results = [self.result] if self.result else [result for result in RESULTS if self.status in _statuses(result)]
        if expected in results or (not self.result and expected == RESULTS[0] and acknowledged and not is_ours):
            return  # a foreign endpoint need only acknowledge
        became = f"the answer {self.status} means {' or '.join(results) or 'that something else is there'}"
        if self.result:
            became = f"the outcome is {self.result!r}"
        if expected != RESULTS[0]:
            msg = f"{expected!r} was expected, and {became}."
        elif acknowledged:
            msg = f"No handler did the work: {became}. If you expect that, give --expect {results[0]}."
        else:
            msg = "The event was not taken."
        raise CommandError(msg)

    def text(self) -> str:
        """For a terminal: the status and how Pub/Sub reads it, then handlers, then errors; nothing that a terminal obeys."""
        fields = self.fields()
        phrase = f" {HTTPStatus(self.status).phrase}" if self.status in HTTPStatus._value2member_map_ else ""
        read = "done, and not sent again" if fields["acknowledged"] else "not done, and sent again"
        wait = f", after {self.retry_after} s" if self.retry_after else ""
        place = "This process" if self.place == _HERE else self.place
        lines = [f"{place} answered {self.status}{phrase}: to Pub/Sub that is {read}{wait}."]
        for handler in fields["handlers"]:
            lines += [f"  {handler['handler']}: {handler['outcome']} in {handler['duration_ms']:.1f} ms"]
            lines += [f"    {line}" for line in [*handler["problem"].splitlines(), *map(_spell, handler["errors"])]]
        if not self.deliveries:
            lines += [f"  {line}" for line in [fields["error"], *map(_spell, fields["errors"])] if line]
        lines += [f"  {fields['problem']}"] if fields["problem"] else []
        return "\n".join("".join(letter if letter.isprintable() else "?" for letter in line) for line in lines)

    def fields(self) -> dict[str, Any]:
        """For scripts."""
        content, acknowledged, problem = self._content(), self.status in ACKNOWLEDGED, self.problem
        if content is None and self.body and not acknowledged:
            problem = problem or "Its body is not the endpoint's: is something else at that URL?"
        errors: object = (content or {}).get("errors")
        listed = cast("list[object]", errors) if isinstance(errors, list) else []
        return {
            "place": self.place,
            "status": self.status,
            "acknowledged": acknowledged,
            "retry_after": self.retry_after,
            "error": str((content or {}).get("error") or ""),
            "errors": [error for error in listed if isinstance(error, dict)],
            "handlers": [_handler(delivery) for delivery in self.deliveries],
            "problem": problem,
            "outcome": self.result,
        }

    def _content(self) -> Mapping[str, Any] | None:
        """The JSON object of the body; None for anything else, which is not the endpoint's."""
        try:
            content: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return cast("Mapping[str, Any]", content) if isinstance(content, dict) else None


def send_here(
    kind: str | None, reference: str, parameters: Mapping[str, Sequence[str]], message: CloudEventRequest
) -> SentAnswer:
    """Call the endpoint's own view without authentication: whoever may run commands here may send.

    The project's URLs and middleware have no part in it.
    """
    labels = {} if kind is None else {"event_kind": kind, "event_reference": reference}
    request = RequestFactory().post(
        f"/?{urlencode(parameters, doseq=True)}", message.body, content_type=message.content_type, headers=message.headers
    )
    with record_own() as recording:
        try:
            response = EventView(_own_chain=AuthenticatorChain([])).post(request, **labels)
            outcome = getattr(response, "outcome", Outcome.FAILED)
        except Exception as error:  # noqa: BLE001 -- with DEBUG on, the view raises what a handler raised
            outcome = classify(error)
            response = HttpResponse(status=outcome.status)
    result = _DEFERRED if outcome is Outcome.HANDLED and not recording.deliveries else outcome.value
    problem = "; ".join(_reason(rejection.error) for rejection in recording.rejections)
    if not recording.deliveries and not problem:
        problem = _nobody(result)
    body, wait = response.content, response.get("Retry-After")
    return SentAnswer(_HERE, response.status_code, body, wait, problem, recording.deliveries, result)


def post(client: PushClient, path: str, request: CloudEventRequest, headers: Mapping[str, str]) -> SentAnswer:
    """Post a request to a URL; `headers` replace those of the envelope. Raises `CommandError` if nobody answers."""
    place = client.base + path.partition("?")[0]
    given = {name.lower() for name in headers}
    ours = {**request.headers, **({"Content-Type": request.content_type} if request.content_type else {})}
    sent = {name: value for name, value in ours.items() if name.lower() not in given} | {**headers}
    try:
        answer = client.post(path, request.body, sent)
    except (OSError, HTTPException) as error:
        question = "What came back is not HTTP as it should be: is something else at that port?"
        if isinstance(error, OSError):
            question = "Is the server running?"
        if isinstance(error, SSLError):
            question = "Does it speak https there, with a certificate that this machine trusts?"
        msg = f"There is no answer from {place}: {type(error).__name__}. {question}"
        raise CommandError(msg) from error
    except ValueError as error:  # of http.client, for a header
        msg = (
            "The event cannot be sent in this envelope: an id, a key or an attribute is a header there, which holds no line "
            "breaks and no letters but Latin ones. Write it in ASCII, or choose --envelope pubsub."
        )
        raise CommandError(msg, returncode=2) from error
    problem = "It redirects: write the URL that it redirects to." if answer.status in _REDIRECTS else ""
    return SentAnswer(place, answer.status, answer.body, answer.retry_after, problem)


def _statuses(result: str) -> range | set[int]:
    outcome = Outcome.HANDLED if result == _DEFERRED else Outcome(result)
    # a site may have other settings than this process, and so another status for failures
    return range(400, 600) if outcome is Outcome.FAILED else {outcome.status}


def _handler(delivery: Delivery) -> dict[str, Any]:
    """What a handler made of the event."""
    error = delivery.error
    problem, errors = "", []
    if isinstance(error, InvalidEventError):
        problem, errors = f"The event's {error.part} cannot be read as what it declares:", list(error.errors)
    elif isinstance(error, ConfigurationError):  # which says what to do, and where
        problem = str(error)
    elif error is not None:
        problem = f"{trail(error)}: {error}" if str(error) else trail(error)
    ended = {"outcome": delivery.outcome.value, "duration_ms": round(delivery.duration * 1000, 3)}
    return {"handler": delivery.name, **ended, "problem": problem, "errors": errors}


def _spell(error: Mapping[str, Any]) -> str:
    """A validation error in a line. One of a foreign endpoint may hold anything."""
    loc = error.get("loc")
    place = ".".join(map(str, cast("list[object]", loc))) if isinstance(loc, (list, tuple)) else ""
    return f"{place or 'the payload'}: {error.get('msg', '')} ({error.get('type', '')})"


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", "")
    return str(error) or f"{type(error).__name__}{reason and f', {reason}'}"


def _nobody(result: str) -> str:
    """Why no handler was called."""
    if result != Outcome.UNHANDLED.value:
        return f"No handler was called: {_REASONS.get(result, result)}."
    if event_received.plain_receivers():
        return "No handler is registered for it; plain receivers were called."
    if current().UNHANDLED == "keep":
        return "No handler is registered for it, and the inbox keeps it: see manage.py inbox replay."
    return "No handler is registered for it: see manage.py events explain."
