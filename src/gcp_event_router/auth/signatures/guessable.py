"""Recognises secrets that nobody has to guess: placeholders, and those that documentation shows."""

from __future__ import annotations

import re
from typing import Final

#: Fewer different characters than a random secret of 16 hexadecimal digits has, but for one in a million.
_FEW: Final = 5
_SEPARATORS: Final = re.compile(r"[\W\d_]+")
#: Concatenated words, of which none is made of others.
_PLACEHOLDER: Final = re.compile(
    "(?:change|me|your|my|our|the|it|is|this|to|in|for|with|here|insert|enter|replace|todo|fixme|tbd|dummy|fake|test|dev|local|example|"
    "sample|placeholder|default|none|null|secrets?|keys?|tokens?|password|signing|signature|shared|auth|api|client|app|web|hooks?|"
    "endpoint|provider|everybody|github|stripe|slack|shopify|twilio|paddle|square|zendesk|pagerduty|linear|svix|whsec|x)+"
)
#: From the documentation of GitHub, Slack, Standard Webhooks and Zendesk, without their prefixes.
_PUBLISHED: Final = (
    "It's a Secret to Everybody",
    "8f742231b10e8888abcd99yyyzzz85a5",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
)


def is_guessable(secret: str) -> bool:
    """Whether a secret is a placeholder or a published example."""
    words = [word for word in _SEPARATORS.split(secret.lower()) if word]
    is_placeholder = bool(words) and all(map(_PLACEHOLDER.fullmatch, words))
    return is_placeholder or len(set(secret)) < _FEW or secret.endswith(_PUBLISHED)
