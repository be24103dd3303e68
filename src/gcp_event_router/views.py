"""The endpoint: authenticate, read, send, answer; nothing of its own beyond that.

`urls` routes to `EventView`, `urls_async` to `AsyncEventView`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections, transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View
from typing_extensions import override

from . import conf
from .auth import Authenticator, Door, configured
from .envelopes import EVENTARC_MODE, is_batch, read, read_batch
from .event import UNKNOWN, Arrival, Principal, is_label, labels_of
from .exceptions import (
    BodyTooLargeError,
    ConfigurationError,
    EnvelopeError,
    RefusalError,
)
from .keepers import Unread, UnreadError
from .keepers import keeper as current_keeper
from .lifecycle import event_rejected
from .logs import log_event, logger, trail
from .outcomes import Outcome, classify, details, of_responses, retry_after
from .signals import DocumentError, event_received
from .traces import trace_headers

__all__ = ["AsyncEventView", "EventView"]

_Response: TypeAlias = tuple[Any, Any]
_DIGITS = 19
"""More digits of a Content-Length than any limit has."""
_EXPECTED = (EnvelopeError, BodyTooLargeError, RefusalError)
#: The same for every kind, so that a stranger learns nothing of which are known.
_REFUSED = {Outcome.UNAUTHENTICATED: "Unauthorized", Outcome.FORBIDDEN: "Forbidden"}


class EventView(View):
    """Takes a POST, sends it as `event_received`, and answers with the worst outcome.

    Exempt from CSRF, from `LoginRequiredMiddleware` and, for each database, from `ATOMIC_REQUESTS`: a handler's failure must
    not undo what the others did.
    """

    http_method_names: Sequence[str] = ["post"]

    #: Authenticators of this view, in place of those in the settings: `EventView.as_view(authentication=[...])`.
    authentication: Sequence[Authenticator] | None = None

    _own_door: Door | None = None

    @override
    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Make the view function for a URL pattern. Raises `ConfigurationError` for what is no authenticator."""
        authentication = initkwargs.get("authentication", cls.authentication)
        if authentication is not None:
            initkwargs["_own_door"] = Door(authentication)
        view = login_not_required(csrf_exempt(super().as_view(**initkwargs)))
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    def post(self, request: HttpRequest, event_kind: object = None, event_reference: object = None, **_: object) -> HttpResponse:
        """Receive one event, or a batch; the pattern may capture more, and convert what it captures."""
        kind, reference = _labels(event_kind, event_reference)
        principal: Principal | None = None
        try:
            door = self._door()
            principal = door.authenticate(request)
            arrivals = _arrivals(request, principal, door, kind, reference)
        except UnreadError as error:
            return _unreadable(error)
        except Exception as error:  # noqa: BLE001 -- each becomes an answer
            event_rejected.tell(None, **_rejection(error, kind, reference, principal))
            return _refusal(error, kind, reference, request.META)
        sent: list[_Response] = []
        errors: list[Exception] = []
        for kind, reference, arrival in arrivals:
            try:
                sent += event_received.send(type(self), event_kind=kind, event_reference=reference, arrival=arrival)
            except Exception as error:  # noqa: BLE001 -- as above; the handlers' failures are in the log already
                if isinstance(error, DocumentError):
                    event_rejected.tell(None, **_rejection(error, kind, reference, principal))
                errors.append(error)
        return _failure(_one(errors), kind, reference) if errors else _success(sent)

    def _door(self) -> Door:
        return self._own_door or configured()


