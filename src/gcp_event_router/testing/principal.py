"""How a test says who sends, without credentials of the project: asked for by name, and for that request alone.

The request carries a random token, which stands for its `Principal` in this process while the request is under way. All other
requests, such as those of a live server's clients, are authenticated as the settings say.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from secrets import token_urlsafe
from threading import Lock
from typing import Final

from django.core import mail
from django.http import HttpRequest

from .._flow import Flow
from ..auth import AuthenticatorChain
from ..auth.base import bearer
from ..event import Principal
from ..exceptions import ConfigurationError

_original: Final = AuthenticatorChain.ask
_lock: Final = Lock()
_known: Final[dict[str, Principal]] = {}


@contextmanager
def trusting(principal: object) -> Generator[Mapping[str, str]]:
    """Within the block, the door takes a request with the headers that this yields for one of `principal`.

    Raises `ConfigurationError` for what is no `Principal`, and outside of tests: where Django's `setup_test_environment` has
    not been called.
    """
    if not isinstance(principal, Principal):
        msg = f'push() is given principal={principal!r}, which is no Principal. Give one: Principal("test", "me@example.com").'
        raise ConfigurationError(msg)
    if not hasattr(mail, "outbox"):  # what setup_test_environment makes
        msg = (
            "push(principal=...) is for tests only, and no test environment is set up. Run by Django's test runner or with "
            "pytest-django, or call django.test.utils.setup_test_environment()."
        )
        raise ConfigurationError(msg)
    token = token_urlsafe()
    with _lock:
        _known[token] = principal
        _replace(_ask)
    try:
        yield {"Authorization": f"Bearer {token}"}  # which no envelope keeps
    finally:
        with _lock:
            del _known[token]
            if not _known:
                _replace(_original)


def _replace(ask: object) -> None:
    setattr(AuthenticatorChain, "ask", ask)  # noqa: B010 -- says that a method is replaced


def _ask(chain: AuthenticatorChain, request: HttpRequest) -> Flow[Principal | None]:
    principal = _known.get(bearer(request) or "")
    if principal is None:
        principal = yield from _original(chain, request)
    return principal
