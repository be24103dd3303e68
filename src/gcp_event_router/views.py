"""The endpoint: authenticates a request, reads its events, sends them, and answers.

`urls` routes to `EventView`, `urls_async` to `AsyncEventView`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import getattr_static
from types import FunctionType
from typing import Any, Final, cast

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View, base
from typing_extensions import override

from ._concurrency import NOT_WITH_GEVENT, is_served_by_gevent
from ._dispatch.refusal import refuse_request, reject
from ._endpoint.request import body_limit, is_received_long, read_body, read_events
from ._endpoint.response import EventResponse, failure, handshake, permission
from ._flow import REST_IN_THREAD, Flow, arun, in_thread, on_loop, run
from .auth import Authenticator, AuthenticatorChain, configured
from .envelopes import SignedRequest
from .event import UNKNOWN, Principal, is_label
from .exceptions import ConfigurationError, DocumentError, take_error
from .outcomes import Outcome, worst
from .signals import event_received

__all__ = ["AsyncEventView", "EventView", "reads_nothing_first"]


class EventView(View):
    """Takes a POST, sends it as `event_received`, and answers with the worst outcome.

    Exempt from CSRF, from `LoginRequiredMiddleware` and, for each database, from `ATOMIC_REQUESTS`, since a handler's failure
    must not undo the work of the others.
    """

    http_method_names: Sequence[str] = ["post"]

    #: Authenticators of this view, instead of those in the settings: `EventView.as_view(authentication=[...])`.
    authentication: Sequence[Authenticator] | None = None

    _own_chain: AuthenticatorChain | None = None
    _is_async = False

    @override
    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Make the view function for a URL pattern. Raises `ConfigurationError` for an object that is not an authenticator."""
        authentication = initkwargs.get("authentication", cls.authentication)
        if authentication is not None:
            initkwargs["_own_chain"] = AuthenticatorChain(authentication)
        view = login_not_required(csrf_exempt(super().as_view(**initkwargs)))
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        if _overrides_nothing(cls):
            view = cls._straight(view, cls(**initkwargs))
            setattr(view, _MARK, view)
        return view

    @classmethod
    def _straight(cls, view: Callable[..., HttpResponseBase], instance: EventView) -> Callable[..., HttpResponseBase]:
        """Make a view function that calls `post` of one instance for all requests, since nothing of a request is kept in it.

        Other methods, and what other software has patched in the meantime, are left to Django's `view`.
        """

        def straight(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "POST" and cls.dispatch is _DISPATCH and cls.setup is _SETUP:
                return instance.post(request, *args, **kwargs)
            return view(request, *args, **kwargs)

        straight.__dict__.update(view.__dict__)
        straight.__doc__, straight.__module__ = view.__doc__, view.__module__
        return straight

    @override
    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer 405, except to a sender of CloudEvents that asks by OPTIONS whether it may send, and that the settings name."""
        allowed = permission(request)
        if allowed is None:
            return super().http_method_not_allowed(request, *args, **kwargs)
        return cast("HttpResponse", _awaited(allowed)) if self._is_async else allowed

    def post(self, request: HttpRequest, event_kind: object = None, event_reference: object = None, **_: object) -> HttpResponse:
        """Receive one event, or a batch; a project's pattern may capture more, and convert it."""
        return run(self._receive(request, *_labels(event_kind, event_reference)))

    def _receive(self, request: HttpRequest, kind: str, reference: str) -> Flow[HttpResponse]:
        """Authenticate a request, read its events, send each, and answer with the worst outcome."""
        meta = request.META
        principal: Principal | None = None
        try:
            chain = self._own_chain or configured()
            # a closed endpoint alone is worth another generator
            principal, signed = (None, None) if chain.is_open else (yield from chain.ask(request))
            limit = body_limit(signed)
            if self._is_async and (yield on_loop(is_received_long, request, limit)):
                yield REST_IN_THREAD
            body = read_body(request, limit)
            description = None
            if signed is not None:
                principal, authenticator = yield from signed.verify(body)
                provider = authenticator.provider
                signed_request = SignedRequest(meta, body)
                if provider is not None and (answer := provider.handshake_answer(signed_request)) is not None:
                    return handshake(provider.name, answer)
                description = None if provider is None else provider.describe(signed_request)
            events = read_events(request, body, principal, chain, kind, reference, description)
        except Exception as error:  # noqa: BLE001 -- each becomes an answer
            yield from refuse_request(error, kind, reference, principal, meta)
            return failure(error, kind, reference)
        outcomes: list[Outcome] = []
        errors: list[Exception] = []
        for event_kind, event_reference, raw_event in events:
            try:
                try:
                    if raw_event.problem is not None:
                        raise DocumentError(raw_event.problem)  # noqa: TRY301 -- as a receiver does
                    event = type(self), event_kind, event_reference, raw_event
                    outcomes.append((yield event_received.deliver, event_received.adeliver, event))
                except DocumentError as error:
                    outcomes.append((yield in_thread(reject, event_kind, event_reference, raw_event, error)))
            except Exception as error:  # noqa: BLE001 -- as above; the handlers' failures are logged already
                errors.append(error)
                kind, reference = event_kind, event_reference
        if errors:
            return failure(take_error(errors, "several events failed"), kind, reference)
        return EventResponse(outcomes[0] if len(outcomes) == 1 else worst(outcomes))


class AsyncEventView(EventView):
    """`EventView` for ASGI, which never blocks the event loop.

    Sync receivers and handlers run in one thread; if the body is long, it is also read and parsed there.
    """

    _is_async = True

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
        return await arun(self._receive(request, *_labels(event_kind, event_reference)))


async def _awaited(response: HttpResponse) -> HttpResponse:
    return response


#: Django's own methods; None if other software replaced them before this module was imported.
_SETUP, _DISPATCH = (
    method if type(method) is FunctionType and getattr(method, "__globals__", None) is vars(base) else None
    for method in (View.setup, View.dispatch)
)
#: The attribute of a view function that refers to the function itself, unless it is wrapped.
_MARK: Final = "_gcp_event_router_view"


def _overrides_nothing(cls: type[EventView]) -> bool:
    """Whether a class has Django's and our own methods, even if other software has wrapped those."""
    steps = (getattr_static(cls, name) is getattr_static(View, name) for name in ("setup", "dispatch"))
    return all(steps) and any(getattr_static(cls, "post") is vars(own)["post"] for own in (EventView, AsyncEventView))


def reads_nothing_first(view: Any) -> bool:
    """Whether a view function is our own without changes, so that nothing reads a body before its sender is known."""
    while type(view).__name__ == "DjangoViewProxy" or str(type(view).__module__).startswith("newrelic."):
        view = view.__wrapped__  # ddtrace and New Relic's agent pass the request on
    return getattr(view, _MARK, None) is view


def _labels(kind: object, reference: object) -> tuple[str, str]:
    """The kind and the reference in the URL, if it has them."""
    kind = UNKNOWN if kind is None else str(kind)
    reference = UNKNOWN if reference is None else str(reference)
    if not (is_label(kind) and is_label(reference)):
        raise Http404
    return kind, reference
