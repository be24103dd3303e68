"""The security of an endpoint: its authenticators, with the facts that the page may show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias

from django.conf import settings

from .._log import logger
from ..auth import Authenticator, AuthenticatorChain, configured
from ..checks.endpoints import chain_at, endpoints
from ..exceptions import ConfigurationError

Standing: TypeAlias = Literal["open", "closed", "guarded"]

_BROKEN: Final = "Closed: the authenticators cannot be created. manage.py check says why."
_UNSET: Final = 'Closed: GCP_EVENT_ROUTER["AUTHENTICATION"] is not set.'
_DEBUG: Final = 'Open to everybody while DEBUG is on: GCP_EVENT_ROUTER["AUTHENTICATION"] is not set.'
_OPEN: Final = "Open to everybody: no authenticator is configured."
_ONE: Final = "Open to senders that this authenticator accepts."
_SEVERAL: Final = "Open to senders that one of the authenticators accepts."


class Guard(NamedTuple):
    """One authenticator."""

    name: str
    #: Names and values, without secrets.
    facts: tuple[tuple[str, str], ...]
    #: How to make the sender call the endpoint; empty if the authenticator does not say.
    setup: str = ""


class Security(NamedTuple):
    """The security of one endpoint, or of several that have the same."""

    #: Such as `/events/kind/reference`; empty if no URL leads to it.
    paths: tuple[str, ...]
    standing: Standing
    summary: str
    guards: tuple[Guard, ...]
    authenticators: tuple[Authenticator, ...]


def mounted(base_url: str = "") -> list[Security]:
    """The security of all endpoints in the URLs below a URL; those with the same authenticators come together."""
    # by identity, since an authenticator of the project's own need not be hashable
    chains: dict[tuple[int, ...] | None, tuple[Sequence[Authenticator] | None, list[str]]] = {}
    for endpoint in endpoints():
        own = endpoint.authentication
        chains.setdefault(None if own is None else tuple(map(id, own)), (own, []))[1].append(endpoint.path)
    return [_security(tuple(paths), base_url, partial(_chain, own)) for own, paths in chains.values()]


def at_path(path: str, base_url: str = "") -> Security:
    """The security of the endpoint at a path below a URL."""
    return _security((path,), base_url, partial(chain_at, path))


def _chain(own: Sequence[Authenticator] | None) -> AuthenticatorChain:
    return configured() if own is None else AuthenticatorChain(own)


def _security(paths: tuple[str, ...], base_url: str, chain: Callable[[], AuthenticatorChain]) -> Security:
    try:
        authenticators = chain().authenticators
    except ConfigurationError:
        return Security(paths, "closed", _BROKEN, (), ())
    if authenticators is None:
        return Security(paths, "open", _DEBUG, (), ()) if settings.DEBUG else Security(paths, "closed", _UNSET, (), ())
    if not authenticators:
        return Security(paths, "open", _OPEN, (), ())
    summary = _ONE if len(authenticators) == 1 else _SEVERAL
    guards = tuple(_guard(authenticator, base_url.rstrip("/") + paths[0]) for authenticator in authenticators)
    return Security(paths, "guarded", summary, guards, tuple(authenticators))


def _guard(authenticator: Authenticator, url: str) -> Guard:
    facts: tuple[tuple[str, str], ...] = ()
    setup = ""
    try:
        facts = tuple((str(name), str(value)) for name, value in getattr(authenticator, "public_facts", tuple)())
        if (hint := getattr(authenticator, "setup_hint", None)) is not None:
            setup = str(hint(url))
    except Exception:  # noqa: BLE001 -- an authenticator of the project's own
        logger.debug("The authenticator %s failed to describe itself", type(authenticator).__qualname__, exc_info=True)
    return Guard(type(authenticator).__qualname__, facts, setup)
