"""Makes `oidc_vectors.json`, headers and the status that each is answered with: `python tests/data/make_oidc_vectors.py`.

The keys are fresh each time, and no private one is stored. Most tokens are put together by hand, since a library refuses to.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import crypt
from google.auth import jwt as google_jwt

#: The members of a JSON object, each value as it is written, so that also those can be written that are not JSON.
Members = Mapping[str, str]
#: What a header is called, and its whole value.
Header = tuple[str, bytes]
Sign = Callable[[bytes], bytes]

NOW = 1_800_000_000
LAST = 253_402_300_799  # the last second of the year 9999
LIMIT = 8192
AUDIENCE = "https://shop.example/events"
ACCOUNT = "events@shop-project.iam.gserviceaccount.com"
ABOUT = (
    "How OIDC(service_accounts=[service_account], audience=audience) answers at the time `now`, with `jwks` for Google's keys, "
    "to each value of the header Authorization (one byte a character); made by make_oidc_vectors.py"
)
HEADER: Members = {"alg": '"RS256"', "kid": '"first"', "typ": '"JWT"'}
CLAIMS: Members = {
    "iss": '"https://accounts.google.com"',
    "aud": f'"{AUDIENCE}"',
    "azp": '"106501184722563409817"',
    "sub": '"106501184722563409817"',
    "email": f'"{ACCOUNT}"',
    "email_verified": "true",
    "iat": str(NOW - 60),
    "exp": str(NOW + 3540),
}


@dataclass(frozen=True)
class Key:
    """An RSA key, and the tokens that it signs."""

    kid: str
    private: rsa.RSAPrivateKey

    @classmethod
    def make(cls, kid: str) -> Key:
        return cls(kid, rsa.generate_private_key(65537, 2048))

    def sign(self, signed: bytes) -> bytes:
        return self.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())

    def jwk(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        n, e = (b64(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode() for number in (numbers.n, numbers.e))
        return {"kid": self.kid, "kty": "RSA", "use": "sig", "alg": "RS256", "n": n, "e": e}

    def public(self, encoding: Encoding) -> bytes:
        return self.private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)

    def bearer(self, payload: Members | bytes = CLAIMS, header: Members | bytes = HEADER) -> bytes:
        """A header with a token that this key signed properly, whatever is in it."""
        return bearer(header, payload, self.sign)

    def claiming(self, **changes: str) -> bytes:
        """The same, with the right claims but for some."""
        return self.bearer({**CLAIMS, **changes})

    def headed(self, **changes: str) -> bytes:
        """The same, with the right fields in the token's header but for some."""
        return self.bearer(header={**HEADER, **changes})


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def standard(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def written(members: Members | bytes) -> bytes:
    if isinstance(members, bytes):
        return members
    return b"{" + b",".join(f'"{name}":{value}'.encode() for name, value in members.items()) + b"}"


def bearer(header: Members | bytes, payload: Members | bytes, sign: Sign) -> bytes:
    return signed_by(sign, b64(written(header)), b64(written(payload)))


def signed_by(sign: Sign, header: bytes, payload: bytes) -> bytes:
    signed = header + b"." + payload
    return b"Bearer " + signed + b"." + b64(sign(signed))


def without(members: Members, name: str) -> Members:
    return {key: value for key, value in members.items() if key != name}


def filler(value: bytes, more: int) -> str:
    """A claim's value that makes a header of the greatest length, or of a greater one."""
    return f'"{"x" * ((LIMIT - len(value) - len(b64(b",<x>:<>"))) * 3 // 4 + more)}"'


def good(key: Key, second: Key, stranger: Key) -> Iterator[Header]:
    """Tokens that are let in."""
    claims: dict[str, Any] = json.loads(written(CLAIMS))
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    signer = cast("Any", crypt.RSASigner).from_string(pem, key.kid)  # google-auth's functions are not typed
    plain = key.bearer()
    yield "plain", plain
    for scheme in (b"bearer", b"BEARER", b"bEARER"):
        yield scheme.decode(), scheme + plain[6:]
    yield "made by PyJWT", b"Bearer " + jwt.encode(claims, key.private, "RS256", {"kid": key.kid}).encode()
    yield "made by google-auth", b"Bearer " + cast("Any", google_jwt).encode(signer, claims)
    yield "signed by the other key", second.headed(kid='"second"')
    yield "fields of the sender's own", key.headed(x='{"a": [1, null]}', y="1e9")
    yield "without typ", key.bearer(header=without(HEADER, "typ"))
    yield "another typ", key.headed(typ='"at+jwt"')
    yield "a stranger's key beside it", key.headed(jwk=json.dumps(stranger.jwk()), jku='"https://x.example/"')
    yield "white space", key.bearer(b"\r\n" + written(CLAIMS).replace(b",", b" ,\t") + b" ", b" " + written(HEADER))
    yield "escaped names", key.bearer(written(CLAIMS).replace(b'"iss"', rb'"\u0069ss"'))
    yield "aud twice, the right one last", key.bearer(b'{"aud":"x",' + written(CLAIMS)[1:])
    yield "of the greatest length", key.claiming(x=filler(plain, 0))
    yield "claims of the sender's own", key.claiming(google='{"a": [1, 1.5, null, "\u20ac"]}', hd=r'"\ud83d\ude00"', jti="0")
    yield "100 lists in a claim", key.claiming(x="[" * 100 + "]" * 100)
    yield "the other issuer", key.claiming(iss='"accounts.google.com"')
    yield "without sub", key.bearer(without(CLAIMS, "sub"))
    yield "sub empty", key.claiming(sub='""')
    for name, times in {"exp": (NOW - 9,), "iat": (NOW + 10,), "nbf": (0, NOW + 10)}.items():
        for time in times:
            yield f"{name} {time}", key.claiming(**{name: str(time)})


def shapes(key: Key) -> Iterator[Header]:
    """Headers that are not one bearer token."""
    plain = key.bearer()
    token = plain[7:]
    header, payload, signature = token.split(b".")
    basic = b"Basic " + base64.b64encode(b"user:" + token)
    yield "empty", b""
    yield "Basic", basic
    yield "no scheme", token
    yield "another scheme", b"JWT " + token
    yield "a longer scheme", b"Bearers " + token
    yield "colon for the space", b"Bearer:" + token
    yield "no space", b"Bearer" + token
    yield "no token", b"Bearer"
    yield "no token after the space", b"Bearer "
    yield "two tokens by space", plain + b" " + token
    yield "two tokens by comma", plain + b"," + token
    yield "two headers in one", plain + b", " + plain
    yield "Basic behind it", plain + b", " + basic
    yield "scheme twice", b"Bearer " + plain
    yield "in quotes", b'Bearer "' + token + b'"'
    yield "a letter too many", b"Bearer " + b"a" * (LIMIT + 1)
    yield "dots", b"Bearer " + b"." * LIMIT
    yield "a claim too long", key.claiming(x=filler(plain, 12))
    yield "JSON serialization", b'Bearer {"payload":"' + payload + b'","signature":"' + signature + b'"}'
    yield "one segment", b"Bearer " + header
    yield "two segments", b"Bearer " + header + b"." + payload
    yield "four segments", plain + b"." + signature
    yield "four segments, the last empty", plain + b"."
    yield "four segments, the first empty", b"Bearer ." + token
    yield "five segments", b"Bearer " + b".".join([header, b"", b"", payload, signature])
    yield "three empty segments", b"Bearer .."
    yield "empty header", b"Bearer ." + payload + b"." + signature
    yield "empty payload", b"Bearer " + header + b".." + signature
    for number in bytes.fromhex("00 09 0a 0b 0c 0d 1c 1f 7f 85 a0 e9 ff"):
        byte = bytes([number])
        yield f"{number:02x} for the space", b"Bearer" + byte + token
        yield f"{number:02x} before the token", b"Bearer " + byte + token
        yield f"{number:02x} after the token", plain + byte
        yield f"{number:02x} in the token", plain.replace(b".", b"." + byte, 1)


def algorithms(key: Key) -> Iterator[Header]:
    """Algorithms that are not ours."""
    private, curve = key.private, ec.generate_private_key(ec.SECP256R1())
    pem, der, text = key.public(Encoding.PEM), key.public(Encoding.DER), json.dumps(key.jwk()).encode()
    pkcs, pss = padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), 32)

    def hs(size: int, secret: bytes) -> Sign:
        return lambda signed: hmac.new(secret, signed, f"sha{size}").digest()

    def es256(signed: bytes) -> bytes:
        pair = utils.decode_dss_signature(curve.sign(signed, ec.ECDSA(hashes.SHA256())))
        return b"".join(number.to_bytes(32, "big") for number in pair)

    for what, secret in {"PEM": pem, "PEM without newline": pem.strip(), "DER": der, "JWK": text, "nothing": b""}.items():
        for size in (256, 384, 512):
            yield f"HS{size} with {what} for secret", bearer({**HEADER, "alg": f'"HS{size}"'}, CLAIMS, hs(size, secret))
    yield "RS384", bearer({**HEADER, "alg": '"RS384"'}, CLAIMS, lambda signed: private.sign(signed, pkcs, hashes.SHA384()))
    yield "RS512", bearer({**HEADER, "alg": '"RS512"'}, CLAIMS, lambda signed: private.sign(signed, pkcs, hashes.SHA512()))
    yield "PS256", bearer({**HEADER, "alg": '"PS256"'}, CLAIMS, lambda signed: private.sign(signed, pss, hashes.SHA256()))
    yield "ES256", bearer({**HEADER, "alg": '"ES256"'}, CLAIMS, es256)
    for name in ("none", "nOnE", "NONE"):
        unsigned = {**HEADER, "alg": f'"{name}"'}
        yield f"{name}, not signed", bearer(unsigned, CLAIMS, lambda _: b"")
        yield f"{name}, not signed, without kid", bearer(without(unsigned, "kid"), CLAIMS, lambda _: b"")
    for value in ('"none"', '"HS256"', '"rs256"', '"RS256 "', '""', "null", "true", "256", '["RS256"]', '{"RS256": 1}', "NaN"):
        yield f"{value}, signed with RS256", key.headed(alg=value)
    yield "missing", key.bearer(header=without(HEADER, "alg"))
    yield "of 5,000 digits", key.headed(alg="9" * 5000)
    yield "twice, none last", key.bearer(header=written(HEADER)[:-1] + b',"alg":"none"}')


