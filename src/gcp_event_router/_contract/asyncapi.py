"""An AsyncAPI 3.0 document of all that a site can be sent: what `manage.py events schema` writes.

Schemas are in the part of JSON Schema that AsyncAPI's own format has, draft 7. Beside what AsyncAPI knows, each channel says in
`x-gcp-event-router` what `compatibility` compares: the glob of kinds, the type, the parameters of the URL.

Facts: https://www.asyncapi.com/docs/reference/specification/v3.0.0 and the HTTP binding, 0.3.0.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from .._globs.glob import Glob, is_literal, tokens
from .._schema.json_schema import bare, payload_schemas
from .._schema.type_names import type_words
from ..auth import AuthenticatorChain
from ..exceptions import ConfigurationError
from ..router import EventRouter
from .channels import Channel, channels
from .examples import Example

#: Under which each channel says what AsyncAPI has no word for.
EXTENSION: Final = "x-gcp-event-router"
_SCHEMAS: Final = "#/components/schemas/{model}"
_KIND, _REFERENCE = "kind", "reference"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_JSON: Final = "application/json"
#: Readers of AsyncAPI take an object with this key for a reference, wherever it stands.
_REFERENCE_KEY: Final = "$ref"
_UNREADABLE: Final = "The example has a key '$ref', which readers of AsyncAPI take for a reference."
_SUBSCHEMAS: Final = frozenset(
    {"items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalProperties", "propertyNames", "contentSchema"}
)
_WRAPPED: Final = (
    "What the payload says is the data of the event: of a Pub/Sub push `message.data` in base64, of a CloudEvent its data, and "
    "otherwise the body itself."
)


def asyncapi(router: EventRouter, chain: AuthenticatorChain, *, title: str, version: str) -> dict[str, Any]:
    """The document.

    Args:
        router: Whose channels to tell.
        chain: Who is let in.
        title: What the site is called.
        version: Which version of the document it is.

    Raises:
        ConfigurationError: A handler's annotation cannot be used, or the endpoint is not in the URLs.

    """
    found = sorted(channels(router), key=lambda each: (each.is_fallback, str(each)))
    names = _names(found)
    payloads, schemas = _schemas(found)
    examples = [each.example() for each in found]
    security = dict(_security(chain))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version, "description": _WRAPPED},
        "defaultContentType": _JSON,
        **_servers(security),
        "channels": {
            name: _channel(each, name, payloads, example) for name, each, example in zip(names, found, examples, strict=True)
        },
        "operations": {
            f"receive.{name}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/event"}],
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            }
            for name in names
        },
        "components": {
            "messages": {
                name: _message(each, payloads, example) for name, each, example in zip(names, found, examples, strict=True)
            },
            "schemas": schemas,
            **({"securitySchemes": security} if security else {}),
        },
    }


def _channel(channel: Channel, name: str, payloads: Mapping[str, Any], example: Example) -> dict[str, Any]:
    ours: dict[str, Any] = {"kind": channel.kind.pattern}
    if channel.ce_type is not None:
        ours["ce-type"] = channel.ce_type.pattern
    if channel.is_fallback:
        ours["fallback"] = True
    ours["handlers"] = [handler.name for handler in channel.handlers]
    parameters = [payloads[_key(declared)] for declared, _ in channel.parameters]
    if parameters:
        ours["parameters"] = parameters[0] if len(parameters) == 1 else {"allOf": parameters}
    if example.query:
        ours["example-query"] = urlencode(example.query, doseq=True)
    unreadable = _UNREADABLE if _holds_reference(example.value) else ""
    if problems := [each for each in (example.problem, example.query_problem, unreadable, *example.notes) if each]:
        ours["problems"] = problems
    address, inside = _address(channel)
    return {
        "title": str(channel),
        "address": address,
        "messages": {"event": {"$ref": f"#/components/messages/{name}"}},
        **({"parameters": inside} if inside else {}),
        EXTENSION: ours,
    }


def _message(channel: Channel, payloads: Mapping[str, Any], example: Example) -> dict[str, Any]:
    schemas = [payloads[_key(declared)] for declared, _ in channel.payloads]
    binary = any(bare(declared) is bytes for declared, _ in channel.payloads)
    told = [text for handler in channel.handlers if (text := inspect.getdoc(handler.function))]
    message: dict[str, Any] = {
        "name": str(channel),
        "title": " and ".join(type_words(declared) for declared, _ in channel.payloads) or "anything",
        "contentType": "application/octet-stream" if binary else _JSON,
        "payload": schemas[0] if len(schemas) == 1 else {"allOf": schemas} if schemas else {},
    }
    if not example.problem and not _holds_reference(example.value):
        message["examples"] = [{"payload": example.value}]
    if told:
        message["description"] = "\n\n".join(told)
    if (ce_type := channel.sole_type or channel.ce_type) is not None:
        message["headers"] = {"type": "object", "properties": {"ce-type": _of_type(ce_type)}, "required": ["ce-type"]}
    return message


def _of_type(glob: Glob) -> dict[str, Any]:
    what = {"const": glob.pattern} if glob.is_literal else {"description": f"A type that matches {glob.pattern}"}
    return {"type": "string", **what}


def _schemas(found: Iterable[Channel]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of each type by its key, and the definitions, all made at once so that equal names are told apart."""
    types = {_key(declared): (declared, adapter) for each in found for declared, adapter in (*each.payloads, *each.parameters)}
    made, definitions = payload_schemas(list(types.values()), "validation", _SCHEMAS)
    return (
        {key: _draft7(schema) for key, schema in zip(types, made, strict=True)},
        {name: _draft7(schema) for name, schema in sorted(definitions.items())},
    )


