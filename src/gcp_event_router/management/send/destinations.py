"""Where `manage.py events send` sends an event: to the handlers of this process, or to a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http.client import HTTPException
from ssl import SSLError
from typing import Any, Final, cast

from django.core.management.base import CommandError
from django.test import RequestFactory

from ..._endpoint.response import EventResponse
from ..._log import trail
from ...conf import current
from ...exceptions import ConfigurationError, InvalidEventError
from ...lifecycle import event_rejected, handler_finished
from ...outcomes import Outcome, classify
from ...pulling.http import PushClient
from ...signals import event_received
from ...testing import CloudEventRequest
from ...views import EventView
from .answer import DEFERRED, Answer, Called, answer_of

__all__ = ["InProcess", "OverHTTP"]


_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: What the inbox made of an event, where it called no handler.
_REASONS: Final[Mapping[str, str]] = {
    DEFERRED: "the event is kept, and waits for a worker, such as manage.py inbox process",
    Outcome.DUPLICATE.value: "the inbox has this event already, and its work is done or waits for a worker",
    Outcome.PARKED.value: "it failed too often before and is parked; see manage.py inbox list --state parked",
    Outcome.BUSY.value: "another worker has it",
}


class InProcess:
    """The endpoint's own view, in this process: whoever may run commands here need not show who they are."""

    def send(
        self,
        kind: str | None,
        reference: str,
        parameters: Mapping[str, Sequence[str]],
        request: CloudEventRequest,
        headers: Mapping[str, str],
    ) -> Answer:
        """Send it, and watch who is called."""
        # the project's middleware and URLs have no part in it, and neither have its authenticators
        made = RequestFactory().post(
            "/",
            request.body,
            content_type=request.content_type,
            headers={**request.headers, **headers},
            query_params={name: list(values) for name, values in parameters.items()},
        )
        called: list[Called] = []
        problems: list[str] = []

        def finished(handler: str, outcome: Outcome, duration: float, error: Exception | None, **_: Any) -> None:
            called.append(_called(handler, outcome, duration, error))

        def rejected(error: Exception, **_: Any) -> None:
            reason = getattr(error, "reason", "")
            problems.append(str(error) or f"{type(error).__name__}{reason and f', {reason}'}")

        handler_finished.connect(finished)
        event_rejected.connect(rejected)
        try:
            labels = {} if kind is None else {"event_kind": kind, "event_reference": reference}
            response = EventView.as_view(authentication=[])(made, **labels)
        except Exception as error:  # noqa: BLE001 -- with DEBUG on, the view raises what a handler raised
            outcome = classify(error)
            status, body, retry = outcome.status, b"", None
        else:
            outcome = cast("EventResponse", response).outcome
            status, body, retry = response.status_code, bytes(getattr(response, "content", b"")), response.get("Retry-After")
        finally:
            handler_finished.disconnect(finished)
            event_rejected.disconnect(rejected)
        result = DEFERRED if outcome is Outcome.HANDLED and not called else outcome.value
        if not called and not problems:
            problems += [_nobody(result)]
        return answer_of(
            "this process",
            status,
            body,
            acknowledged=status in {200, 201},
            retry_after=retry,
            called=called,
            problem="; ".join(problems),
            result=result,
        )


class OverHTTP:
    """A URL, which is signed where the settings say so and `signed` does. Raises `PostError` for one that cannot be posted to."""

    def __init__(self, url: str, *, signed: bool = True) -> None:
        self._target = PushClient(url, signed=signed)

    def url(self, kind: str | None, reference: str, parameters: Mapping[str, Sequence[str]]) -> str:
        """The whole URL."""
        return self._target.base + self._target.path(kind, reference, parameters)

    def send(
        self,
        kind: str | None,
        reference: str,
        parameters: Mapping[str, Sequence[str]],
        request: CloudEventRequest,
        headers: Mapping[str, str],
    ) -> Answer:
        """Post it."""
        path = self._target.path(kind, reference, parameters)
        place = self._target.base + path.partition("?")[0]
        given = {name.lower() for name in headers}
        ours = {**request.headers, **({"Content-Type": request.content_type} if request.content_type else {})}
        sent = {name: value for name, value in ours.items() if name.lower() not in given} | {**headers}
        try:
            posted = self._target.post(path, request.body, sent)
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
        return answer_of(
            place,
            posted.status,
            posted.body,
            acknowledged=posted.acknowledged,
            retry_after=posted.retry_after,
            called=(),
            problem=problem,
        )


def _question(error: Exception) -> str:
    """What to look at where nobody answered."""
    if isinstance(error, SSLError):
        return "Does it speak https there, with a certificate that this machine trusts?"
    if isinstance(error, OSError):
        return "Is the server running?"
    return "What came back is not HTTP as it should be: is something else at that port?"


def _called(handler: str, outcome: Outcome, duration: float, error: Exception | None) -> Called:
    if isinstance(error, InvalidEventError):
        problem = f"The event's {error.part} cannot be read as what it declares:"
        return Called(handler, outcome.value, duration * 1000, problem, error.errors)
    if isinstance(error, ConfigurationError):  # which says what to do, and where
        return Called(handler, outcome.value, duration * 1000, str(error))
    problem = "" if error is None else f"{trail(error)}: {error}" if str(error) else trail(error)
    return Called(handler, outcome.value, duration * 1000, problem)


def _nobody(result: str) -> str:
    """Why no handler was called."""
    if result == Outcome.UNHANDLED.value:
        if event_received.plain_receivers():
            return "No handler is registered for it; plain receivers were called."
        if current().UNHANDLED == "keep":
            return "No handler is registered for it, and the inbox keeps it: see manage.py inbox replay."
        return "No handler is registered for it: see manage.py events explain."
    return f"No handler was called: {_REASONS.get(result, result)}."