def fields(key: Key, stranger: Key) -> Iterator[Header]:
    """Keys that are not Google's, and critical fields."""
    for kid in ("", "unknown", "First", "first ", "../../../dev/null", "' OR '1'='1", "x' UNION SELECT 'k", "0", "\\u0000"):
        yield f'kid "{kid}"', key.headed(kid=f'"{kid}"')
    for kid in ("null", "true", "1", "1.5", "NaN", '["first"]', '{"first": 1}'):
        yield f"kid {kid}", key.headed(kid=kid)
    yield "kid missing", key.bearer(header=without(HEADER, "kid"))
    yield "kid of 4,000 letters", key.headed(kid=f'"{"k" * 4000}"')
    yield "kid of 5,000 digits", key.headed(kid="9" * 5000)
    chain = json.dumps([base64.b64encode(stranger.public(Encoding.DER)).decode()])
    sources = {"jwk": json.dumps(stranger.jwk()), "jku": '"https://x.example/"', "x5u": '"https://x.example/"', "x5c": chain}
    for name, value in sources.items():
        for kid in ("first", "stranger"):
            yield f"{name} of a stranger, kid {kid}", stranger.headed(**{"kid": f'"{kid}"', name: value})
    for value in ('["exp"]', '["x"]', '["b64"]', '["kid"]', '"exp"', '["exp", 1]', '{"exp": 1}'):
        yield f"crit {value}", key.headed(crit=value, x="1", b64="true")
    head = b64(written({**HEADER, "b64": "false", "crit": '["b64"]'}))
    detached = b"." + b64(key.sign(head + b"." + written(CLAIMS)))
    yield "b64 false, the payload as it is", b"Bearer " + head + b"." + written(CLAIMS) + detached
    yield "b64 false, the payload left out", b"Bearer " + head + b"." + detached
    yield "b64 false, the payload in base64", signed_by(key.sign, head, b64(written(CLAIMS)))


