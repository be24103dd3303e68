"""Who may send: the protocol of authenticators, and how several of them come to one answer.

`views` asks here before it reads a body. An authenticator is named by its dotted path in
`GCP_EVENT_ROUTER["AUTHENTICATION"]`, and made once with its `OPTIONS`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import cache, partial
from inspect import isawaitable, iscoroutinefunction
from typing import Protocol

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.module_loading import import_string

from . import conf
from .event import Principal
from .exceptions import AuthenticationError, ConfigurationError, ForbiddenError, UnavailableError
from .logs import logger
from .receivers import wait_for

__all__ = ["Authenticator", "aauthenticate", "authenticate", "configured", "load"]

#: What an authenticator says no with, the one that is answered first.
_REFUSALS = (UnavailableError, ForbiddenError, AuthenticationError)


class Authenticator(Protocol):
    """What an authenticator is: a class of the user's own needs this one method, as `def` or as `async def`.

    Under ASGI a sync one runs in a thread, so it may block. One that is sync and knows a way without blocking may have
    `async def aauthenticate(self, request)` besides, which the async view then awaits.
    """

    def authenticate(self, request: HttpRequest) -> Principal | Awaitable[Principal | None] | None:
        """Return who sent `request`, or None if it holds no credentials of this authenticator's kind.

        Must not read the body: nobody has been let in yet.

        Raises:
            AuthenticationError: The credentials are bad. Answered 401.
            ForbiddenError: The credentials are good, and their owner may not send here. Answered 403.
            UnavailableError: It cannot be decided now. Answered 503, so that the sender tries again.

        """


def load(entries: Sequence[conf.AuthenticatorSetting]) -> tuple[Authenticator, ...]:
    """Make the authenticators that settings name. Raises `ConfigurationError` for one that cannot be made."""
    return tuple(_made(entry["BACKEND"], entry.get("OPTIONS", {})) for entry in entries)


@cache
def configured() -> tuple[Authenticator, ...] | None:
    """The authenticators of the settings, made once; None where the settings neither name any nor open the endpoint."""
    entries = conf.current().AUTHENTICATION
    return None if entries is None else load(entries)


def authenticate(request: HttpRequest, authenticators: Sequence[Authenticator] | None) -> Principal | None:
    """Who sent a request, as the first authenticator says that accepts it; None where the endpoint is open.

    Raises:
        AuthenticationError: No authenticator accepts it.
        ForbiddenError: One knows who sent it and says no; or none is configured, and `DEBUG` is off.
        UnavailableError: One cannot decide now.

    """
    refusals: list[Exception] = []
    for each in authenticators or ():
        try:
            found = each.authenticate(request)
            principal = _checked(each, wait_for(partial(_awaited, found)) if isawaitable(found) else found)
        except _REFUSALS as refusal:
            refusals.append(refusal)
        else:
            if principal is not None:
                return principal
    _let_in_or_raise(authenticators, refusals)
    return None


async def aauthenticate(request: HttpRequest, authenticators: Sequence[Authenticator] | None) -> Principal | None:
    """Do what `authenticate` does, without blocking the event loop."""
    refusals: list[Exception] = []
    for each in authenticators or ():
        method = getattr(each, "aauthenticate", each.authenticate)
        try:
            found = await (method if iscoroutinefunction(method) else sync_to_async(method))(request)
            principal = _checked(each, await found if isawaitable(found) else found)
        except _REFUSALS as refusal:
            refusals.append(refusal)
        else:
            if principal is not None:
                return principal
    _let_in_or_raise(authenticators, refusals)
    return None


async def _awaited(found: Awaitable[Principal | None]) -> Principal | None:
    return await found


def _checked(authenticator: Authenticator, found: object) -> Principal | None:
    """What an authenticator found; anything that is no `Principal` lets nobody in."""
    if found is None or isinstance(found, Principal):
        return found
    msg = (
        f"The authenticator {type(authenticator).__qualname__} returned an object of type {type(found).__name__}, "
        "which is no Principal. Return a Principal to let the sender in, or None."
    )
    raise ConfigurationError(msg)


def _let_in_or_raise(authenticators: Sequence[Authenticator] | None, refusals: list[Exception]) -> None:
    """Nobody accepted the request: let it in if there was nobody to ask, and raise the most telling refusal otherwise."""
    if authenticators is None:
        if settings.DEBUG:
            return
        logger.error(
            "The events endpoint is closed to everybody: write GCP_EVENT_ROUTER = "
            '{"AUTHENTICATION": [{"BACKEND": "dotted.path.of.Authenticator"}]} in your settings, '
            'or {"AUTHENTICATION": []} to open it on purpose.'
        )
        msg = "no authentication is configured"
        raise ForbiddenError(msg)
    if not authenticators:
        return
    for kind in _REFUSALS:
        for refusal in refusals:
            if isinstance(refusal, kind):
                raise refusal
    msg = "no credentials"
    raise AuthenticationError(msg)


def _made(path: str, options: dict[str, object]) -> Authenticator:
    try:
        backend = import_string(path)
    except ImportError as error:
        msg = f"The authenticator {path!r} cannot be imported. Give the dotted path of a class as its BACKEND."
        raise ConfigurationError(msg) from error
    try:
        authenticator: Authenticator = backend(**options)
    except TypeError as error:  # names only: an option's value may be a secret
        given = ", ".join(sorted(options)) or "none"
        msg = f"The authenticator {path!r} cannot be made with its OPTIONS ({given}). Give those that it takes."
        raise ConfigurationError(msg) from error
    if not callable(getattr(authenticator, "authenticate", None)):
        msg = f"The authenticator {path!r} has no method authenticate(request). Give it one that returns a Principal or None."
        raise ConfigurationError(msg)
    return authenticator


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.auth")
