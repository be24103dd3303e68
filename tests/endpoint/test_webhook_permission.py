"""The handshake of CloudEvents: a sender asks by OPTIONS whether it may send."""

from __future__ import annotations

import asyncio

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings

from gcp_event_router import conf

ORIGINS = override_settings(GCP_EVENT_ROUTER={"WEBHOOK_ORIGINS": ["eventemitter.example.com"]})
GRANTED = {"Allow": "POST", "WebHook-Allowed-Origin": "EventEmitter.example.com", "WebHook-Allowed-Rate": "*"}


def ask(door: str, origin: str | None, rate: str = "120") -> HttpResponse:
    """Ask for a permission at one of the endpoint's doors."""
    headers = {"WebHook-Request-Rate": rate} | ({} if origin is None else {"WebHook-Request-Origin": origin})

    async def ask_asgi() -> object:
        return await AsyncClient().options("/async/events/k/r", headers=headers)

    response = Client().options("/events/k/r", headers=headers) if door == "wsgi" else asyncio.run(ask_asgi())
    assert isinstance(response, HttpResponse)
    return response


doors = pytest.mark.parametrize("door", ["wsgi", "asgi"])


@doors
@ORIGINS
def test_granted(door: str) -> None:
    """A sender that the settings name may send, at any rate; the case of its name does not count."""
    response = ask(door, "EventEmitter.example.com")
    assert (response.status_code, response.content) == (200, b"")
    assert {name: response[name] for name in GRANTED} == GRANTED


@doors
@override_settings(GCP_EVENT_ROUTER={"WEBHOOK_ORIGINS": ["*"]})
def test_granted_to_all(door: str) -> None:
    """With a star in the settings, every sender may send."""
    assert ask(door, "anybody.example")["WebHook-Allowed-Origin"] == "*"


@doors
@pytest.mark.parametrize("origin", [None, "", "other.example.com", "*", "eventemitter.example.com, other.example.com"])
@ORIGINS
def test_withheld(door: str, origin: str | None) -> None:
    """All others are answered as if the endpoint did not know the method."""
    response = ask(door, origin)
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "WebHook-Allowed-Origin" not in response


@doors
def test_absent_by_default(door: str) -> None:
    """Without the setting, nobody gets a permission."""
    assert ask(door, "eventemitter.example.com").status_code == 405


@pytest.mark.parametrize("origins", [["https://eventemitter.example.com"], [""], ["*.example.com"]])
def test_impossible_origins(origins: list[str]) -> None:
    """An origin is a name, or a star for all."""
    with override_settings(GCP_EVENT_ROUTER={"WEBHOOK_ORIGINS": origins}), pytest.raises(ImproperlyConfigured) as raised:
        conf.current()
    assert str(raised.value) == (
        'GCP_EVENT_ROUTER["WEBHOOK_ORIGINS"][0] must be a name such as "eventgrid.azure.net", or "*" for all senders.'
    )