class AsyncEventView(EventView):
    """`EventView` for ASGI: nothing in it blocks the event loop, and sync receivers and handlers share one thread hop."""

    @override
    async def post(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] -- Django awaits it
        self, request: HttpRequest, event_kind: object = None, event_reference: object = None, **_: object
    ) -> HttpResponse:
        """Receive one event, or a batch."""
        kind, reference = _labels(event_kind, event_reference)
        principal: Principal | None = None
        try:
            door = self._door()
            principal = await door.aauthenticate(request)
            arrivals = _arrivals(request, principal, door, kind, reference)
        except UnreadError as error:
            return await sync_to_async(_unreadable)(error)
        except Exception as error:  # noqa: BLE001 -- as in EventView
            await event_rejected.atell(None, **_rejection(error, kind, reference, principal))
            return _refusal(error, kind, reference, request.META)
        sent: list[_Response] = []
        errors: list[Exception] = []
        for kind, reference, arrival in arrivals:
            try:
                sent += await event_received.asend(type(self), event_kind=kind, event_reference=reference, arrival=arrival)
            except Exception as error:  # noqa: BLE001 -- as in EventView
                if isinstance(error, DocumentError):
                    await event_rejected.atell(None, **_rejection(error, kind, reference, principal))
                errors.append(error)
        return _failure(_one(errors), kind, reference) if errors else _success(sent)


def _labels(kind: object, reference: object) -> tuple[str, str]:
    """The kind and the reference in the URL, if it has them."""
    if kind is None and reference is None:
        return UNKNOWN, UNKNOWN
    labels = str(kind), str(reference)
    if not all(map(is_label, labels)):
        raise Http404
    return labels


def _arrivals(
    request: HttpRequest, principal: Principal | None, door: Door, kind: str, reference: str
) -> list[tuple[str, str, Arrival]]:
    """Read the request, now that its sender is known; its credentials stay here. Raises `SenderError`."""
    meta, secret = request.META, door.secret_headers
    if secret and not secret.isdisjoint(meta):
        meta = {name: value for name, value in meta.items() if name not in secret}
    body = _body(request, conf.current().MAX_BODY_SIZE)
    parameters = _parameters(request, door.secret_parameters)
    headers = trace_headers(meta)
    try:
        envelopes = read_batch(body, meta) if is_batch(meta) else [read(body, meta)]
        if kind is UNKNOWN:
            return [(*labels_of(each), Arrival(each, parameters, principal, headers=headers)) for each in envelopes]
        return [(kind, reference, Arrival(each, parameters, principal, headers=headers)) for each in envelopes]
    except EnvelopeError as error:
        raise UnreadError(str(error), Unread(kind, reference, body, meta, parameters or {}, principal)) from error


def _parameters(request: HttpRequest, secret: Collection[str]) -> dict[str, list[str]] | None:
    query = request.META.get("QUERY_STRING")
    if not query:
        return None
    try:
        # not request.GET, whose encoding is whatever the sender writes into Content-Type
        parameters = dict(QueryDict(query, encoding="utf-8").lists())
    except SuspiciousOperation as error:
        msg = "The URL has more parameters than DATA_UPLOAD_MAX_NUMBER_FIELDS."
        raise EnvelopeError(msg) from error
    for name in (*secret, EVENTARC_MODE):
        parameters.pop(name, None)
    return parameters


