"""Describes the events that a site accepts as an AsyncAPI 3.0 document, for `manage.py events schema`.

Schemas are written in draft 7, as AsyncAPI requires. Each channel has an extension, `x-gcp-event-router`, with what
`compatibility` compares and AsyncAPI has no word for: the glob of kinds, the type, the parameters of the URL. A kind with a topic
has a second channel, for the messages that this site sends.

Facts: https://www.asyncapi.com/docs/reference/specification/v3.0.0 and the HTTP binding, 0.3.0. The Pub/Sub binding of channels,
0.2.0, requires a schema that Pub/Sub knows, so a topic is an address on a server of Pub/Sub, without a binding.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit

from django.urls import NoReverseMatch, reverse

from .._event_urls import configured_base_url
from .._globs.glob import Glob, is_literal, tokens
from .._schema.json_schema import bare, payload_schemas
from .._schema.type_names import type_words
from ..auth import AuthenticatorChain
from ..exceptions import ConfigurationError
from ..kinds import Kind
from ..router import EventRouter
from .channels import Channel, channels
from .examples import Example

#: The key of a channel's extension.
EXTENSION: Final = "x-gcp-event-router"
_SCHEMAS: Final = "#/components/schemas/{model}"
_KIND, _REFERENCE = "kind", "reference"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_JSON: Final = "application/json"
_ATTRIBUTES: Final = "attributes of the Pub/Sub message, or of the CloudEvent, here described as headers."
_WILDCARDS: Final = {"*": r"[\s\S]*", "?": r"[\s\S]"}
_SYNTAX: Final = re.compile(r"[\\^$.*+?()\[\]{}|]")
_ESCAPED: Final = r"\\\g<0>"
_SUBSCHEMAS: Final = frozenset(
    {"items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalProperties", "propertyNames", "contentSchema"}
)
_WRAPPED: Final = (
    "The payload is the data of the event: of a Pub/Sub push, `message.data` in base64; of a CloudEvent, its data; of any other "
    "request, the whole body."
)


def asyncapi(router: EventRouter, chain: AuthenticatorChain, *, title: str, version: str) -> dict[str, Any]:
    """Describe the events of a router in an AsyncAPI document.

    Args:
        router: The document describes its channels.
        chain: The authenticators, which become security schemes.
        title: The name of the site.
        version: The version of the document.

    Raises:
        ConfigurationError: A handler's annotation cannot be used, or the endpoint is not in the URLs.

    """
    ordered = sorted(channels(router), key=lambda channel: (channel.is_fallback, str(channel)))
    names = _names(ordered)
    payloads, schemas = _schemas(ordered)
    described = [(name, channel, channel.example()) for name, channel in zip(names, ordered, strict=True)]
    security = dict(_security(chain))
    topics = {name: channel.declared for name, channel, _ in described if channel.declared is not None and channel.declared.topic}
    servers = _servers(security, with_topics=bool(topics))
    here, there = ({"servers": [{"$ref": f"#/servers/{name}"}]} if topics and servers else {} for name in ("site", "pubsub"))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version, "description": _WRAPPED},
        "defaultContentType": _JSON,
        **({"servers": servers} if servers else {}),
        "channels": {
            **{f"topic.{name}": {**_topic(kind, name), **there} for name, kind in topics.items()},
            **{name: {**_channel(channel, name, payloads, example), **here} for name, channel, example in described},
        },
        "operations": {
            **{
                f"send.{name}": {
                    "action": "send",
                    "channel": {"$ref": f"#/channels/topic.{name}"},
                    "messages": [{"$ref": f"#/channels/topic.{name}/messages/event"}],
                }
                for name in topics
            },
            **{
                f"receive.{name}": {
                    "action": "receive",
                    "channel": {"$ref": f"#/channels/{name}"},
                    "messages": [{"$ref": f"#/channels/{name}/messages/event"}],
                    "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
                }
                for name in names
            },
        },
        "components": {
            "messages": {name: _message(channel, payloads, example) for name, channel, example in described},
            "schemas": schemas,
            **({"securitySchemes": security} if security else {}),
        },
    }


def _channel(channel: Channel, name: str, payloads: Mapping[str, Any], example: Example) -> dict[str, Any]:
    ours: dict[str, Any] = {"kind": channel.kind.pattern}
    if channel.ce_type is not None:
        ours["ce-type"] = channel.ce_type.pattern
    if channel.attributes:
        ours["attributes"] = channel.attributes.patterns
    if channel.is_fallback:
        ours["fallback"] = True
    ours["handlers"] = [handler.name for handler in channel.handlers]
    parameters = [payloads[_key(declared)] for declared, _ in channel.parameters]
    if parameters:
        ours["parameters"] = parameters[0] if len(parameters) == 1 else {"allOf": parameters}
    if example.query:
        ours["example-query"] = urlencode(example.query, doseq=True)
    if problems := [problem for problem in (example.problem, example.query_problem, *example.notes) if problem]:
        ours["problems"] = problems
    address, inside = _address(channel)
    return {
        "title": str(channel),
        "address": address,
        "messages": {"event": {"$ref": f"#/components/messages/{name}"}},
        **({"parameters": inside} if inside else {}),
        EXTENSION: ours,
    }


def _topic(kind: Kind[Any], name: str) -> dict[str, Any]:
    """A channel for what this site publishes."""
    return {
        "title": f"the topic of {kind.name}",
        "address": kind.topic,
        "messages": {"event": {"$ref": f"#/components/messages/{name}"}},
        EXTENSION: {"published": kind.name},
    }


def _message(channel: Channel, payloads: Mapping[str, Any], example: Example) -> dict[str, Any]:
    schemas = [payloads[_key(declared)] for declared, _ in channel.payloads]
    binary = any(bare(declared) is bytes for declared, _ in channel.payloads)
    docstrings = [text for handler in channel.handlers if (text := inspect.getdoc(handler.function))]
    message: dict[str, Any] = {
        "name": str(channel),
        "title": " and ".join(type_words(declared) for declared, _ in channel.payloads) or "anything",
        "contentType": "application/octet-stream" if binary else _JSON,
        "payload": schemas[0] if len(schemas) == 1 else {"allOf": schemas} if schemas else {},
    }
    if not example.problem:
        message["examples"] = [{"payload": example.value}]
    if channel.attributes:
        docstrings.insert(0, f"Only with {channel.attributes.words}: {_ATTRIBUTES}")
    if docstrings:
        message["description"] = "\n\n".join(docstrings)
    ce_type = channel.sole_type or channel.ce_type
    headers = {} if ce_type is None else {"ce-type": _of_glob(ce_type, "A type")}
    headers |= {name: _of_glob(glob, "A value") for name, glob in channel.attributes}
    if headers:
        message["headers"] = {"type": "object", "properties": headers, "required": [*headers]}
    return message


def _of_glob(glob: Glob, what: str) -> dict[str, Any]:
    if glob.is_literal:
        return {"type": "string", "const": glob.pattern}
    expression = "".join(map(_expression, tokens(glob.pattern)))
    return {"type": "string", "description": f"{what} that matches {glob.pattern}", "pattern": f"^{expression}$"}


def _expression(token: str) -> str:
    """Write a part of a glob as a regular expression of JSON Schema, whose dialect is JavaScript's."""
    if token in _WILDCARDS:
        return _WILDCARDS[token]
    if is_literal(token):
        return _SYNTAX.sub(_ESCAPED, token)
    negation = "^" if token[1] == "!" else ""
    return f"[{negation}{_SYNTAX.sub(_ESCAPED, token[1 + len(negation) : -1])}]"


