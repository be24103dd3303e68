"""Asks several authenticators for one answer: those of headers and URLs before `views` reads a body, those of bodies after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from inspect import isawaitable, isclass
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.request import HttpHeaders

from .._concurrency import await_guarded, call_guarded, in_thread, is_async_function, wait_for
from .._flow import Flow, arun, either, run
from .._log import logger, trail
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, ForbiddenError, RefusalError, UnavailableError
from .base import Authenticator, BodyAuthenticator

#: The refusals of authenticators; of several, the first in this order is answered.
_REFUSALS = (UnavailableError, ForbiddenError, AuthenticationError)


class AuthenticatorChain:
    """Lets a request in if one authenticator, asked in order, accepts it.

    An empty list lets everybody in; None means that authentication is not configured, and lets nobody in unless `DEBUG` is on.
    Raises `ConfigurationError` for an object that is not an authenticator.
    """

    def __init__(self, authenticators: Sequence[Authenticator] | None) -> None:
        if authenticators is not None and not isinstance(authenticators, (list, tuple)):
            what = type(authenticators).__name__
            msg = f"authentication is of type {what}, which is not a list. Give a list of authenticators; [] lets everybody in."
            raise ConfigurationError(msg)
        self.authenticators: tuple[Authenticator, ...] | None = None if authenticators is None else tuple(authenticators)
        #: Whether everybody may send, since the list of authenticators is empty on purpose.
        self.is_open: Final = self.authenticators == ()
        self._steps: list[_Step] = []
        self._body_steps: list[_BodyAuthentication] = []
        parameters: set[str] = set()
        headers: set[str] = set()
        for authenticator in self.authenticators or ():
            require_authenticator(authenticator, type(authenticator).__qualname__)
            if isinstance(authenticator, BodyAuthenticator):
                self._body_steps.append(_BodyAuthentication(authenticator))
            if getattr(type(authenticator), "authenticate", None) is not BodyAuthenticator.authenticate:
                self._steps.append(_Step(authenticator, "authenticate"))
            parameters.update(getattr(authenticator, "secret_parameters", ()))
            headers.update(map(HttpHeaders.to_wsgi_name, getattr(authenticator, "secret_headers", ())))
        #: The query parameters that hold credentials of any authenticator; handlers and receivers do not see them.
        self.secret_parameters: frozenset[str] = frozenset(parameters)
        #: The same for headers, by their keys in `request.META`; envelopes never have `Authorization` and cookies.
        self.secret_headers: frozenset[str] = frozenset(headers)

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Return the sender, by the first authenticator that accepts the request; None if the endpoint is open.

        Only bodies that are signed are read, by `request.body`.

        Raises:
            AuthenticationError: No authenticator accepts it.
            ForbiddenError: One knows the sender and refuses it; or none is configured, and `DEBUG` is off.
            UnavailableError: One cannot decide now.

        """
        return run(self._ask_with_body(request))

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do the same as `authenticate` without blocking the event loop."""
        return await arun(self._ask_with_body(request))

    def _ask_with_body(self, request: HttpRequest) -> Flow[Principal | None]:
        principal, signed = yield from self.ask(request)
        return principal if signed is None else (yield from signed.verify(request.body))[0]

    def ask(self, request: HttpRequest) -> Flow[tuple[Principal | None, SignedBody | None]]:
        """Return what `authenticate` does, as part of a flow; and, if only the body can prove the sender, how to verify it."""
        if self.is_open:
            return None, None
        refusals: list[RefusalError] = []
        for step in self._steps:
            principal = yield from step.ask(refusals, request)
            if principal is not None:
                return principal, None
        signed = [step for step in self._body_steps if step.is_signed(request, refusals)]
        if signed:
            return None, SignedBody(request, signed, refusals)
        self._admit_or_raise(refusals)
        return None, None

    def _admit_or_raise(self, refusals: list[RefusalError]) -> None:
        """Admit a request without any authenticator configured under `DEBUG`; otherwise raise the most telling refusal."""
        if self.authenticators is None:
            if settings.DEBUG:
                warn_that_all_may_send()
                return
            logger.error(
                "The events endpoint is closed to everybody: write GCP_EVENT_ROUTER = "
                '{"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {...}}]} in your settings, '
                'or {"AUTHENTICATION": []} to open it on purpose.'
            )
            raise ForbiddenError(reason="no authentication is configured")
        raise _most_telling(refusals)


@cache
def warn_that_all_may_send() -> None:
    """Log that `DEBUG` alone opens the endpoint; once a process."""
    logger.warning(
        "The events endpoint is open to everybody, since DEBUG is on and AUTHENTICATION is not set. Without DEBUG, it "
        'answers 403 to all: say in GCP_EVENT_ROUTER["AUTHENTICATION"] who may send, or write [] there to open it on purpose.'
    )


class SignedBody:
    """A request that only its body can admit."""

    def __init__(self, request: HttpRequest, steps: Sequence[_BodyAuthentication], refusals: list[RefusalError]) -> None:
        self._request = request
        self._steps = steps
        self._refusals = refusals
        #: The most bytes that any of the authenticators verifies.
        self.max_body: Final = max(step.authenticator.max_body for step in steps)

    def verify(self, body: bytes) -> Flow[tuple[Principal, BodyAuthenticator]]:
        """Return the sender, and the authenticator that accepts the body. Raises as `AuthenticatorChain.authenticate` does."""
        for step in self._steps:
            if len(body) > step.authenticator.max_body:
                self._refusals.append(AuthenticationError(reason=f"the body is too long for {step.name}"))
                continue
            principal = yield from step.ask(self._refusals, self._request, body)
            if principal is not None:
                return principal, step.authenticator
        raise _most_telling(self._refusals)


class _Step:
    """The methods of one authenticator, of which a flow calls one."""

    def __init__(self, authenticator: Authenticator, method: str) -> None:
        self.name: Final = type(authenticator).__qualname__
        # guarded here, since a GeneratorExit that is thrown into a flow ends it
        self._authenticate: Callable[..., object] = partial(call_guarded, getattr(authenticator, method))
        self._aauthenticate: Callable[..., Awaitable[object]] = partial(await_guarded, _async_method(authenticator, method))

    def ask(self, refusals: list[RefusalError], *arguments: Any) -> Flow[Principal | None]:
        """Return the sender, or None after noting a refusal."""
        try:
            answer: object = yield either(self._authenticate, self._aauthenticate, *arguments)
            if not isinstance(answer, Principal) and isawaitable(answer):
                answer = yield either(_wait, _await, answer)
            if isinstance(answer, Principal):
                return answer
            if answer is not None:
                refusals.append(_refuse_answer(self.name, answer))
        except Exception as error:  # noqa: BLE001 -- any exception refuses the request
            refusals.append(_refusal(self.name, error))
        return None


class _BodyAuthentication(_Step):
    def __init__(self, authenticator: BodyAuthenticator) -> None:
        super().__init__(authenticator, "authenticate_body")
        self.authenticator: Final = authenticator

    def is_signed(self, request: HttpRequest, refusals: list[RefusalError]) -> bool:
        """Whether the authenticator wants to see the body."""
        try:
            return bool(call_guarded(self.authenticator.is_signed, request))
        except Exception as error:  # noqa: BLE001 -- as above
            refusals.append(_refusal(self.name, error))
            return False


def _wait(answer: Awaitable[object]) -> object:
    return wait_for(partial(_await, answer))


async def _await(answer: Awaitable[object]) -> object:
    return await await_guarded(lambda: answer)


def _async_method(authenticator: Authenticator, method: str) -> Callable[..., Awaitable[object]]:
    """The method to await: the one with an `a` before its name, unless a subclass overrides the other alone."""
    blocking: Callable[..., object] = getattr(authenticator, method)
    for base in type(authenticator).__mro__:
        if f"a{method}" in vars(base):
            awaited: Callable[..., Awaitable[object]] = getattr(authenticator, f"a{method}")
            return awaited
        if method in vars(base):
            break
    if is_async_function(blocking):
        return blocking
    return lambda *arguments: in_thread(partial(call_guarded, blocking, *arguments))


def _refusal(name: str, error: Exception) -> RefusalError:
    """Turn an authenticator's exception into a refusal; an unexpected one lets the sender try again."""
    if isinstance(error, _REFUSALS):
        return error
    if isinstance(error, PermissionDenied):
        return ForbiddenError(reason="the authenticator denied permission")
    logger.error("The authenticator %s failed: %s", name, trail(error))
    logger.debug("The authenticator %s failed", name, exc_info=error)
    return UnavailableError(reason="an authenticator failed")