def signatures(key: Key, second: Key, stranger: Key) -> Iterator[Header]:
    """The right claims, with a signature that is not the right key's, or not written as it must be."""
    modulus = key.private.public_key().public_numbers().n

    def searched(fits: Callable[[bytes], bool]) -> tuple[bytes, bytes]:
        """A header up to its signature, and the first signature that fits."""
        starts = (key.claiming(jti=str(number)).rpartition(b".")[0] for number in count())
        return next((start, key.sign(start[7:])) for start in starts if fits(key.sign(start[7:])))

    start, right = searched(lambda each: not {*b"-_"}.isdisjoint(b64(each)))
    small, above = searched(lambda each: (int.from_bytes(each, "big") + modulus).bit_length() <= 2048)
    last = b64(right)
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelled = last[:-1] + letters[letters.index(last[-1]) + 1 :][:1]  # its lowest four bits stand for nothing
    yield "of a stranger", stranger.bearer()
    yield "of a stranger, under a kid of its own", stranger.headed(kid='"stranger"')
    yield "of the second key", second.bearer()
    yield "of another payload", start + b"." + key.claiming(jti='"x"').rpartition(b".")[2]
    yield "of the payload alone", bearer(HEADER, CLAIMS, lambda signed: key.sign(signed.partition(b".")[2]))
    yield "the modulus added", small + b"." + b64((int.from_bytes(above, "big") + modulus).to_bytes(256, "big"))
    for what, value in {
        "empty": b"",
        "zeros": bytes(256),
        "one": bytes(255) + b"\1",
        "cut by a byte": right[:-1],
        "without its first byte": right[1:],
        "first bit flipped": bytes([right[0] ^ 128]) + right[1:],
        "last bit flipped": right[:-1] + bytes([right[-1] ^ 1]),
        "backwards": right[::-1],
        "a byte after it": right + b"\0",
        "a byte before it": b"\0" + right,
    }.items():
        yield what, start + b"." + b64(value)
    for what, value in {
        "in the standard alphabet": standard(right),
        "in hexadecimal": right.hex().encode(),
        "cut by a letter": last[:-1],
        "spelled otherwise": respelled,
        "padded": last + b"==",
        "padded by one": last + b"=",
        "padded by four": last + b"====",
        "letters after it": last + b"AAAA",
        "a space inside": last[:9] + b" " + last[9:],
        "a newline inside": last[:9] + b"\n" + last[9:],
        "a star inside": last[:9] + b"*" + last[9:],
    }.items():
        yield what, start + b"." + value


