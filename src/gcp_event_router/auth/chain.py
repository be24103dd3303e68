"""Asks several authenticators for one answer. `views` asks the chain before it reads a body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from inspect import isawaitable, isclass, iscoroutinefunction
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.request import HttpHeaders

from .._concurrency import in_thread, wait_for
from .._flow import Flow, arun, either, run
from .._log import logger, trail
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, ForbiddenError, RefusalError, UnavailableError
from .base import Authenticator

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
        self._steps: list[tuple[Authenticator, Callable[[HttpRequest], Awaitable[Any]]]] = []
        parameters: set[str] = set()
        headers: set[str] = set()
        for authenticator in self.authenticators or ():
            require_authenticator(authenticator, type(authenticator).__qualname__)
            self._steps.append((authenticator, _async_method(authenticator)))
            parameters.update(getattr(authenticator, "secret_parameters", ()))
            headers.update(map(HttpHeaders.to_wsgi_name, getattr(authenticator, "secret_headers", ())))
        #: The query parameters that hold credentials of any authenticator; handlers and receivers do not see them.
        self.secret_parameters: frozenset[str] = frozenset(parameters)
        #: The same for headers, by their keys in `request.META`; envelopes never have `Authorization` and cookies.
        self.secret_headers: frozenset[str] = frozenset(headers)

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Return the sender, by the first authenticator that accepts the request; None if the endpoint is open.

        Raises:
            AuthenticationError: No authenticator accepts it.
            ForbiddenError: One knows the sender and refuses it; or none is configured, and `DEBUG` is off.
            UnavailableError: One cannot decide now.

        """
        return run(self.ask(request))

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do the same as `authenticate` without blocking the event loop."""
        return await arun(self.ask(request))

    def ask(self, request: HttpRequest) -> Flow[Principal | None]:
        """Do what `authenticate` does, as part of a flow."""
        refusals: list[RefusalError] = []
        for authenticator, aauthenticate in self._steps:
            try:
                answer: object = yield either(authenticator.authenticate, aauthenticate, request)
                if not isinstance(answer, Principal) and isawaitable(answer):
                    answer = yield either(_wait, _await, answer)
                if isinstance(answer, Principal):
                    return answer
                if answer is not None:
                    refusals.append(_refuse_answer(authenticator, answer))
            except Exception as error:  # noqa: BLE001 -- any exception refuses the request
                refusals.append(_refusal(authenticator, error))
        self._admit_or_raise(refusals)
        return None

    def _admit_or_raise(self, refusals: list[RefusalError]) -> None:
        """Admit a request that no authenticator accepted if there are none; otherwise raise the most telling refusal."""
        if self.authenticators is None:
            if settings.DEBUG:
                return
            logger.error(
                "The events endpoint is closed to everybody: write GCP_EVENT_ROUTER = "
                '{"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {...}}]} in your settings, '
                'or {"AUTHENTICATION": []} to open it on purpose.'
            )
            raise ForbiddenError(reason="no authentication is configured")
        if not self.authenticators:
            return
        for kind in _REFUSALS:
            for refusal in refusals:
                if isinstance(refusal, kind):
                    raise refusal
        raise AuthenticationError(reason="it has no credentials that an authenticator reads")


def _wait(answer: Awaitable[object]) -> object:
    return wait_for(partial(_await, answer))


async def _await(answer: Awaitable[object]) -> object:
    return await answer


def _async_method(authenticator: Authenticator) -> Callable[[HttpRequest], Awaitable[Any]]:
    """The method to await: `aauthenticate`, unless a subclass overrides `authenticate` alone."""
    for base in type(authenticator).__mro__:
        if "aauthenticate" in vars(base):
            method: Callable[[HttpRequest], Awaitable[Any]] = getattr(authenticator, "aauthenticate")  # noqa: B009 -- not in the protocol
            return method
        if "authenticate" in vars(base):
            break
    if iscoroutinefunction(authenticator.authenticate):
        return authenticator.authenticate
    return lambda request: in_thread(partial(authenticator.authenticate, request))


def _refusal(authenticator: Authenticator, error: Exception) -> RefusalError:
    """Turn an authenticator's exception into a refusal; an unexpected one lets the sender try again."""
    if isinstance(error, _REFUSALS):
        return error
    if isinstance(error, PermissionDenied):
        return ForbiddenError(reason="the authenticator denied permission")
    logger.error("The authenticator %s failed: %s", type(authenticator).__qualname__, trail(error))
    logger.debug("The authenticator %s failed", type(authenticator).__qualname__, exc_info=error)
    return UnavailableError(reason="an authenticator failed")


def _refuse_answer(authenticator: Authenticator, answer: object) -> RefusalError:
    message = "The authenticator %s must return a Principal or None, not an object of type %s."
    logger.error(message, type(authenticator).__qualname__, type(answer).__name__)
    return UnavailableError(reason="an authenticator failed")


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
