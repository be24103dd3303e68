"""Authenticators that verify a signature over the body, as providers of webhooks make it.

`scheme` says what is signed and where the signature is, `hmac_signature` verifies it with a key of `signing_keys`, and
`providers` has the data of each provider; `standard_webhooks` and `twilio` need code of their own. `guessable` is for the checks.
To add a provider, write a subclass of `HMACSignature` in `providers`, and its documented example in tests/data/signatures.json.
"""
