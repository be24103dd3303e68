"""The signatures of Standard Webhooks, with shared secrets and with public keys."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import ClassVar, Final

from django.views.decorators.debug import sensitive_variables
from typing_extensions import override

from ...envelopes import Provider
from .hmac_signature import HMACSignature
from .scheme import SignatureScheme
from .signing_keys import Ed25519Key, HMACKey, SigningKey

_SECRET: Final = "whsec_"  # noqa: S105 -- a prefix
_PUBLIC_KEY: Final = "whpk_"
_PRIVATE_KEY: Final = "whsk_"


class StandardWebhooks(HMACSignature):
    """Verifies Standard Webhooks: github.com/standard-webhooks/standard-webhooks, "spec/standard-webhooks.md".

    A secret is `whsec_` and base64, or the base64 alone; or `whpk_` and base64, a public key of ed25519, which needs the package
    `cryptography`: `pip install "gcp-event-router[webhooks]"`. Give each sender its own `name`, since many use this standard.
    """

    scheme: SignatureScheme = SignatureScheme(
        header="webhook-signature",
        signed="{id}.{timestamp}.{body}",
        encoding="base64",
        prefix="v1,",
        separator=" ",
        timestamp="webhook-timestamp",
        id="webhook-id",
    )
    provider: Provider | None = Provider(
        name="standard-webhooks", delivery_id="webhook-id", event="/type", timestamp="webhook-timestamp"
    )
    shortest_secret: ClassVar[int] = 32  # 24 bytes

    @override
    @sensitive_variables()
    def _make_key(self, secret: str, number: int) -> SigningKey:
        which = f"cannot use secrets[{number}], which"
        if secret.startswith(_PRIVATE_KEY):
            problem = f"{which} is the sender's private key"
            self._refuse(problem, f"Give the public key, which begins with {_PUBLIC_KEY}, and change the key pair.")
        is_public = secret.startswith(_PUBLIC_KEY)
        text = secret.removeprefix(_PUBLIC_KEY if is_public else _SECRET)
        try:
            key = b64decode(text + "=" * (-len(text) % 4), validate=True)
            if is_public:
                return Ed25519Key(key, "v1a,")
        except ImportError:
            problem = f"{which} is a public key, and needs cryptography, which is not installed"
            self._refuse(problem, "pip install 'gcp-event-router[webhooks]'.")
        except ValueError:
            key = b""
        if not key or is_public:
            problem = f"{which} is not {_SECRET} or {_PUBLIC_KEY} and base64"
            self._refuse(problem, "Copy it from the sender as it is.")
        return HMACKey(key, self.scheme.algorithm, self.scheme.encoding, self.scheme.prefix)


class Svix(StandardWebhooks):
    """Verifies webhooks that Svix sends for others, such as Clerk and Resend: docs.svix.com, "Verifying webhooks manually"."""

    scheme: SignatureScheme = replace(StandardWebhooks.scheme, header="svix-signature", timestamp="svix-timestamp", id="svix-id")
    provider: Provider | None = Provider(name="svix", delivery_id="svix-id", event="/type", timestamp="svix-timestamp")
