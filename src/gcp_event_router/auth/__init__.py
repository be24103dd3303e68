"""Authenticators, which decide who may send, and the chain that asks them.

`views` asks the chain before it reads a body, and afterwards only if nothing but the body can prove the sender.
`GCP_EVENT_ROUTER["AUTHENTICATION"]` names the authenticators by dotted path.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..envelopes import Handshake, Provider
from ..exceptions import ConfigurationError
from .base import Authenticator, BodyAuthenticator, CurlHint
from .chain import AuthenticatorChain, SignedBody
from .loading import configured, load
from .shared_token import SharedToken
from .signatures.hmac_signature import HMACSignature
from .signatures.providers import GitHub, Linear, Paddle, PagerDuty, Shopify, Slack, Square, Stripe, Zendesk
from .signatures.scheme import SignatureScheme
from .signatures.standard_webhooks import StandardWebhooks, Svix
from .signatures.twilio import Twilio
from .signed_url import SignedURL

if TYPE_CHECKING:
    from .oidc import OIDC

__all__ = [
    "OIDC",
    "Authenticator",
    "AuthenticatorChain",
    "BodyAuthenticator",
    "CurlHint",
    "GitHub",
    "HMACSignature",
    "Handshake",
    "Linear",
    "Paddle",
    "PagerDuty",
    "Provider",
    "SharedToken",
    "Shopify",
    "SignatureScheme",
    "SignedBody",
    "SignedURL",
    "Slack",
    "Square",
    "StandardWebhooks",
    "Stripe",
    "Svix",
    "Twilio",
    "Zendesk",
    "configured",
    "load",
]


def __getattr__(name: str) -> object:
    """Import OIDC on demand, since only it needs the packages of the extra `oidc`."""
    if name != "OIDC":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    for needed in ("jwt", "cryptography"):
        if find_spec(needed) is None:
            msg = f"gcp_event_router.auth.OIDC needs {needed}, which is not installed. pip install 'gcp-event-router[oidc]'."
            raise ConfigurationError(msg)
    from .oidc import OIDC  # noqa: PLC0415 -- see above

    return OIDC
