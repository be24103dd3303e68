"""The signatures of Twilio, which cover the URL and either the parameters of a form or a digest of the body."""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest
from typing import ClassVar, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

from typing_extensions import override

from ...envelopes import Provider
from ...exceptions import AuthenticationError
from .hmac_signature import HMACSignature
from .scheme import SignatureScheme

_DIGEST: Final = "bodySHA256"
_UNSIGNED: Final = f"the body is not a form, and the URL has no {_DIGEST}"
#: More parameters than Twilio sends.
_MAX_FIELDS: Final = 1000
#: A percent sign that does not begin an escape as RFC 3986 §2.1 asks for: two spellings would have one signature.
_ODD_ESCAPE: Final = re.compile(rb"%(?![0-9A-F]{2})")


class Twilio(HMACSignature):
    """Verifies webhooks of Twilio: twilio.com/docs/usage/webhooks/webhooks-security. The secret is the account's auth token.

    Twilio signs the parameters of a form, not its bytes, so the form is parsed before its sender is known: at most `max_body`
    bytes and 1,000 parameters, in UTF-8. A body of another type is signed by its digest, which Twilio adds to the URL.
    """

    scheme: SignatureScheme = SignatureScheme(
        header="X-Twilio-Signature", signed="{url}{body}", algorithm="sha1", encoding="base64"
    )
    provider: Provider | None = Provider(name="twilio", delivery_id="I-Twilio-Idempotency-Token")
    setup: ClassVar[str] = (
        "In the Console, the URL {url} goes into the webhook of the number or service; the account's auth token is the secret."
    )
    shortest_secret: ClassVar[int] = 32

    @override
    def _signed_body(self, body: bytes, url: str) -> bytes:
        """Return the names and values of a form, sorted and joined; nothing for a body whose digest is in the URL.

        The URL is signed, so it decides which of the two it is: the Content-Type, which is not, could have been changed.
        """
        digests = parse_qs(urlsplit(url).query, keep_blank_values=True).get(_DIGEST, [])
        if digests:
            if not compare_digest(sha256(body).hexdigest().encode(), digests[0].encode("utf-8", "replace")):
                raise AuthenticationError(reason="the body has another digest than the URL")
            return b""
        if _ODD_ESCAPE.search(body):
            raise AuthenticationError(reason=_UNSIGNED)
        try:
            parameters = parse_qsl(
                body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MAX_FIELDS
            )
        except ValueError as error:
            raise AuthenticationError(reason=_UNSIGNED) from error
        return "".join(name + value for name, value in sorted(set(parameters))).encode()
