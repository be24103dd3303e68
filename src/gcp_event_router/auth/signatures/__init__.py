"""Authenticators that verify a signature over the body, as providers of webhooks make it.

`scheme` says what is signed and where the signature is, `hmac_signature` verifies it, and `providers` has the data of each
provider. To add one, write a subclass of `HMACSignature` there.
"""