def _body(request: HttpRequest, limit: int) -> bytes:
    """All bytes of the request; Django's own limit is too low for Pub/Sub. Raises `SenderError`."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    if announced and not (announced.isascii() and announced.isdecimal()):
        msg = "The header Content-Length is not a number."
        raise EnvelopeError(msg)
    length = int(announced[:_DIGITS] or 0)
    if length > limit:
        raise BodyTooLargeError
    try:
        body = _stream(request, announced)(limit + 1)
    except OSError as error:  # Django's UnreadablePostError is one
        msg = "The body could not be read to its end."
        raise EnvelopeError(msg) from error
    if len(body) > limit:
        raise BodyTooLargeError
    if len(body) < length:
        msg = "The body ends before its Content-Length."
        raise EnvelopeError(msg)
    return body


def _stream(request: HttpRequest, announced: str) -> Callable[[int], bytes]:
    """What to read from. Under WSGI, Django takes a body without a length for empty, so chunks are read from the server."""
    chunked = not announced and isinstance(request, WSGIRequest) and "HTTP_TRANSFER_ENCODING" in request.META
    if not chunked:
        return request.read
    if not request.META.get("wsgi.input_terminated"):
        msg = "The body comes in chunks, which this server does not pass on; it has to have a Content-Length."
        raise EnvelopeError(msg)
    read_chunks: Callable[[int], bytes] = request.META["wsgi.input"].read
    return read_chunks


def _one(errors: list[Exception]) -> Exception:
    """What went wrong with the events of a request, as one exception."""
    return errors[0] if len(errors) == 1 else ExceptionGroup("several events failed", errors)


def _success(responses: list[_Response]) -> HttpResponse:
    return _answer(b"{}", of_responses(responses).status)


def _unreadable(error: UnreadError) -> HttpResponse:
    """The answer to a body that is in a form which it does not keep: where events are kept, it is, and not sent again."""
    unread, keeper = error.unread, current_keeper()
    kind, reference = unread.kind, unread.reference
    if keeper is None:
        event_rejected.tell(None, **_rejection(error.reason, kind, reference, unread.principal))
        return _refusal(error.reason, kind, reference, unread.meta)
    try:
        keeper.reject(unread, error)
    except Exception as away:  # noqa: BLE001 -- becomes an answer
        event_rejected.tell(None, **_rejection(away, kind, reference, unread.principal))
        return _refusal(away, kind, reference, unread.meta)
    rejection = _rejection(error.reason, kind, reference, unread.principal)
    event_rejected.tell(None, **rejection | {"outcome": Outcome.REJECTED})
    log_event(
        logging.WARNING,
        Outcome.REJECTED.value,
        kind=kind,
        reference=reference,
        problem=str(error),
        traceparent=_traceparent(unread.meta),
    )
    return _answer(b"{}", Outcome.REJECTED.status)


def _rejection(error: Exception, kind: str, reference: str, principal: Principal | None) -> dict[str, Any]:
    """What the listeners of `event_rejected` are told."""
    return {
        "event_kind": kind,
        "event_reference": reference,
        "outcome": classify(error),
        "error": error,
        "principal": principal,
    }


def _traceparent(meta: Mapping[str, Any]) -> str | None:
    headers = trace_headers(meta)
    trace = headers and headers.read()
    return trace and trace.traceparent


def _refusal(error: Exception, kind: str, reference: str, meta: Mapping[str, Any]) -> HttpResponse:
    """The answer to a request that did not become an event, with its line in the log."""
    outcome = classify(error)
    level, problem = logging.ERROR, trail(error)
    if isinstance(error, _EXPECTED):
        level, problem = logging.WARNING, type(error).__name__
    if isinstance(error, (EnvelopeError, ConfigurationError)):  # texts of ours; an authenticator's own may hold anything
        problem = str(error)
    elif isinstance(error, RefusalError) and error.reason:
        problem = f"{problem}, {error.reason}"
    log_event(level, outcome.value, kind=kind, reference=reference, problem=problem, traceparent=_traceparent(meta))
    logger.debug("The request was refused", exc_info=error)
    return _failure(error, kind, reference)


def _failure(error: Exception, kind: str, reference: str) -> HttpResponse:
    outcome = classify(error)
    if outcome.acknowledged:  # a plain receiver raised Reject
        return _answer(b"{}", outcome.status)
    if outcome is Outcome.FAILED and settings.DEBUG:
        raise error
    content: dict[str, object] = {
        "error": _REFUSED.get(outcome, f"Unable to handle event of kind {kind} with reference {reference}")
    }
    if outcome is Outcome.INVALID and (listed := details(error)):
        content["errors"] = listed
    status = conf.current().FAILURE_STATUS if outcome is Outcome.FAILED else outcome.status
    response = _answer(json.dumps(content).encode(), status)
    if outcome is Outcome.UNAUTHENTICATED:
        response["WWW-Authenticate"] = "Bearer"
    wait = retry_after(error)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response


def _answer(content: bytes, status: int) -> HttpResponse:
    response = HttpResponse(content, status=status, content_type="application/json")
    # the event has its line in the log; Django would add one, and call each 503 an error
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 -- how Django's own log_response marks it
    return response
