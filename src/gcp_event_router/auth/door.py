"""The door: how several authenticators come to one answer, and which ones the settings name.

`views` asks `configured()`, or the door of its own, before it reads a body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from difflib import get_close_matches
from functools import cache, partial
from inspect import Parameter, isawaitable, isclass, iscoroutinefunction, signature
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.module_loading import import_string

from .. import conf
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, ForbiddenError, UnavailableError
from ..logs import logger
from ..receivers import wait_for
from .base import Authenticator

__all__ = ["Door", "configured", "load"]

#: What an authenticator says no with, the one that is answered first.
_REFUSALS = (UnavailableError, ForbiddenError, AuthenticationError)


class Door:
    """Lets a request in if one authenticator accepts it.

    Args:
        authenticators: Asked in this order. Without any, everybody is let in; None means that nobody has said who
            may send, so nobody is unless `DEBUG` is on.

    Raises:
        ConfigurationError: Something among them is no authenticator.

    """

    def __init__(self, authenticators: Sequence[Authenticator] | None) -> None:
        self.authenticators: tuple[Authenticator, ...] | None = None if authenticators is None else tuple(authenticators)
        for each in self.authenticators or ():
            _require_authenticator(each, type(each).__qualname__)
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
        refusals: list[Exception] = []
        for each in self.authenticators or ():
            try:
                found = each.authenticate(request)
                principal = _checked(each, wait_for(partial(_awaited, found)) if isawaitable(found) else found)
            except _REFUSALS as refusal:
                refusals.append(refusal)
            else:
                if principal is not None:
                    return principal
        self._let_in_or_raise(refusals)
        return None

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do what `authenticate` does, without blocking the event loop."""
        refusals: list[Exception] = []
        for each in self.authenticators or ():
            method = getattr(each, "aauthenticate", each.authenticate)
            try:
                found = await (method if iscoroutinefunction(method) else sync_to_async(method))(request)
                principal = _checked(each, await found if isawaitable(found) else found)
            except _REFUSALS as refusal:
                refusals.append(refusal)
            else:
                if principal is not None:
                    return principal
        self._let_in_or_raise(refusals)
        return None

    def _named(self, attribute: str) -> Iterator[str]:
        for each in self.authenticators or ():
            yield from getattr(each, attribute, ())

    def _let_in_or_raise(self, refusals: list[Exception]) -> None:
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


@cache
def configured() -> Door:
    """The door of the settings, made once. Raises `ConfigurationError` for an authenticator that cannot be made."""
    entries = conf.current().AUTHENTICATION
    return Door(None if entries is None else load(entries))


def load(entries: Sequence[conf.AuthenticatorSetting]) -> tuple[Authenticator, ...]:
    """Make the authenticators that settings name. Raises `ConfigurationError` for one that cannot be made."""
    return tuple(_made(entry["BACKEND"], entry.get("OPTIONS", {})) for entry in entries)


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


def _made(path: str, options: dict[str, Any]) -> Authenticator:
    try:
        backend = import_string(path)
    except ImportError as error:
        msg = f"The authenticator {path!r} cannot be imported. Give the dotted path of a class as its BACKEND."
        raise ConfigurationError(msg) from error
    try:
        authenticator: Authenticator = backend(**options)
    except TypeError as error:  # names only: an option's value may be a secret
        given = ", ".join(sorted(map(str, options))) or "none"
        msg = f"The authenticator {path!r} cannot be made with its OPTIONS ({given}). {_advice(backend, options)}"
        raise ConfigurationError(msg) from error
    _require_authenticator(authenticator, repr(path))
    return authenticator


def _advice(backend: object, options: dict[str, Any]) -> str:
    """Which options an authenticator takes, as far as its signature tells."""
    try:
        parameters = signature(backend).parameters.values()  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- what is not callable is what is caught
    except (TypeError, ValueError):
        return "Give those that it takes."
    known = [each.name for each in parameters if each.kind not in {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}]
    for name in options:
        if name not in known and (close := get_close_matches(str(name), known, n=1)):
            return f"Did you mean {close[0]!r}? It takes {', '.join(known)}."
    return f"It takes {', '.join(known)}." if known else "It takes none."


def _require_authenticator(found: object, name: str) -> None:
    if isclass(found):
        msg = f"The authenticator {found.__qualname__} is a class, and not an object of it. Write {found.__qualname__}(...)."
        raise ConfigurationError(msg)
    if not callable(getattr(found, "authenticate", None)):
        msg = f"The authenticator {name} has no method authenticate(request). Give it one that returns a Principal or None."
        raise ConfigurationError(msg)


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.auth")
