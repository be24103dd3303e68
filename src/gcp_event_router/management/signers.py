"""Finds the authenticator that signs for `manage.py events send --as NAME`."""

from __future__ import annotations

import os
from inspect import isclass

from ..auth import AuthenticatorChain, HMACSignature
from ..auth.signatures import providers, standard_webhooks, twilio
from .arguments import refuse


def signer_of(name: str, chain: AuthenticatorChain, secret_variable: str | None) -> HMACSignature:
    """Return the authenticator of a provider's name.

    Args:
        name: Such as `github`.
        chain: The authenticators of the endpoint.
        secret_variable: The environment variable with the secret of another site, which the endpoint's own settings may lack:
            the provider may then be one that they do not name.

    Raises:
        ConfigurationError: The provider cannot be created with this secret.
        CommandError: The endpoint has no authenticator of this name, or the environment lacks the variable.

    """
    signers = {
        authenticator.provider.name: authenticator
        for authenticator in reversed(chain.authenticators or ())
        if isinstance(authenticator, HMACSignature) and authenticator.provider is not None
    }
    signer = signers.get(name)
    if secret_variable is not None:
        secret = os.environ.get(secret_variable, "")
        if not secret or secret != secret.strip():
            refuse(f"The environment variable {secret_variable} is not set, is empty, or has spaces around its value.")
        if signer is not None:
            return signer.with_secret(secret)
        if name in _PROVIDERS:
            return _PROVIDERS[name](secrets=[secret])
    if signer is None:
        known = sorted(signers.keys() | (_PROVIDERS.keys() if secret_variable is not None else ()))
        names = f"Choose from {', '.join(known)}." if known else "Add one, such as gcp_event_router.auth.GitHub."
        what = "No provider is named" if secret_variable is not None else "The endpoint has no authenticator of the name"
        refuse(f"{what} {name!r}, so nothing can sign as it does. {names}")
    return signer


def _is_provider(value: object) -> bool:
    return isclass(value) and issubclass(value, HMACSignature) and getattr(value, "provider", None) is not None


#: The providers of this package by name.
_PROVIDERS: dict[str, type[HMACSignature]] = {
    value.provider.name: value
    for module in (providers, standard_webhooks, twilio)
    for value in vars(module).values()
    if _is_provider(value)
}
