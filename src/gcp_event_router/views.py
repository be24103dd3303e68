"""The endpoint: authenticate, read, send, answer; nothing of its own beyond that.

`urls` routes to `EventView`, `urls_async` to `AsyncEventView`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View
from typing_extensions import override

from . import conf
from ._concurrency import NOT_WITH_GEVENT, in_thread, is_served_by_gevent
from ._dispatch.raw_event import UnreadableRequestError
from ._dispatch.store import keeper as current_keeper
from ._endpoint.body import is_long, receive_body
from ._endpoint.request import read_events, undecodable
from ._endpoint.response import failure, success
from ._log import log_event, logger, trail
from .auth import Authenticator, AuthenticatorChain, configured
from .envelopes.trace_context import trace_headers
from .event import UNKNOWN, Principal, is_label
from .exceptions import BodyTooLargeError, ConfigurationError, DocumentError, EnvelopeError, RefusalError
from .lifecycle import event_rejected
from .outcomes import Outcome, classify, of_responses
from .signals import event_received

__all__ = ["AsyncEventView", "EventView", "reads_nothing_first"]

_Response: TypeAlias = tuple[Any, Any]
#: Makes the answer or, with `DEBUG` on, raises what went wrong; a thread could not raise a StopIteration to whoever awaits it.
_Answer: TypeAlias = Callable[[], HttpResponse]
_EXPECTED = (EnvelopeError, BodyTooLargeError, RefusalError)


class EventView(View):
    """Takes a POST, sends it as `event_received`, and answers with the worst outcome.

    Exempt from CSRF, from `LoginRequiredMiddleware` and, for each database, from `ATOMIC_REQUESTS`: a handler's failure must
    not undo what the others did.
    """

    http_method_names: Sequence[str] = ["post"]

    #: Authenticators of this view, in place of those in the settings: `EventView.as_view(authentication=[...])`.
    authentication: Sequence[Authenticator] | None = None

    _own_chain: AuthenticatorChain | None = None

    @override
    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Make the view function for a URL pattern. Raises `ConfigurationError` for what is no authenticator."""
        authentication = initkwargs.get("authentication", cls.authentication)
        if authentication is not None:
            initkwargs["_own_chain"] = AuthenticatorChain(authentication)
        view = login_not_required(csrf_exempt(super().as_view(**initkwargs)))
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        if all(getattr(cls, name) in own for name, own in _READS_NOTHING.items()):
            setattr(view, _MARK, view)
        return view

    def post(self, request: HttpRequest, event_kind: object = None, event_reference: object = None, **_: object) -> HttpResponse:
        """Receive one event, or a batch; the pattern may capture more, and convert what it captures."""
        kind, reference = _labels(event_kind, event_reference)
        try:
            chain = self._chain()
            principal = chain.authenticate(request)
        except Exception as error:  # noqa: BLE001 -- each becomes an answer
            event_rejected.tell(None, **_rejection(error, kind, reference, None))
            return _refusal(error, kind, reference, request.META)()
        return self._receive(request, principal, chain, kind, reference)()

    def _receive(
        self, request: HttpRequest, principal: Principal | None, chain: AuthenticatorChain, kind: str, reference: str
    ) -> _Answer:
        """Read the events of a request whose sender is known, and send them."""
        try:
            raw_events = read_events(request, principal, chain, kind, reference)
        except Exception as error:  # noqa: BLE001 -- as above
            event_rejected.tell(None, **_rejection(error, kind, reference, principal))
            return _refusal(error, kind, reference, request.META)
        sent: list[_Response] = []
        errors: list[Exception] = []
        for each in raw_events:
            try:
                if isinstance(each, UnreadableRequestError):
                    sent.append((None, _kept(each, request.META)))
                    continue
                kind, reference, raw_event = each
                try:
                    sent += event_received.deliver(type(self), kind, reference, raw_event)
                except DocumentError as error:
                    sent.append((None, _kept(undecodable(each, error.reason), request.META, raw_event.envelope.message_id)))
            except Exception as error:  # noqa: BLE001 -- as above; the handlers' failures are in the log already
                errors.append(error)
        return _answer(sent, errors, kind, reference)

    def _chain(self) -> AuthenticatorChain:
        return self._own_chain or configured()


