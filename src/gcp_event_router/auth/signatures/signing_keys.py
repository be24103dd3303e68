"""A key of a signature: one secret, ready to verify and to sign."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from hmac import compare_digest, new
from typing import Final, Never, Protocol

from ...exceptions import ConfigurationError
from .scheme import Algorithm, Encoding


class SigningKey(Protocol):
    """One secret, or the public key of a pair."""

    def verify(self, message: Iterable[bytes], signatures: Sequence[str]) -> bool:
        """Whether one of the signatures, with their prefixes, is this key's for a message in parts."""
        ...

    def sign(self, message: Iterable[bytes]) -> str:
        """Return the signature with its prefix. Raises `ConfigurationError` if the key can only verify."""
        ...


class HMACKey:
    """A secret that the provider and the site share. It keeps the state of the hash, not the secret."""

    def __init__(self, secret: bytes, algorithm: Algorithm, encoding: Encoding, prefix: str) -> None:
        self._hmac: Final = new(secret, digestmod=algorithm)
        self._is_hex: Final = encoding == "hex"
        self._prefix: Final = prefix

    def verify(self, message: Iterable[bytes], signatures: Sequence[str]) -> bool:
        """Compare the text, so that each signature has one spelling, with all, so that the time does not say which is near."""
        expected = self.sign(message).encode()
        return bool(sum(compare_digest(expected, signature.encode("latin-1", "replace")) for signature in signatures))

    def sign(self, message: Iterable[bytes]) -> str:
        """Return the signature with its prefix."""
        hmac = self._hmac.copy()
        for part in message:
            hmac.update(part)
        return self._prefix + (hmac.hexdigest() if self._is_hex else b64encode(hmac.digest()).decode())


class Ed25519Key:
    """A public key, with which the site verifies and cannot sign.

    Raises `ImportError` without the package `cryptography`, and `ValueError` if the key does not have 32 bytes.
    """

    def __init__(self, public_key: bytes, prefix: str) -> None:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- only these keys need the package
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 -- as above

        self._key: Final = Ed25519PublicKey.from_public_bytes(public_key)
        self._invalid: Final = InvalidSignature
        self._prefix: Final = prefix

    def verify(self, message: Iterable[bytes], signatures: Sequence[str]) -> bool:
        """Verify each signature that has the prefix, in the one spelling that base64 has for it."""
        signed = b"".join(message)
        return any(
            self._is_valid(text.removeprefix(self._prefix), signed) for text in signatures if text.startswith(self._prefix)
        )

    def _is_valid(self, text: str, signed: bytes) -> bool:
        try:
            signature = b64decode(text, validate=True)
            self._key.verify(signature, signed)
        except (ValueError, self._invalid):
            return False
        return b64encode(signature).decode() == text  # the last character has bits that no byte uses

    def sign(self, message: Iterable[bytes]) -> Never:
        """Raise `ConfigurationError`."""
        del message
        msg = "A public key cannot sign. Sign with a secret that sender and site share, such as one that begins with whsec_."
        raise ConfigurationError(msg)