def _draft7(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What pydantic writes for 2020-12, in the spelling of draft 7; without OpenAPI's `discriminator`: its tags are constants.

    A property called `$ref` is one by its pattern, and a value that has such a key is left out: readers take both for references.
    """
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in {"properties", "patternProperties"}:
            described = {name: _draft7(each) for name, each in value.items()}
            if _REFERENCE_KEY in described:
                made["patternProperties"] = {"^\\$ref$": described.pop(_REFERENCE_KEY)} | made.get("patternProperties", {})
            made[key] = described | (made.get(key, {}) if key == "patternProperties" else {})
        elif key in _SUBSCHEMAS and isinstance(value, dict):
            made[key] = _draft7(cast("dict[str, Any]", value))
        elif key in _SUBSCHEMAS and isinstance(value, list):
            listed = [_draft7(each) for each in cast("list[dict[str, Any]]", value)]
            made["items" if key == "prefixItems" else key] = listed
        elif key in {"examples", "enum"} and isinstance(value, list):
            kept = [each for each in cast("list[object]", value) if not _holds_reference(each)]
            # without one of its values, an enum would refuse it
            if kept and (key == "examples" or len(kept) == len(cast("list[object]", value))):
                made[key] = kept
        elif key == _REFERENCE_KEY or (key != "discriminator" and not _holds_reference(value)):
            made[key] = value
    return made


def _holds_reference(value: Any) -> bool:
    """Whether a value has the key of a reference anywhere."""
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return _REFERENCE_KEY in found or any(map(_holds_reference, found.values()))
    return isinstance(value, list) and any(map(_holds_reference, cast("list[object]", value)))


def _address(channel: Channel) -> tuple[str, dict[str, Any]]:
    """The path, with what may stand for the parts of a glob as parameters."""
    if channel.sole_type is not None:
        return _path("gcp-cloudevents").strip("/"), {}
    parameters: dict[str, Any] = {}

    kind = ""
    for token in tokens(channel.kind.pattern):
        if is_literal(token):
            kind += quote(token, safe="")
        else:
            name = f"any{len(parameters) + 1}"
            parameters[name] = {"description": f"What {token!r} stands for in the glob {channel.kind.pattern!r}."}
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


def _servers(security: Mapping[str, Any]) -> dict[str, Any]:
    parts = urlsplit(getattr(settings, "BASE_URL", None) or "")
    if not parts.netloc:
        return {}
    server: dict[str, Any] = {"host": parts.netloc, "protocol": parts.scheme}
    if parts.path.strip("/"):
        server["pathname"] = parts.path
    if security:
        server["security"] = [{"$ref": f"#/components/securitySchemes/{name}"} for name in security]
    return {"servers": {"site": server}}


def _security(chain: AuthenticatorChain) -> Iterator[tuple[str, dict[str, Any]]]:
    """How each authenticator that says so is satisfied."""
    for each in chain.authenticators or ():
        described = getattr(each, "security_scheme", None)
        if described is not None:
            yield described()


def _names(found: Sequence[Channel]) -> list[str]:
    """Keys that AsyncAPI takes: of what is left of two names that come to the same, the later one is numbered."""
    names: dict[str, None] = {}
    numbers: Counter[str] = Counter()
    for each in found:
        plain = name = _UNSAFE.sub("_", f"{'fallback.' * each.is_fallback}{each}".replace("*", "any")).strip("_") or "any"
        while name in names:
            numbers[plain] += 1
            name = f"{plain}.{numbers[plain] + 1}"
        names[name] = None
    return list(names)


def _key(declared: object) -> str:
    return repr(declared)
