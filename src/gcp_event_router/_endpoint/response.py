"""The endpoint's answers, whose outcome middleware and tests can read."""

from __future__ import annotations

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from .. import conf
from .._log import logger
from ..outcomes import Outcome, classify, details, retry_after

#: The same for every kind, so that strangers do not learn which kinds exist.
_REFUSED = {Outcome.UNAUTHENTICATED: "Unauthorized", Outcome.FORBIDDEN: "Forbidden"}


class EventResponse(HttpResponse):
    """An answer in JSON."""

    def __init__(self, outcome: Outcome, content: bytes = b"{}", status: int | None = None) -> None:
        super().__init__(content, status=outcome.status if status is None else status, content_type="application/json")
        #: The worst outcome of the request's events.
        self.outcome: Outcome = outcome
        # the event has its line in the log; Django would add one, and call each 503 an error
        self._has_been_logged = True


def handshake(provider: str, answer: str) -> EventResponse:
    """Answer a provider's request that asks only whether somebody listens."""
    logger.info("The handshake of %s is answered", provider)
    response = EventResponse(Outcome.HANDLED, answer.encode() or b"{}", status=200)
    if answer:
        response["Content-Type"] = "text/plain; charset=utf-8"
    return response


def permission(request: HttpRequest) -> HttpResponse | None:
    """Answer a sender of CloudEvents that asks whether it may send here, if the settings name it.

    Facts: CloudEvents 1.0.2, `http-webhook.md`, §4. The sender's callback is not called, since strangers may choose its URL.
    """
    origin: str = request.META.get("HTTP_WEBHOOK_REQUEST_ORIGIN", "")
    origins = conf.current().WEBHOOK_ORIGINS
    if request.method != "OPTIONS" or not origin or not {origin.lower(), "*"} & origins:
        return None
    allowed = "*" if "*" in origins else origin
    return HttpResponse(headers={"Allow": "POST", "WebHook-Allowed-Origin": allowed, "WebHook-Allowed-Rate": "*"})


def failure(error: Exception, kind: str, reference: str) -> EventResponse:
    """Answer a request that failed. With `DEBUG` on, an unexpected exception is raised again."""
    outcome = classify(error)
    if outcome.acknowledged:  # a plain receiver raised Reject
        return EventResponse(outcome)
    if outcome is Outcome.FAILED and settings.DEBUG:
        raise error
    content: dict[str, object] = {
        "error": _REFUSED.get(outcome, f"Unable to handle event of kind {kind} with reference {reference}")
    }
    if outcome is Outcome.INVALID and (errors := details(error)):
        content["errors"] = errors
    status = conf.current().FAILURE_STATUS if outcome is Outcome.FAILED else outcome.status
    response = EventResponse(outcome, json.dumps(content).encode(), status)
    if outcome is Outcome.UNAUTHENTICATED:
        response["WWW-Authenticate"] = "Bearer"
    wait = retry_after(error)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response
