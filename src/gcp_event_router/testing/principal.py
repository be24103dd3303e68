"""Lets a test name the sender of one request, without credentials of the project.

The request carries a random token, which stands for its `Principal` in this process until the request ends. All other requests,
such as those of a live server's clients, are authenticated by the settings.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from secrets import token_urlsafe
from threading import Lock
from typing import Final

from django.core import mail
from django.http import HttpRequest

from .._flow import Flow
from ..auth import AuthenticatorChain, SignedBody
from ..auth.base import bearer
from ..event import Principal
from ..exceptions import ConfigurationError

_original: Final = AuthenticatorChain.ask
_lock: Final = Lock()
_principals: Final[dict[str, Principal]] = {}


@contextmanager
def trusting(principal: object) -> Generator[dict[str, str]]:
    """Yield headers with which the endpoint accepts a request of a principal, within the block; none for None.

    Raises `ConfigurationError` if it is not a `Principal`, or Django's `setup_test_environment` has not been called.
    """
    if principal is None:
        yield {}
        return
    if not isinstance(principal, Principal):
        msg = f'principal must be a Principal, such as Principal("test", "me@example.com"), not {principal!r}.'
        raise ConfigurationError(msg)
    if not hasattr(mail, "outbox"):  # setup_test_environment sets it
        msg = (
            "principal= works only in tests, and no test environment is set up. Use Django's test runner or pytest-django, "
            "or call django.test.utils.setup_test_environment()."
        )
        raise ConfigurationError(msg)
    token = token_urlsafe()
    with _lock:
        _principals[token] = principal
        _replace_ask(_ask)
    try:
        yield {"Authorization": f"Bearer {token}"}  # no envelope keeps this header
    finally:
        with _lock:
            del _principals[token]
            if not _principals:
                _replace_ask(_original)


def _replace_ask(ask: object) -> None:
    setattr(AuthenticatorChain, "ask", ask)  # noqa: B010 -- type checkers forbid assigning to a method


def _ask(chain: AuthenticatorChain, request: HttpRequest) -> Flow[tuple[Principal | None, SignedBody | None]]:
    principal = _principals.get(bearer(request) or "")
    return (yield from _original(chain, request)) if principal is None else (principal, None)
