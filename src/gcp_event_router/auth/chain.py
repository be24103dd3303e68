"""How several authenticators come to one answer. `views` asks the chain before it reads a body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from inspect import isawaitable, isclass, iscoroutinefunction
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from .._concurrency import in_thread, wait_for
from .._flow import Flow, arun, either, run
from .._log import logger, trail
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, ForbiddenError, RefusalError, UnavailableError
from .base import Authenticator

__all__ = ["AuthenticatorChain", "require_authenticator"]

#: What an authenticator says no with, the one that is answered first.
_REFUSALS = (UnavailableError, ForbiddenError, AuthenticationError)


class AuthenticatorChain:
    """Lets a request in if one authenticator accepts it.

    Args:
        authenticators: Asked in this order. Without any, everybody is let in; None means that nobody has said who
            may send, so nobody is unless `DEBUG` is on.

    Raises:
        ConfigurationError: Something among them is no authenticator.

    """

    def __init__(self, authenticators: Sequence[Authenticator] | None) -> None:
        if authenticators is not None and not isinstance(authenticators, (list, tuple)):
            what = type(authenticators).__name__
            msg = f"authentication is of type {what}, which is not a list. Give a list of authenticators; [] lets everybody in."
            raise ConfigurationError(msg)
        self.authenticators: tuple[Authenticator, ...] | None = None if authenticators is None else tuple(authenticators)
        for each in self.authenticators or ():
            require_authenticator(each, type(each).__qualname__)
        self._asked = [
            (authenticator, partial(_ask, authenticator), partial(_aask, _asynchronous(authenticator)))
            for authenticator in self.authenticators or ()
        ]
        #: The query parameters that hold credentials, whoever accepts the request: nobody else is to see them.
        self.secret_parameters: frozenset[str] = frozenset(self._named("secret_parameters"))
        #: The same of headers, by their names in `request.META`; `Authorization` and cookies are no envelope's in any case.
        self.secret_headers: frozenset[str] = frozenset(
            "HTTP_" + name.upper().replace("-", "_") for name in self._named("secret_headers")
        )

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Who sent a request, as the first authenticator says that accepts it; None where the endpoint is open.

        Raises:
            AuthenticationError: No authenticator accepts it.
            ForbiddenError: One knows who sent it and says no; or none is configured, and `DEBUG` is off.
            UnavailableError: One cannot decide now.

        """
        return run(self._ask_all(request))

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do what `authenticate` does, without blocking the event loop."""
        return await arun(self._ask_all(request))

    def _ask_all(self, request: HttpRequest) -> Flow[Principal | None]:
        refusals: list[RefusalError] = []
        for authenticator, ask, aask in self._asked:
            try:
                answer: object = yield either(ask, aask, request)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it lets nobody in
                refusals.append(_refusal(authenticator, error))
            else:
                if isinstance(answer, Principal):
                    return answer
                refusals += _reject_non_principal(authenticator, answer)
        self._admit_or_raise(refusals)
        return None

    def _named(self, attribute: str) -> Iterator[str]:
        for each in self.authenticators or ():
            yield from getattr(each, attribute, ())

    def _admit_or_raise(self, refusals: list[RefusalError]) -> None:
        """Nobody accepted the request: let it in if there was nobody to ask, and raise the most telling refusal otherwise."""
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


def _ask(authenticator: Authenticator, request: HttpRequest) -> object:
    answer = authenticator.authenticate(request)
    return wait_for(partial(_await, answer)) if isawaitable(answer) else answer


async def _aask(aauthenticate: Callable[[HttpRequest], Awaitable[Any]], request: HttpRequest) -> object:
    answer = await aauthenticate(request)
    return await answer if isawaitable(answer) else answer


async def _await(answer: Awaitable[object]) -> object:
    return await answer


def _asynchronous(authenticator: Authenticator) -> Callable[[HttpRequest], Awaitable[Any]]:
    """How to ask an authenticator on an event loop: by its `aauthenticate`, unless a subclass has another `authenticate`."""
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
    """What an authenticator's exception comes to; one that is none of the three is its own failure, and the sender's chance."""
    if isinstance(error, _REFUSALS):
        return error
    if isinstance(error, PermissionDenied):
        return ForbiddenError(reason="the authenticator denied permission")
    logger.error("The authenticator %s failed: %s", type(authenticator).__qualname__, trail(error))
    logger.debug("The authenticator %s failed", type(authenticator).__qualname__, exc_info=error)
    return UnavailableError(reason="an authenticator failed")


def _reject_non_principal(authenticator: Authenticator, found: object) -> Iterator[RefusalError]:
    """What becomes of an answer that is no `Principal`: None says nothing, and anything else is a mistake."""
    if found is not None:
        message = (
            "The authenticator %s returned an object of type %s, which is no Principal. Return one to let the sender in, or None."
        )
        logger.error(message, type(authenticator).__qualname__, type(found).__name__)
        yield UnavailableError(reason="an authenticator failed")


def require_authenticator(found: object, name: str) -> None:
    """Raise `ConfigurationError` for what cannot be asked who sent a request."""
    if isclass(found):
        msg = f"The authenticator {found.__qualname__} is a class, and not an object of it. Write {found.__qualname__}(...)."
        raise ConfigurationError(msg)
    if not callable(getattr(found, "authenticate", None)):
        msg = f"The authenticator {name} has no method authenticate(request). Give it one that returns a Principal or None."
        raise ConfigurationError(msg)
    for attribute in ("secret_parameters", "secret_headers"):
        if isinstance(getattr(found, attribute, ()), str):
            msg = f"The authenticator {name} has {attribute} that is a string, and not a collection of names. Write a tuple."
            raise ConfigurationError(msg)
