"""A key of a signature: one secret, ready to verify and to sign."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hmac import compare_digest, new
from typing import Final, Protocol

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
    """A secret that the provider and the site share."""

    def __init__(self, secret: bytes, algorithm: Algorithm, encoding: Encoding, prefix: str) -> None:
        self._hmac: Final = new(secret, digestmod=algorithm)
        self._is_hex: Final = encoding == "hex"
        self._prefix: Final = prefix

    def verify(self, message: Iterable[bytes], signatures: Sequence[str]) -> bool:
        """Compare with all of the signatures, so that the time does not reveal which of them is near."""
        expected = self.sign(message).encode()
        return bool(sum(compare_digest(expected, signature.encode("latin-1", "replace")) for signature in signatures))

    def sign(self, message: Iterable[bytes]) -> str:
        """Return the signature with its prefix."""
        hmac = self._hmac.copy()
        for part in message:
            hmac.update(part)
        return self._prefix + (hmac.hexdigest() if self._is_hex else b64encode(hmac.digest()).decode())
