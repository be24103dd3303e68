"""Who may send events to the shop: whoever knows its secret."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from gcp_event_router import Principal
from gcp_event_router.exceptions import AuthenticationError


class SharedSecret:
    """Accepts requests whose header `X-Shop-Secret` holds the secret."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Called by the endpoint, before it reads the body."""
        given = request.headers.get("X-Shop-Secret")
        if given is None:
            return None
        if not constant_time_compare(given, self.secret):
            raise AuthenticationError
        return Principal(method="shared-secret")
