"""Authenticators, which decide who may send, and the chain that asks them.

`views` asks the chain before it reads a body, and afterwards only if nothing but the body can prove the sender.
`GCP_EVENT_ROUTER["AUTHENTICATION"]` names the authenticators by dotted path.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from .._late import late_attribute
from ..exceptions import ConfigurationError
from .base import Authenticator, BodyAuthenticator, CurlHint
from .chain import AuthenticatorChain, SignedBody
from .loading import configured, load

if TYPE_CHECKING:
    from ..envelopes import Handshake, Provider
    from .oidc import OIDC
    from .shared_token import SharedToken
    from .signatures.hmac_signature import HMACSignature
    from .signatures.providers import GitHub, Linear, Paddle, PagerDuty, Shopify, Slack, Square, Stripe, Zendesk
    from .signatures.scheme import SignatureScheme
    from .signatures.standard_webhooks import StandardWebhooks, Svix
    from .signatures.twilio import Twilio
    from .signed_url import SignedURL

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


#: The modules of the authenticators and of what they are made of: a project needs one or two of them.
_MODULES: Final = {
    "Handshake": "..envelopes",
    "HMACSignature": ".signatures.hmac_signature",
    "OIDC": ".oidc",
    "Provider": "..envelopes",
    "SharedToken": ".shared_token",
    "SignatureScheme": ".signatures.scheme",
    "SignedURL": ".signed_url",
    "StandardWebhooks": ".signatures.standard_webhooks",
    "Svix": ".signatures.standard_webhooks",
    "Twilio": ".signatures.twilio",
    **dict.fromkeys(
        ("GitHub", "Linear", "Paddle", "PagerDuty", "Shopify", "Slack", "Square", "Stripe", "Zendesk"), ".signatures.providers"
    ),
}


def __getattr__(name: str) -> Any:
    """Import an authenticator when it is used; OIDC needs the packages of the extra `oidc`, too."""
    for needed in ("jwt", "cryptography") if name == "OIDC" else ():
        if find_spec(needed) is None:
            msg = f"gcp_event_router.auth.OIDC needs {needed}, which is not installed. pip install 'gcp-event-router[oidc]'."
            raise ConfigurationError(msg)
    return late_attribute(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