def _refuse_answer(name: str, answer: object) -> RefusalError:
    message = "The authenticator %s must return a Principal or None, not an object of type %s."
    logger.error(message, name, type(answer).__name__)
    return UnavailableError(reason="an authenticator failed")


def _most_telling(refusals: Sequence[RefusalError]) -> RefusalError:
    for kind in _REFUSALS:
        for refusal in refusals:
            if isinstance(refusal, kind):
                return refusal
    return AuthenticationError(reason="it has no credentials that an authenticator reads")


def require_authenticator(authenticator: object, name: str) -> None:
    """Raise `ConfigurationError` for an object that is not an authenticator."""
    if isclass(authenticator):
        class_name = authenticator.__qualname__
        msg = f"The authenticator {class_name} is a class, not an instance of it. Write {class_name}(...)."
        raise ConfigurationError(msg)
    if not callable(getattr(authenticator, "authenticate", None)):
        msg = f"The authenticator {name} has no method authenticate(request). Give it one that returns a Principal or None."
        raise ConfigurationError(msg)
    for attribute in ("secret_parameters", "secret_headers"):
        if isinstance(getattr(authenticator, attribute, ()), str):
            msg = f"The {attribute} of the authenticator {name} must be a collection of names, not a string. Write a tuple."
            raise ConfigurationError(msg)