def broken(right: Members) -> Iterator[Header]:
    """Documents that are not a JSON object in UTF-8, or too deep."""
    text = written(right)
    start = text[:-1]
    yield "nothing", b""
    yield "a list", b"[" + text + b"]"
    yield "a string", json.dumps(text.decode()).encode()
    for value in (b"1", b"null", b"true", b"NaN", b"{}", b'""', b" "):
        yield value.decode(), value
    yield "not closed", start
    yield "closed twice", text + b"}"
    yield "twice", text + text
    yield "a comma too many", start + b",}"
    yield "single quotes", text.replace(b'"', b"'")
    yield "a comment", text + b"/**/"
    yield "a NUL after it", text + b"\0"
    for what, value in {
        "a newline": b"\n",
        "a broken escape": rb"\x41",
        "a byte that is not UTF-8": b"\xff",
        "a letter in Latin-1": b"\xe9",
        "a letter in two bytes": b"\xc1\x81",
        "a lone surrogate in bytes": b"\xed\xa0\x80",
        "a lone surrogate": rb"\ud800",
    }.items():
        yield what, start + b',"x":"' + value + b'"}'
    yield "a lone surrogate for a name", start + rb',"\udfff":1}'
    yield "a byte order mark", b"\xef\xbb\xbf" + text
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        yield encoding, text.decode().encode(encoding)
    yield "5,000 digits in a member", start + b',"x":' + b"7" * 5000 + b"}"
    yield "1,000 lists", b"[" * 1000 + b"]" * 1000
    yield "1,000 objects", b'{"":' * 1000 + b"1" + b"}" * 1000
    yield "1,000 lists in a member", start + b',"x":' + b"[" * 1000 + b"]" * 1000 + b"}"
    yield "5,000 lists that are not closed", b"[" * 5000
    yield "100,000 lists that are not closed", b"[" * 100_000


def segments(right: Members) -> Iterator[Header]:
    """Segments that are not base64url."""
    text = written(right)
    padded = base64.urlsafe_b64encode(text + b" " * ((1 - len(text)) % 3))
    yield "padding", padded
    yield "letters after padding", padded + b"AAAA"
    yield "an impossible length", padded.rstrip(b"=") + b"AAA"
    yield "a newline", padded[:8] + b"\n" + padded[8:].rstrip(b"=")
    yield "a star", padded[:8] + b"*" + padded[8:].rstrip(b"=")
    yield "the standard alphabet", standard(text[:-1] + b',"x":"??????"}')


