"""The catalogue is for the staff: what everybody else is answered, and that nobody keeps a copy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from gcp_event_router import Event, EventRouter
from gcp_event_router.exceptions import ConfigurationError

from ..support.admin_pages import Pages, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("admin_site")]

LIST, CHANNEL = "/catalogue/", "/catalogue/channel/?kind=order-placed"
PATHS = pytest.mark.parametrize("page", [LIST, CHANNEL, "/catalogue/channel/?kind=nowhere", "/catalogue/?q=%00&page=x"])


def log_in(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("catalogue/", include("gcp_event_router.catalogue.urls")), path("in/", log_in, name="login-here")]


@pytest.fixture(autouse=True)
def _handler(router: EventRouter) -> None:
    @router.on("order-placed")
    def record(event: Event[int]) -> None: ...


@PATHS
@pytest.mark.parametrize("method", ["get", "head", "post", "options", "delete"])
def test_stranger_is_sent_to_the_login(page: str, method: str) -> None:
    """Whatever a stranger asks for, and how, is answered by the admin's login alone, also what there is not."""
    response = getattr(Client(), method)(page)

    assert (response.status_code, response.content) == (302, b"")
    assert response["Location"].startswith("/admin/login/?next=/catalogue/")


@PATHS
def test_member_who_is_not_of_the_staff_is_refused(page: str) -> None:
    """Who is logged in and not of the staff gets 403, also for what there is not."""
    client = Client()
    client.force_login(User.objects.create_user("customer"))

    response = client.get(page)

    assert response.status_code == 403
    assert b"order" not in response.content


def test_former_member_of_the_staff_is_sent_to_the_login() -> None:
    """An account that is not active any more is a stranger."""
    pages = Pages()
    User.objects.update(is_active=False)

    assert pages.client.get(LIST).status_code == 302


@PATHS
def test_staff_reads_and_does_no_more(page: str) -> None:
    """A member of the staff needs no permission to read; other methods are not allowed."""
    pages = Pages()

    assert pages.client.get(page).status_code in {200, 404}
    assert pages.client.head(page).content == b""
    assert [pages.client.post(page).status_code, pages.client.options(page).status_code] == [405, 405]


@PATHS
def test_nobody_keeps_a_copy(page: str) -> None:
    """Each answer, the redirect too, forbids caches to keep it."""
    for client in (Client(), Pages().client):
        wanted = {"no-store", "private", "no-cache"}
        assert wanted <= set(client.get(page)["Cache-Control"].split(", "))


@override_settings(ROOT_URLCONF="tests.catalogue.test_permissions", LOGIN_URL="login-here")
def test_without_the_admin_the_site_has_its_own_login() -> None:
    """Where the admin is not in the URLs, LOGIN_URL is where strangers go, and the page has no link to the admin."""
    assert Client().get(LIST)["Location"] == "/in/?next=/catalogue/"
    with override_settings(LOGIN_URL="https://login.example/?from=shop"):
        assert Client().get(CHANNEL)["Location"] == (
            "https://login.example/?from=shop&next=/catalogue/channel/%3Fkind%3Dorder-placed"
        )
    html = Pages().get(LIST)
    assert "Admin site" not in html
    assert "Log out" not in html


@pytest.mark.django_db(databases="__all__")
def test_logging_out() -> None:
    """The top says who is logged in, apart from the link to the admin, and has a button that ends that."""
    pages = Pages()

    (top,) = re.findall('<div class="who">(.*?)</div>', pages.get(LIST), re.DOTALL)
    assert text(top) == "Admin site Logged in as staff Log out"
    assert re.findall('<form method="post" action="(.*?)"><input type="hidden" name="csrfmiddlewaretoken"', top) == [
        "/admin/logout/"
    ]
    pages.client.post("/admin/logout/")
    assert pages.client.get(LIST).status_code == 302


@override_settings(MIDDLEWARE=[])
def test_without_users_nobody_gets_in() -> None:
    """Without the middleware that knows users, a request fails, and says what to write."""
    with pytest.raises(ConfigurationError) as caught:
        Client().get(LIST)

    assert str(caught.value) == (
        "The catalogue is for staff only, but requests have no user, so nobody can see it. Add SessionMiddleware and "
        "AuthenticationMiddleware to MIDDLEWARE: manage.py check says what else is missing."
    )


def as_user(found: object) -> Any:
    """A middleware that says who it is."""

    def middleware(get_response: Any) -> Any:
        def answer(request: Any) -> Any:
            request.user = found
            return get_response(request)

        return answer

    return middleware


def test_user_of_another_model() -> None:
    """A user model of the project's own needs what Django's abstract one has, and no more."""

    class Somebody:
        is_authenticated, is_active, is_staff = True, True, True

        def get_username(self) -> str:
            return "<somebody>"

        def has_perm(self, permission: str) -> bool:
            return False

    globals()["as_somebody"] = as_user(Somebody())
    with override_settings(MIDDLEWARE=["tests.catalogue.test_permissions.as_somebody"]):
        html = Client().get(CHANNEL).content.decode()

    assert "&lt;somebody&gt;" in html
    assert "To see them, you need the permission gcp_event_inbox.view_storedevent." in html


def test_user_who_cannot_be_of_the_staff() -> None:
    """A user model without `is_staff`, as Django's most abstract one is, has nobody of the staff: 403, and no failure."""

    class Somebody:
        is_authenticated, is_active = True, True

    globals()["as_somebody"] = as_user(Somebody())
    with override_settings(MIDDLEWARE=["tests.catalogue.test_permissions.as_somebody"]):
        assert Client().get(LIST).status_code == 403


@override_settings(ROOT_URLCONF="tests.catalogue.test_permissions", LOGIN_URL="no-such-name")
def test_stranger_where_there_is_no_login() -> None:
    """Where LOGIN_URL names no page, strangers get 403, and no failure; W021 tells of it."""
    assert Client().get(LIST).status_code == 403