def _schemas(all_channels: Iterable[Channel]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of each type by its key, and all definitions; pydantic gives models of the same name different ones."""
    typed = [typed for channel in all_channels for typed in (*channel.payloads, *channel.parameters)]
    types = {_key(declared): (declared, adapter) for declared, adapter in typed}
    own_schemas, definitions = payload_schemas(list(types.values()), "validation", _SCHEMAS)
    return (
        {key: _draft7(schema) for key, schema in zip(types, own_schemas, strict=True)},
        {name: _draft7(schema) for name, schema in sorted(definitions.items())},
    )


def _draft7(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrite pydantic's schema in the spelling of draft 7, without OpenAPI's `discriminator`, whose tags are constants."""
    written: dict[str, Any] = {}
    for key, value in schema.items():
        if key in {"properties", "patternProperties"}:
            written[key] = {name: _draft7(field) for name, field in value.items()}
        elif key in _SUBSCHEMAS and isinstance(value, dict):
            written[key] = _draft7(cast("dict[str, Any]", value))
        elif key in _SUBSCHEMAS and isinstance(value, list):
            parts = [_draft7(part) for part in cast("list[dict[str, Any]]", value)]
            written["items" if key == "prefixItems" else key] = parts
        elif key != "discriminator":
            written[key] = value
    return written


def _address(channel: Channel) -> tuple[str, dict[str, Any]]:
    """The path, with a parameter for each wildcard of the glob."""
    if channel.sole_type is not None:
        return _path("gcp-cloudevents").strip("/"), {}
    parameters: dict[str, Any] = {}

    kind = ""
    for token in tokens(channel.kind.pattern):
        if is_literal(token):
            kind += quote(token, safe="")
        else:
            name = f"any{len(parameters) + 1}"
            parameters[name] = {"description": f"The text that {token!r} matches in the glob {channel.kind.pattern!r}."}
            kind += f"{{{name}}}"
    parameters["reference"] = {"description": "What it happened to."}
    path = _path("gcp-events", _KIND, _REFERENCE)
    return path.replace(f"{_KIND}/{_REFERENCE}", f"{kind}/{{reference}}").strip("/"), parameters


def _path(name: str, *arguments: str) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch as error:
        msg = (
            f"There is no URL named {name!r} that events are sent to. "
            "Add path('', include('gcp_event_router.urls')) to your urlpatterns."
        )
        raise ConfigurationError(msg) from error


def _servers(security: Mapping[str, Any], *, with_topics: bool) -> dict[str, Any]:
    parts = urlsplit(configured_base_url() or "")
    if not parts.netloc:
        return {}
    server: dict[str, Any] = {"host": parts.netloc, "protocol": parts.scheme}
    if parts.path.strip("/"):
        server["pathname"] = parts.path
    if security:
        server["security"] = [{"$ref": f"#/components/securitySchemes/{name}"} for name in security]
    return {"site": server, **({"pubsub": {"host": "pubsub.googleapis.com", "protocol": "googlepubsub"}} if with_topics else {})}


def _security(chain: AuthenticatorChain) -> Iterator[tuple[str, dict[str, Any]]]:
    """The security schemes of the authenticators that have one."""
    for authenticator in chain.authenticators or ():
        describe = getattr(authenticator, "security_scheme", None)
        if describe is not None:
            yield describe()


def _names(ordered: Sequence[Channel]) -> list[str]:
    """Keys that AsyncAPI accepts; a number tells names apart that differ only in other characters."""
    names: dict[str, None] = {}
    numbers: Counter[str] = Counter()
    for channel in ordered:
        text = f"{'fallback.' * channel.is_fallback}{channel}"
        plain = name = _UNSAFE.sub("_", text.replace("*", "any")).strip("_") or "any"
        while name in names:
            numbers[plain] += 1
            name = f"{plain}.{numbers[plain] + 1}"
        names[name] = None
    return list(names)


def _key(declared: object) -> str:
    return repr(declared)
