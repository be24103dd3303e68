"""Shell commands that send an event: `curl` for each authenticator, `gcloud`, and our own. They contain no secrets.

A shell variable or a word in capitals stands for what a sender has to fill in. `shlex` quotes everything else.
Facts: https://cloud.google.com/sdk/gcloud/reference/pubsub/topics/publish.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Final, NamedTuple
from urllib.parse import quote as url_quote
from urllib.parse import urlencode

from ..auth import Authenticator, BodyAuthenticator
from ..auth.base import curl_hint
from ..envelopes.pubsub_unwrapped import may_be_attribute
from ..event import is_label
from .security import Security

#: The reference of the events that the commands send.
REFERENCE: Final = "1"
_SOURCE: Final = "//example.com/you"
_BREAK: Final = " \\\n  "
_SIGNED: Final = "The command signs it with the first secret in the settings. Add --url to send it to a site."
#: More bytes would hide the command.
_LONG: Final = 200
_FIRST: Final = "Enter this first: the commands read it."
#: Stands for an id; `_ID` lets the shell create it.
_NEW: Final = "\0"
_ID: Final = "$(date +%s)-$$-$RANDOM"
_MESSAGE_ID: Final = "x-goog-pubsub-message-id"
#: The names of a CloudEvent's attributes.
_CONTEXT: Final = re.compile("[a-z0-9]+")
_HEADER: Final = re.compile("[A-Z0-9_]+")
_DELIMITERS: Final = ";|:~@#%+"


class Line(NamedTuple):
    """One command."""

    title: str
    text: str
    #: Advice for the sender.
    hint: str = ""
    #: The same for the server that shows the page, if another one is meant.
    local: str = ""


@dataclass(frozen=True)
class Sending:
    """Writes the commands that send one event."""

    kind: str
    #: Of a CloudEvent.
    ce_type: str | None
    #: None without an example; the sender then has to write it.
    data: bytes | None
    is_json: bool
    #: Such as `https://shop.example`, and the path below it; empty where no endpoint is mounted.
    base_url: str
    path: str
    security: Security
    #: The parameters of the URL; None without an example.
    query: Mapping[str, Sequence[str]] | None = field(default_factory=dict[str, Sequence[str]])
    #: The attributes that the event must have.
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    #: To which the kind is published by default.
    topic: str = ""

    @property
    def is_long(self) -> bool:
        """Whether the payload stands once before all commands, instead of in each of them."""
        return self.data is not None and len(self.data) > _LONG

    def lines(self, here: str = "") -> list[Line]:
        """Every way to send it; also those to the server `here`, if that is another one."""
        missing = [name for name, value in (("PAYLOAD", self.data), ("QUERY", self.query)) if value is None]
        hint = "".join(f" Set {name} yourself: there is no example." for name in missing)
        lines = [*self._curls(), *self._gcloud(), self._own()]
        first = [Line("The payload", f"PAYLOAD={self._quoted_data}", _FIRST)] if self.is_long else []
        lines = first + [line._replace(hint=(line.hint + hint).strip()) for line in lines]
        if here in {"", self.base_url}:
            return lines
        pairs = zip(lines, replace(self, base_url=here).lines(), strict=True)
        return [line._replace(local=other.text if other.text != line.text else "") for line, other in pairs]

    def _curls(self) -> Iterator[Line]:
        if not self.path or (self.ce_type is None and not all(map(_may_be_header, self.attributes))):
            return
        yield from map(self._with, filter(self._may_send, self.security.authenticators))
        if not self.security.authenticators:
            hint = "" if self.security.standing == "open" else "The endpoint rejects everybody now."
            yield Line("curl", self._curl(self._url()), hint)

    def _may_send(self, authenticator: Authenticator) -> bool:
        """Whether its sender can send the attributes: a provider of webhooks has some of its own."""
        provider = authenticator.provider if isinstance(authenticator, BodyAuthenticator) else None
        return provider is None or self.attributes.keys() <= provider.places.keys()

    def _with(self, authenticator: Authenticator) -> Line:
        hint = curl_hint(authenticator, self.base_url + self.path)
        if hint.provider:
            return Line(f"manage.py, {hint.title}", self._send("--as", quote(hint.provider)), f"{hint.text} {_SIGNED}")
        url = self._signed() if hint.is_signed else self._url()
        if hint.parameter:
            url = self._url(f"{url_quote(hint.parameter, safe='')}=") + '"$TOKEN"'
        return Line(f"curl, {hint.title}", self._curl(url, *([f'"{hint.header}"'] if hint.header else [])), hint.text)

    def _signed(self) -> str:
        # double quotes, since the shell has the single ones
        kind, reference, base = (json.dumps(text, ensure_ascii=False) for text in (self.kind, REFERENCE, self.base_url))
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
        named = {"Content-Type": content, **self._headers()}
        written = [*headers, *(_quoted(f"{name}: {value}") for name, value in named.items())]
        return _BREAK.join([f"curl -i {url}", *(f"-H {header}" for header in written), f"--data-raw {self._text}"])

    def _gcloud(self) -> Iterator[Line]:
        attributes = self._attributes() or (
            {"sent-by": "gcloud"} if self.data == b"" else {}
        )  # a message needs data or an attribute
        if attributes and self.data != b"" and not self.is_json:
            attributes = {**attributes, "content-type": "application/octet-stream"}
        parts = [f"gcloud pubsub topics publish {quote(self.topic) if self.topic else 'TOPIC'}"]
        parts += [f"--message={self._text}"] if self.data != b"" else []
        parts += [f"--attribute={_quoted(_dictionary(attributes))}"] if attributes else []
        query = f"?{urlencode(self.query, doseq=True)}" if self.query else ""
        where = f" that pushes to {self.base_url}{self.path}{query}" if self.path else ""
        yield Line("gcloud", _BREAK.join(parts), f"{'The topic' if self.topic else 'TOPIC'} has a subscription{where}.")

    def _own(self) -> Line:
        options = ["--envelope", "cloudevents-binary", "--ce-type", quote(self.ce_type)] if self.ce_type else []
        return Line("manage.py", self._send(*options), "Runs in the command's own process, without authentication.")

    def _send(self, *options: str) -> str:
        """The command of this package with options."""
        words = list(options)
        words += [f"--attribute {quote(f'{name}={value}')}" for name, value in self.attributes.items()]
        words += [f"--parameter {quote(f'{name}={value}')}" for name, values in (self.query or {}).items() for value in values]
        words += ["--parameter NAME=VALUE"] if self.query is None else []
        words += ["--data", self._text, *(["--"] if self.kind.startswith("-") else []), quote(self.kind)]
        return " ".join(["python manage.py events send", *words])

    def _attributes(self) -> Mapping[str, str]:
        """The attributes of a message, and those of a CloudEvent in it."""
        if self.ce_type is None:
            return self.attributes
        own = {f"ce-{name}" if _CONTEXT.fullmatch(name) else name: value for name, value in self.attributes.items()}
        return {"ce-specversion": "1.0", "ce-id": _NEW, "ce-source": _SOURCE, "ce-type": self.ce_type, **own}

    def _headers(self) -> Mapping[str, str]:
        """The same for a request: that of a CloudEvent, or an unwrapped push of Pub/Sub, whose attributes are headers."""
        named = {name.replace("_", "-"): value for name, value in self._attributes().items()}
        return {_MESSAGE_ID: _NEW, **named} if named and self.ce_type is None else named

    def _url(self, more: str = "") -> str:
        """The URL, quoted for the shell; `more` is added to its query."""
        query = urlencode(self.query or {}, doseq=True)
        url = f"{self.base_url}{self.path}{'?' * bool(query or more)}{query}{'&' * bool(query and more)}{more}"
        if self.query is not None:
            return quote(url)
        return quote(f"{self.base_url}{self.path}?") + '"$QUERY"' + (quote(f"&{more}") if more else "")

    @property
    def _text(self) -> str:
        """The payload, quoted for the shell."""
        return '"$PAYLOAD"' if self.data is None or self.is_long else self._quoted_data

    @property
    def _quoted_data(self) -> str:
        return quote((self.data or b"").decode(errors="replace"))


def _may_be_header(name: str) -> bool:
    """Whether an attribute can be sent as a header of an unwrapped push."""
    key = name.upper().replace("-", "_")
    return _HEADER.fullmatch(key) is not None and may_be_attribute(f"HTTP_{key}")


def _quoted(text: str) -> str:
    """Quote a text for the shell, with a new id each time: a second event with the same id is a duplicate."""
    before, new, after = text.partition(_NEW)
    return f'{quote(before)}"{_ID}"{quote(after) if after else ""}' if new else quote(text)


def _dictionary(values: Mapping[str, str]) -> str:
    """Write a dictionary for gcloud: with commas, unless it names another delimiter."""
    written = [f"{name}={value}" for name, value in values.items()]
    if not any("," in text for text in written) and not written[0].startswith("^"):
        return ",".join(written)
    delimiter = next((delimiter for delimiter in _DELIMITERS if not any(delimiter in text for text in written)), "\x1f")
    return f"^{delimiter}^{delimiter.join(written)}"