class AsyncEventView(EventView):
    """`EventView` for ASGI: nothing in it blocks the event loop.

    What would block runs in a thread, in one go: the sync receivers and handlers, and before them, where the body is so long
    that reading and parsing it takes its time, those as well.
    """

    @override
    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """As in `EventView`. Raises `ConfigurationError` under gunicorn's gevent workers, which cannot run an async view."""
        if is_served_by_gevent():
            msg = f"{cls.__qualname__} is an async view, and gunicorn's gevent workers cannot await it: {NOT_WITH_GEVENT}"
            raise ConfigurationError(msg)
        return super().as_view(**initkwargs)

    @override
    async def post(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] -- Django awaits it
        self, request: HttpRequest, event_kind: object = None, event_reference: object = None, **_: object
    ) -> HttpResponse:
        """Receive one event, or a batch."""
        kind, reference = _labels(event_kind, event_reference)
        principal: Principal | None = None
        try:
            chain = self._chain()
            principal = await chain.aauthenticate(request)
            await receive_body(request, conf.current().MAX_BODY_SIZE)
            raw_events = None if is_long(request) else read_events(request, principal, chain, kind, reference)
        except Exception as error:  # noqa: BLE001 -- as in EventView
            await event_rejected.atell(None, **_rejection(error, kind, reference, principal))
            return _refusal(error, kind, reference, request.META)()
        if raw_events is None:
            answer = await in_thread(partial(self._receive, request, principal, chain, kind, reference))
            return answer()
        sent: list[_Response] = []
        errors: list[Exception] = []
        for each in raw_events:
            try:
                if isinstance(each, UnreadableRequestError):
                    sent.append((None, await in_thread(partial(_kept, each, request.META))))
                    continue
                kind, reference, raw_event = each
                unread: UnreadableRequestError | None = None
                try:
                    sent += await event_received.adeliver(type(self), kind, reference, raw_event)
                except DocumentError as error:
                    unread = undecodable(each, error.reason)
                if unread is not None:  # asgiref's frames would hold what is being handled
                    sent.append((None, await in_thread(partial(_kept, unread, request.META, raw_event.envelope.message_id))))
            except Exception as error:  # noqa: BLE001 -- as in EventView
                errors.append(error)
        return _answer(sent, errors, kind, reference)()


#: The attribute of a view function that is the function itself, unless something has been wrapped around it.
_MARK: Final = "_gcp_event_router_view"
#: What a view does before it authenticates a request, unless a project has its own.
_READS_NOTHING: Final[Mapping[str, tuple[object, ...]]] = {
    "setup": (View.setup,),
    "dispatch": (View.dispatch,),
    "post": (EventView.post, AsyncEventView.post),
}


def reads_nothing_first(view: object) -> bool:
    """Whether a view function is one of ours as it is, so that nothing looks at a body before its sender is known."""
    return getattr(view, _MARK, None) is view


def _labels(kind: object, reference: object) -> tuple[str, str]:
    """The kind and the reference in the URL, if it has them."""
    if kind is None and reference is None:
        return UNKNOWN, UNKNOWN
    labels = str(kind), str(reference)
    if not (is_label(labels[0]) and is_label(labels[1])):
        raise Http404
    return labels


def _one(errors: list[Exception]) -> Exception:
    """What went wrong with the events of a request, as one exception."""
    return errors[0] if len(errors) == 1 else ExceptionGroup("several events failed", list(errors))


def _kept(error: UnreadableRequestError, meta: Mapping[str, Any], message_id: str | None = None) -> Outcome:
    """What becomes of a body in a form that it does not keep: where events are kept, it is, and not sent again.

    Raises what keeps it from that, once it is logged.
    """
    unread, keeper = error.unread, current_keeper()
    kind, reference = unread.kind, unread.reference
    try:
        if keeper is None:
            raise error.reason  # noqa: TRY301 -- logged as all others
        keeper.reject(unread, error)
    except Exception as problem:
        event_rejected.tell(None, **_rejection(problem, kind, reference, unread.principal))
        _log_refusal(problem, kind, reference, meta, message_id)
        raise
    rejection = _rejection(error.reason, kind, reference, unread.principal) | {"outcome": Outcome.REJECTED}
    event_rejected.tell(None, **rejection)
    log_event(
        logging.WARNING,
        Outcome.REJECTED.value,
        kind=kind,
        reference=reference,
        message_id=message_id,
        problem=str(error),
        traceparent=_traceparent(meta),
    )
    return Outcome.REJECTED


def _rejection(error: Exception, kind: str, reference: str, principal: Principal | None) -> dict[str, Any]:
    """What the listeners of `event_rejected` are told."""
    return {
        "event_kind": kind,
        "event_reference": reference,
        "outcome": classify(error),
        "error": error,
        "principal": principal,
    }


def _answer(sent: list[_Response], errors: list[Exception], kind: str, reference: str) -> _Answer:
    """The answer to a request whose events were sent."""
    if not errors:
        return partial(success, of_responses(sent))
    error = _one(errors)
    errors.clear()  # each holds its caller's frame, and so this list, by its traceback
    return partial(failure, error, kind, reference)


def _refusal(error: Exception, kind: str, reference: str, meta: Mapping[str, Any]) -> _Answer:
    """The answer to a request that did not become an event, with its line in the log."""
    _log_refusal(error, kind, reference, meta)
    return partial(failure, error, kind, reference)


def _log_refusal(error: Exception, kind: str, reference: str, meta: Mapping[str, Any], message_id: str | None = None) -> None:
    outcome = classify(error)
    level, problem = logging.ERROR, trail(error)
    if isinstance(error, _EXPECTED):
        level, problem = logging.WARNING, type(error).__name__
    if isinstance(error, (EnvelopeError, ConfigurationError)):  # texts of ours; an authenticator's own may hold anything
        problem = str(error)
    elif isinstance(error, RefusalError) and error.reason:
        problem = f"{problem}, {error.reason}"
    log_event(
        level,
        outcome.value,
        kind=kind,
        reference=reference,
        message_id=message_id,
        problem=problem,
        traceparent=_traceparent(meta),
    )
    logger.debug("The request was refused", exc_info=error)


def _traceparent(meta: Mapping[str, Any]) -> str | None:
    headers = trace_headers(meta)
    trace = headers and headers.read()
    return trace and trace.traceparent
