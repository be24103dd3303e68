"""Where `manage.py events send` sends an event, and the answer: from the handlers of this process, or from a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http.client import HTTPException
from ssl import SSLError
from typing import Final

from django.core.management.base import CommandError
from django.http import HttpResponse
from django.test import RequestFactory

from ..._endpoint.response import EventResponse
from ...auth import AuthenticatorChain
from ...conf import current
from ...outcomes import Outcome, classify
from ...pulling.http import PushClient
from ...signals import event_received
from ...testing.cloudevents import CloudEventRequest
from ...testing.recording import record_own
from ...views import EventView
from .answer import DEFERRED, SentAnswer

__all__ = ["post", "send_here"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: Why no handler was called.
_REASONS: Final[Mapping[str, str]] = {
    DEFERRED: "the event is kept, and waits for a worker, such as manage.py inbox process",
    Outcome.DUPLICATE.value: "the inbox has this event already, and its work is done or waits for a worker",
    Outcome.PARKED.value: "it failed too often before and is parked; see manage.py inbox list --state parked",
    Outcome.BUSY.value: "another worker has it",
}


def send_here(
    kind: str | None, reference: str, parameters: Mapping[str, Sequence[str]], request: CloudEventRequest
) -> SentAnswer:
    """Call the endpoint's own view without authentication: whoever may run commands here may send.

    The project's URLs and middleware have no part in it.
    """
    labels = {} if kind is None else {"event_kind": kind, "event_reference": reference}
    query = {name: list(values) for name, values in parameters.items()}
    made = RequestFactory().post(
        "/", request.body, content_type=request.content_type, headers=request.headers, query_params=query
    )
    with record_own() as recording:
        try:
            response = EventView(_own_chain=AuthenticatorChain([])).post(made, **labels)
        except Exception as error:  # noqa: BLE001 -- with DEBUG on, the view raises what a handler raised
            outcome = classify(error)
            response = HttpResponse(status=outcome.status)
        else:
            outcome = response.outcome if isinstance(response, EventResponse) else Outcome.FAILED
    result = DEFERRED if outcome is Outcome.HANDLED and not recording.deliveries else outcome.value
    problems = [_described(rejection.error) for rejection in recording.rejections]
    if not recording.deliveries and not problems:
        problems = [_nobody(result)]
    return SentAnswer(
        "this process",
        response.status_code,
        bytes(getattr(response, "content", b"")),
        response.get("Retry-After"),
        recording.deliveries,
        "; ".join(problems),
        result,
    )


def post(client: PushClient, path: str, request: CloudEventRequest, headers: Mapping[str, str]) -> SentAnswer:
    """Post a request to a URL; `headers` replace those of the envelope. Raises `CommandError` if nobody answers."""
    place = client.base + path.partition("?")[0]
    given = {name.lower() for name in headers}
    ours = {**request.headers, **({"Content-Type": request.content_type} if request.content_type else {})}
    sent = {name: value for name, value in ours.items() if name.lower() not in given} | {**headers}
    try:
        posted = client.post(path, request.body, sent)
    except (OSError, HTTPException) as error:
        msg = f"There is no answer from {place}: {type(error).__name__}. {_question(error)}"
        raise CommandError(msg) from error
    except ValueError as error:  # of http.client, for a header
        msg = (
            "The event cannot be sent in this envelope: an id, a key or an attribute is a header there, which holds no line "
            "breaks and no letters but Latin ones. Write it in ASCII, or choose --envelope pubsub."
        )
        raise CommandError(msg, returncode=2) from error
    problem = "It redirects: write the URL that it redirects to." if posted.status in _REDIRECTS else ""
    return SentAnswer(place, posted.status, posted.body, posted.retry_after, problem=problem)


def _question(error: Exception) -> str:
    """What to look at where nobody answered."""
    if isinstance(error, SSLError):
        return "Does it speak https there, with a certificate that this machine trusts?"
    if isinstance(error, OSError):
        return "Is the server running?"
    return "What came back is not HTTP as it should be: is something else at that port?"


def _described(error: Exception) -> str:
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