def claims(key: Key) -> Iterator[Header]:
    """Claims of a wrong type, missing ones, and a claim in place of the right one."""
    odd = ("null", "true", "false", "-1", "1.5", "Infinity", "-Infinity", "NaN", "1e999", "[]", "{}")
    for name in ("iss", "aud", "exp", "iat", "nbf", "sub"):
        right = CLAIMS.get(name, str(NOW))
        times = ('""', f'"{right}"', f"{right}.0", f"{right}e0", str(LAST + 1), "9" * 5000)
        texts = ("0", str(NOW), f'{{"0": {right}}}', *(['""'] if name != "sub" else []))
        for value in (*odd, f"[{right}]", f'[{right}, "x"]', *(times if right.isdecimal() else texts)):
            yield f"{name} {value[:40]}", key.claiming(**{name: value})
    for name in ("iss", "aud", "exp", "iat"):
        yield f"{name} missing", key.bearer(without(CLAIMS, name))
    issuers = ("https://accounts.google.com/", "http://accounts.google.com", "https://accounts.google", "Accounts.google.com")
    for text in (*issuers, ACCOUNT, "https://accounts.google.com.x.example", " accounts.google.com", "accounts.google.com\0"):
        yield f"iss {json.dumps(text)}", key.claiming(iss=json.dumps(text))
    for text in (f"{AUDIENCE}/", AUDIENCE[:-1], f"{AUDIENCE}?", f" {AUDIENCE}", AUDIENCE.upper(), "https://shop.example", "*"):
        yield f"aud {json.dumps(text)}", key.claiming(aud=json.dumps(text))
    yield "exp in the year 9999", key.claiming(exp=str(LAST))
    yield "iat in the year 1970", key.claiming(iat="0")
    for name, seconds in {"exp": (NOW - 10, NOW - 11, 0), "iat": (NOW + 11, LAST), "nbf": (NOW + 11, LAST)}.items():
        for time in seconds:
            yield f"{name} {time - NOW:+} s", key.claiming(**{name: str(time)})
    for name, value in {"exp": str(NOW - 10), "aud": '"x"', "sub": "null", "nbf": "1.5", "iss": '"x"'}.items():
        yield f"{name} {value}, and another's email", key.claiming(**{"email": '"x@x.example"', name: value})
    yield "300 lists in one of the sender's own", key.claiming(x="[" * 300 + "]" * 300)
    yield "aud twice, the right one first", key.bearer(written(CLAIMS)[:-1] + b',"aud":"x"}')
    # what a service account signs itself to be given an identity token for it
    assertion = {"iss": f'"{ACCOUNT}"', "aud": '"https://oauth2.googleapis.com/token"', "target_audience": f'"{AUDIENCE}"'}
    yield "a service account's assertion", key.claiming(**assertion)


def others(key: Key) -> Iterator[Header]:
    """Good tokens of somebody else."""
    user, _, host = ACCOUNT.partition("@")
    emails = [None, True, 5, [], [ACCOUNT], {ACCOUNT: True}, "", "*", "x@x.example", ACCOUNT.upper(), ACCOUNT.capitalize(), user]
    emails += [f"{ACCOUNT} ", f" {ACCOUNT}", f"{ACCOUNT}\n", f"{ACCOUNT}\0", ACCOUNT[:-1], f"{ACCOUNT}.x.example", f"@{host}"]
    emails += [f"\u0435{ACCOUNT[1:]}", f"{user}\uff20{host}", f"{ACCOUNT},x@x.example", f"serviceAccount:{ACCOUNT}"]
    for value in map(json.dumps, emails):
        yield f"email {value}", key.claiming(email=value)
    for value in ("null", "false", '"true"', '"True"', '""', "0", "1", "1.0", "[true]", "{}"):
        yield f"email_verified {value}", key.claiming(email_verified=value)
    for name in ("email", "email_verified"):
        yield f"{name} missing", key.bearer(without(CLAIMS, name))
    for member in ('"email":"x@x.example"', '"email_verified":false'):
        yield f"twice, at last {member}", key.bearer(written(CLAIMS)[:-1] + f",{member}}}".encode())


def vectors() -> Iterator[dict[str, object]]:
    """The public keys, then each header with its status."""
    key, second, stranger = map(Key.make, ("first", "second", "stranger"))
    yield {"keys": [key.jwk(), second.jwk()]}
    families: dict[str, Iterator[Header]] = {
        "good": good(key, second, stranger),
        "shape": shapes(key),
        "alg": algorithms(key),
        "field": fields(key, stranger),
        "signature": signatures(key, second, stranger),
        "header": ((name, key.bearer(header=document)) for name, document in broken(HEADER)),
        "payload": ((name, key.bearer(document)) for name, document in broken(CLAIMS)),
        "header in base64": ((name, signed_by(key.sign, each, b64(written(CLAIMS)))) for name, each in segments(HEADER)),
        "payload in base64": ((name, signed_by(key.sign, b64(written(HEADER)), each)) for name, each in segments(CLAIMS)),
        "claim": claims(key),
        "other": others(key),
    }
    for family, headers in families.items():
        for name, value in headers:
            status = {"good": 201, "other": 403}.get(family, 401)
            yield {"name": f"{family}: {name}", "authorization": value.decode("latin-1"), "status": status}


def main() -> None:
    """Write the file, a vector a line."""
    jwks, *rows = vectors()
    head = {"about": ABOUT, "now": NOW, "audience": AUDIENCE, "service_account": ACCOUNT, "jwks": jwks}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    lines.append('"vectors": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]")
    Path(__file__).with_name("oidc_vectors.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


if __name__ == "__main__":
    main()
