"""Handlers that select events by attribute, in the inbox: it routes a stored event as it routed the arriving one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from gcp_event_router import Event, EventRouter, conf
from gcp_event_router.auth import GitHub
from gcp_event_router.inbox.replay import replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.inbox.workers import process
from gcp_event_router.outcomes import Outcome
from gcp_event_router.testing import CloudEventMessage
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post
from ..support.deliveries import PATH, effects, rows, take_effect, with_databases

pytestmark = with_databases
SECRETS = ["0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d0"]
GITHUB = GitHub(secrets=SECRETS)


def pushed(value: str) -> tuple[bytes, Mapping[str, str]]:
    return make_pubsub_message({}, attributes={"event": value}, message_id=value), {}


def unwrapped(value: str) -> tuple[bytes, Mapping[str, str]]:
    return b"{}", {"X-Goog-Pubsub-Message-Id": value, "Event": value}


def cloudevent(value: str) -> tuple[bytes, Mapping[str, str]]:
    request = CloudEventMessage(id=value, source="s", type="com.example", extensions={"event": value}).binary()
    return request.body, request.headers


def webhook(value: str) -> tuple[bytes, Mapping[str, str]]:
    return b"{}", {"X-GitHub-Delivery": value, "X-GitHub-Event": value, **GITHUB.sign(b"{}")}


@pytest.mark.parametrize("write", [pushed, unwrapped, cloudevent, webhook])
def test_a_deferred_delivery_finds_its_handler_again(
    inbox: str, router: EventRouter, post: Post, write: Callable[[str], tuple[bytes, Mapping[str, str]]]
) -> None:
    """A worker runs the handler of the attributes that the event arrived with, whatever form it has."""

    def register(name: str, pattern: str) -> None:
        @router.on("k", name=name, attributes={"event": pattern}, deferred=True)
        def handler(event: Event[Any]) -> None:
            take_effect(inbox, name)

    register("opened", "open*")
    register("closed", "closed")
    entries = [{"BACKEND": "gcp_event_router.auth.GitHub", "OPTIONS": {"secrets": SECRETS}}] if write is webhook else []
    with override_settings(GCP_EVENT_ROUTER={**getattr(settings, conf.NAME), "AUTHENTICATION": entries}):
        for value in ("opened", "closed", "other"):
            body, headers = write(value)
            assert post(PATH, body, **headers).status_code == 201

    assert [name for name, _, _ in rows(inbox)] == ["opened", "closed"]
    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED] * 2
    assert effects(inbox) == ["closed", "opened"]


def test_a_delivery_whose_handler_wants_other_attributes_now(inbox: str, router: EventRouter, post: Post) -> None:
    """Workers leave the delivery unchanged, as they do for a type that the handler takes no more; a replay does, too."""

    def work(event: Event[Any]) -> None: ...

    with router.isolated():
        router.on("k", name="h", attributes={"event": "opened"}, deferred=True)(work)
        assert post(PATH, pushed("opened")[0]).status_code == 201
    router.on("k", name="h", attributes={"event": "closed"}, deferred=True)(work)

    assert list(process(inbox)) == []
    assert [result.outcome for _, result in replay(Selection().deliveries(inbox))] == [Outcome.UNHANDLED]
    assert rows(inbox) == [("h", "pending", 0)]


def test_an_event_is_kept_until_something_takes_its_attributes(inbox: str, router: EventRouter, post: Post) -> None:
    """With `UNHANDLED: "keep"`, an event with other attributes than those of the handlers is stored; a replay finds a new one."""
    with override_settings(GCP_EVENT_ROUTER={**getattr(settings, conf.NAME), "UNHANDLED": "keep"}):
        router.on("k", name="other", attributes={"event": "closed"}, payload=object)(lambda event: None)
        assert post(PATH, pushed("opened")[0]).status_code == 201
        assert rows(inbox) == [("", "unhandled", 0)]

        @router.on("k", name="h", attributes={"event": "opened"})
        def work(event: Event[Any]) -> None:
            take_effect(inbox, "h")

        assert [result.outcome for _, result in replay(Selection().deliveries(inbox))] == [Outcome.HANDLED]

    assert effects(inbox) == ["h"]
