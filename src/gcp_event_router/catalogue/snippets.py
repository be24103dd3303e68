"""Commands that send an event, for a shell: `curl` for each way to authenticate, `gcloud`, and our own. No secret stands in one.

What a sender has to fill in is a shell variable or a word in capitals. All else is quoted by `shlex`.
Facts: https://cloud.google.com/sdk/gcloud/reference/pubsub/topics/publish and
https://cloud.google.com/sdk/gcloud/reference/auth/print-identity-token, of which a service account's token needs its address.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote as url_quote
from urllib.parse import urlencode

from ..auth import Authenticator, SharedToken, SignedURL
from ..event import is_label
from .security import Security

__all__ = ["REFERENCE", "Line", "Sending"]

#: What the events of the commands are about.
REFERENCE: Final = "1"
_SOURCE: Final = "//example.com/you"
_BREAK: Final = " \\\n  "
#: Stands for an id, which `_ID` has the shell make.
_NEW: Final = "\0"
_ID: Final = "$(date +%s)-$$"
_DELIMITERS: Final = ";|:~@#%+"


class Line(NamedTuple):
    """One command."""

    title: str
    text: str
    #: What to know of it.
    hint: str = ""


@dataclass(frozen=True)
class Sending:
    """An event that somebody wants to send."""

    kind: str
    #: Of a CloudEvent.
    ce_type: str | None
    #: None, where there is no example: whoever sends it has to write it.
    data: bytes | None
    is_json: bool
    #: Such as `https://shop.example`, and the path below it; empty where no endpoint is mounted.
    base_url: str
    path: str
    security: Security
    #: What has to be in the query of the URL; None as for the payload.
    query: Mapping[str, Sequence[str]] | None = field(default_factory=dict[str, Sequence[str]])

    def lines(self) -> list[Line]:
        """Every way to send it."""
        missing = [name for name, value in (("PAYLOAD", self.data), ("QUERY", self.query)) if value is None]
        hint = "".join(f" {name} is yours to write: there is no example." for name in missing)
        found = [*self._curls(), *self._gcloud(), self._own()]
        return [each._replace(hint=(each.hint + hint).strip()) for each in found] if hint else found

    def _curls(self) -> Iterator[Line]:
        if not self.path:
            return
        url = self._url()
        for each in self.security.authenticators:
            yield self._with(each, url)
        if not self.security.authenticators:
            hint = "" if self.security.standing == "open" else "As it stands, nobody gets in."
            yield Line("curl", self._curl(url), hint)

    def _with(self, authenticator: Authenticator, url: str) -> Line:
        name = type(authenticator).__qualname__
        if isinstance(authenticator, SignedURL):
            hint = "The URL is signed by the site itself, for an hour: run this where manage.py is."
            return Line("curl, with a signed URL", self._curl(self._signed()), hint)
        if isinstance(authenticator, SharedToken):
            hint = "TOKEN is one of the tokens in the settings: TOKEN=…"
            if authenticator.header is None:
                parameter = url_quote(authenticator.parameter or "", safe="")
                address = self._url(f"{parameter}=") + '"$TOKEN"'
                return Line("curl, with a shared token", self._curl(address), hint)
            scheme = "Bearer " if authenticator.header.lower() == "authorization" else ""
            header = f'"{authenticator.header}: {scheme}$TOKEN"'
            return Line("curl, with a shared token", self._curl(url, header), hint)
        # not by its class, whose module needs what the extra installs
        audience, account = _first(authenticator, "audience"), _first(authenticator, "service_accounts")
        if audience and account:
            header = f'"Authorization: Bearer $({self._identity(audience, account)})"'
            hint = "You have to be allowed to impersonate that service account."
            return Line("curl, with a token of Google's", self._curl(url, header), hint)
        return Line(f"curl, for {name}", self._curl(url), f"Add what {name} reads from a request.")

    def _identity(self, audience: str, account: str) -> str:
        audience = self.base_url + self.path if audience == "event-url" else audience
        options = f"--impersonate-service-account={quote(account)} --include-email --audiences={quote(audience)}"
        return f"gcloud auth print-identity-token {options}"

    def _signed(self) -> str:
        # double quotes, since the shell has the single ones
        kind, reference, base = (json.dumps(each, ensure_ascii=False) for each in (self.kind, REFERENCE, self.base_url))
        query = json.dumps(self.query, ensure_ascii=False) + ", " if self.query else ""
        if is_label(self.kind) or self.kind != self.ce_type:
            call = f"get_event_url({kind}, {reference}, {query}base_url={base}, signed=True, max_age=timedelta(hours=1))"
            code = f"from datetime import timedelta; from gcp_event_router.utils import get_event_url; print({call})"
        else:
            call = f"{base} + cloudevents_path({query}max_age=timedelta(hours=1))"
            code = f"from datetime import timedelta; from gcp_event_router.pulling.http import cloudevents_path; print({call})"
        return f'"$(python manage.py shell -v 0 -c {quote(code)})"'

    def _curl(self, url: str, *headers: str) -> str:
        content = "application/json" if self.is_json else "application/octet-stream"
        named = {"Content-Type": content, **self._attributes()}
        written = [*headers, *(_quoted(f"{name}: {value}") for name, value in named.items())]
        return _BREAK.join([f"curl -i {url}", *(f"-H {each}" for each in written), f"--data-raw {self._text}"])

    def _gcloud(self) -> Iterator[Line]:
        attributes = self._attributes() or ({"sent-by": "gcloud"} if self.data == b"" else {})  # one of both has to be there
        if attributes and self.data != b"" and not self.is_json:
            attributes = {**attributes, "content-type": "application/octet-stream"}
        parts = ["gcloud pubsub topics publish TOPIC"]
        parts += [f"--message={self._text}"] if self.data != b"" else []
        parts += [f"--attribute={_quoted(_dictionary(attributes))}"] if attributes else []
        query = f"?{urlencode(self.query, doseq=True)}" if self.query else ""
        where = f" that pushes to {self.base_url}{self.path}{query}" if self.path else ""
        yield Line("gcloud", _BREAK.join(parts), f"TOPIC has a subscription{where}.")

    def _own(self) -> Line:
        options = ["--envelope", "cloudevents-binary", "--ce-type", quote(self.ce_type)] if self.ce_type else []
        options += [f"--parameter {quote(f'{name}={each}')}" for name, values in (self.query or {}).items() for each in values]
        options += ["--parameter NAME=VALUE"] if self.query is None else []
        kind = ["--", quote(self.kind)] if self.kind.startswith("-") else [quote(self.kind)]
        text = " ".join(["python manage.py events send", *options, "--data", self._text, *kind])
        return Line("manage.py", text, "In the process of the command; nobody is asked who sends.")

    def _attributes(self) -> Mapping[str, str]:
        """Those of a CloudEvent, as its headers and a message have them."""
        if self.ce_type is None:
            return {}
        return {"ce-specversion": "1.0", "ce-id": _NEW, "ce-source": _SOURCE, "ce-type": self.ce_type}

    def _url(self, more: str = "") -> str:
        """The URL, as the shell reads it; what is added to its query comes last."""
        query = urlencode(self.query or {}, doseq=True)
        url = f"{self.base_url}{self.path}{'?' * bool(query or more)}{query}{'&' * bool(query and more)}{more}"
        if self.query is not None:
            return quote(url)
        return quote(f"{self.base_url}{self.path}?") + '"$QUERY"' + (quote(f"&{more}") if more else "")

    @property
    def _text(self) -> str:
        """The payload, as the shell reads it."""
        return '"$PAYLOAD"' if self.data is None else quote(self.data.decode(errors="replace"))


def _quoted(text: str) -> str:
    """A text as the shell reads it, with an id that is another one each time: a second event of the same id is a duplicate."""
    before, new, after = text.partition(_NEW)
    return f'{quote(before)}"{_ID}"{quote(after) if after else ""}' if new else quote(text)


def _first(authenticator: Authenticator, name: str) -> str:
    """The first of the strings that an attribute of an authenticator holds, if it holds any."""
    try:
        values: Any = getattr(authenticator, name, ())
    except Exception:  # noqa: BLE001 -- a property of the project's own
        return ""
    if not isinstance(values, (tuple, list, frozenset)):
        return ""
    return min((each for each in cast("Collection[object]", values) if isinstance(each, str)), default="")


def _dictionary(values: Mapping[str, str]) -> str:
    """As gcloud reads a dictionary: by commas, unless another delimiter is named."""
    written = [f"{name}={value}" for name, value in values.items()]
    if not any("," in each for each in written) and not written[0].startswith("^"):
        return ",".join(written)
    delimiter = next((each for each in _DELIMITERS if not any(each in text for text in written)), "\x1f")
    return f"^{delimiter}^{delimiter.join(written)}"
