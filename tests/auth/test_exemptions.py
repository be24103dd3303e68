"""What a project's settings put before its views, and the endpoint does without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, connections, transaction
from django.test import AsyncClient, Client, override_settings
from django.urls import path, reverse

from gcp_event_router import Event, EventRouter
from gcp_event_router.views import AsyncEventView, EventView

VIEWS = {"wsgi": EventView, "asgi": AsyncEventView}


def status(mode: str, url: str, *, method: str = "POST", csrf: bool = False) -> int:
    """The status that the handler of WSGI or of ASGI answers; sync code of the latter runs in this thread."""
    if mode == "wsgi":
        return Client(enforce_csrf_checks=csrf).generic(method, url, b"{}", "application/json").status_code

    async def send() -> int:
        response = await AsyncClient(enforce_csrf_checks=csrf).generic(method, url, b"{}", "application/json")
        assert isinstance(response.status_code, int)
        return response.status_code

    return async_to_sync(send)()


@pytest.mark.parametrize("url", ["/events/k/r", "/events/k/r/", "/async/events/k/r", "/async/events/k/r/"])
@pytest.mark.parametrize("mode", VIEWS)
@pytest.mark.parametrize("append_slash", [True, False])
def test_both_forms_of_the_url_are_served(router: EventRouter, mode: str, url: str, append_slash: bool) -> None:
    """With and without a slash at its end the URL is answered itself: a redirect would lose the body."""
    with override_settings(APPEND_SLASH=append_slash, MIDDLEWARE=["django.middleware.common.CommonMiddleware"]):
        assert status(mode, url) == 201


@pytest.mark.parametrize(
    ("label", "url"),
    [("k", "/events/k/r"), ("a b", "/events/a%20b/r"), ("\xe9", "/events/%C3%A9/r"), ("a?b#c%", "/events/a%3Fb%23c%25/r")],
)
def test_the_url_is_reversed_without_a_slash(label: str, url: str) -> None:
    """`reverse("gcp-events")` gives the form without a slash at its end, quoted."""
    assert reverse("gcp-events", args=[label, "r"]) == url
    assert reverse("gcp-events", kwargs={"event_kind": label, "event_reference": "r"}) == url


@pytest.mark.parametrize("mode", VIEWS)
def test_no_csrf_token_is_asked_for(router: EventRouter, mode: str) -> None:
    """A client without a token is served where Django checks for one."""
    with override_settings(MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"]):
        assert status(mode, "/events/k/r", csrf=True) == 201
        assert status(mode, "/async/events/k/r", csrf=True) == 201


@override_settings(
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
@pytest.mark.parametrize("mode", VIEWS)
def test_no_login_is_asked_for(router: EventRouter, mode: str) -> None:
    """A client without a session is served where all views require a login; `LoginRequiredMiddleware` is given no user."""
    assert status(mode, "/events/k/r") == 201
    assert status(mode, "/async/events/k/r") == 201


@pytest.fixture
def table(transactional_db: None) -> Iterator[str]:
    """A table that belongs to no model."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (name TEXT)")
    yield "kept"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE kept")


@pytest.fixture
def atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two databases, of which each asks for ATOMIC_REQUESTS."""
    databases: Any = connections.settings
    monkeypatch.setitem(databases["default"], "ATOMIC_REQUESTS", True)
    monkeypatch.setitem(databases, "other", {**databases["default"], "NAME": ":memory:"})


@pytest.mark.parametrize("mode", VIEWS)
@pytest.mark.parametrize("debug", [True, False])
def test_a_failing_handler_undoes_nothing_of_another(
    router: EventRouter, table: str, atomic: None, mode: str, debug: bool
) -> None:
    """Where all databases have ATOMIC_REQUESTS, a handler's row stays although another one fails, whatever DEBUG is."""

    @router.on("k")
    def keeps(event: Event[Any]) -> None:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} VALUES ('row')")

    @router.on("k")
    def fails(event: Event[Any]) -> None:
        raise KeyError

    urls = (path("<event_kind>/<event_reference>", VIEWS[mode].as_view()),)
    with override_settings(ROOT_URLCONF=urls, DEBUG=debug):
        if debug:
            with pytest.raises(KeyError):
                status(mode, "/k/r")
        else:
            assert status(mode, "/k/r") == 400

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name FROM {table}")
        assert cursor.fetchall() == [("row",)]
