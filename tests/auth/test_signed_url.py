"""URLs that prove themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from django.urls import clear_script_prefix, include, path, set_script_prefix
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.auth import SignedURL
from gcp_event_router.auth.base import CurlHint
from gcp_event_router.utils import get_event_url

from ..conftest import Post, post_asgi, post_wsgi

HOUR = timedelta(hours=1)
SIGNED = {"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]}


@pytest.fixture(autouse=True)
def _signed() -> Any:
    """Signed URLs are accepted, and none has been used yet."""
    caches["default"].clear()
    with override_settings(GCP_EVENT_ROUTER=SIGNED):
        yield


@pytest.fixture(params=["wsgi", "asgi"])
def post(request: pytest.FixtureRequest) -> Iterator[Post]:
    """Post to a path through either endpoint, each mounted where the signed URLs lead."""
    if request.param == "wsgi":
        yield post_wsgi
    else:
        with override_settings(ROOT_URLCONF="gcp_event_router.urls_async"):
            yield partial(post_asgi, prefix="")


def signed(kind: str = "k", reference: str = "r", parameters: dict[str, Any] | None = None, **terms: Any) -> str:
    return get_event_url(kind, reference, parameters, base_url="", signed=True, **terms)


def test_a_signed_url_is_accepted(router: EventRouter, post: Post) -> None:
    """Whoever has the URL is let in, as often as wanted; the handler does not see the signature."""
    seen: list[object] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        seen.append((event.parameters, event.principal))

    url = signed(parameters={"a": ["1", "2"], "b": "ü &="})

    assert [post(url).status_code, post(url).status_code] == [201, 201]
    assert seen == [({"a": "2", "b": "ü &="}, Principal("signed-url"))] * 2


def test_a_signed_url_is_the_url_and_a_signature() -> None:
    """The signature is the last parameter; it says of itself when it ends and whether it is for a single use."""
    assert re.fullmatch(r"/events/k/r\?signature=\.\.[\w-]{43}", signed())
    assert signed() == signed()
    assert re.fullmatch(r"/events/k/r\?a=1&signature=\d{10}\.\.[\w-]{43}", signed(parameters={"a": 1}, max_age=HOUR))
    assert re.fullmatch(r"/events/k/r\?signature=\d{10}\.[\w-]{22}\.[\w-]{43}", signed(max_age=HOUR, single_use=True))
    assert get_event_url("k", "r", signed=True).startswith("https://shop.example/events/k/r?signature=")


CHANGES: list[Callable[[str], str]] = [
    lambda url: url.partition("?")[0],
    lambda url: url.replace("/k/", "/other/"),
    lambda url: url.replace("/r?", "/other?"),
    lambda url: url.replace("a=1", "a=2"),
    lambda url: url.replace("a=1&", ""),
    lambda url: url.replace("a=1", "a=1&a=1"),
    lambda url: url.replace("a=1", "a=1&b=2"),
    lambda url: url + "&b=2",
    lambda url: url + "x",
    lambda url: url[:-1],
    lambda url: url[:-1] + ("A" if url[-1] != "A" else "B"),
    lambda url: re.sub(r"signature=\d+", "signature=99999999999", url),
    lambda url: re.sub(r"signature=\d+", "signature=", url),
    lambda url: url.replace("..", ".nonce."),
    lambda url: url.replace("..", ".%2E."),
    lambda url: f"{url}&signature={url.rpartition('=')[2]}",
    lambda url: url.replace("signature=", "Signature="),
    lambda url: re.sub("signature=.*", "signature=", url),
    lambda url: re.sub("signature=.*", "signature=..", url),
    lambda url: re.sub("signature=.*", "signature=%FF%00", url),
    lambda url: re.sub("signature=.*", "signature=" + "1" * 5000, url),
]


@pytest.mark.parametrize("change", CHANGES)
def test_another_url_is_not_accepted(router: EventRouter, post: Post, change: Callable[[str], str]) -> None:
    """The signature is for this kind, this reference, these parameters and this time, and stands there once."""
    url = signed(parameters={"a": 1}, max_age=HOUR)

    assert (post(url).status_code, post(change(url)).status_code) == (201, 401)


def test_the_same_url_written_otherwise_is_accepted(router: EventRouter, post: Post) -> None:
    """A slash at the end, another order of names and another encoding of the same letters change nothing."""
    url = signed("k", "a~b", {"a": "x~y", "b": 2})
    path, _, query = url.partition("?")

    assert post(f"{path}/?{query}").status_code == 201
    assert post(f"{path}?{'&'.join(reversed(query.split('&')))}").status_code == 201
    assert post(url.replace("~", "%7E")).status_code == 201


def test_expiry(router: EventRouter, post: Post, monkeypatch: pytest.MonkeyPatch, lines: Callable[[], list[str]]) -> None:
    """A URL is accepted until its last second, and not any more then."""
    clock = iter([1_800_000_000.0, 1_800_003_599.9, 1_800_003_600.0])
    monkeypatch.setattr("gcp_event_router._url_signing.time", lambda: next(clock))
    url = signed(max_age=HOUR)

    assert [post(url).status_code, post(url).status_code] == [201, 401]
    assert lines()[-1].endswith("AuthenticationError, the signed URL has expired")


def test_single_use(router: EventRouter, post: Post) -> None:
    """A URL for a single use is used up by its first request; two of the same terms are two URLs."""
    first, second = (signed(max_age=HOUR, single_use=True) for _ in range(2))

    assert [post(url).status_code for url in (first, first, second, first.replace("/r?", "/r/?"), second)] == [
        201,
        401,
        201,
        401,
        401,
    ]


REASONS: list[tuple[Callable[[str], str], str]] = [
    (lambda url: url, "the signed URL was for a single use, and has been used"),
    (lambda url: url[:-1], "the URL's signature is invalid"),
    (lambda url: f"{url}&signature=a", "the URL's signature is invalid"),
]


@pytest.mark.parametrize(("change", "reason"), REASONS)
def test_the_log_says_why_a_url_is_refused(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], change: Callable[[str], str], reason: str
) -> None:
    """Each way to refuse a URL has a reason of its own."""
    url = signed(max_age=HOUR, single_use=True)
    post(url)
    post(change(url))

    assert [line.partition("AuthenticationError, ")[2] for line in lines() if "AuthenticationError" in line] == [reason]


def test_eventarc_may_add_its_mode(router: EventRouter, post: Post) -> None:
    """The parameter with which Eventarc says how it sends is not part of what is signed."""
    assert post(f"{signed(parameters={'a': 1})}&__GCP_CloudEventsMode=CE_PUBSUB_BINDING").status_code == 201


def test_hint_for_curl() -> None:
    """The catalogue says that the site signs the URL."""
    text = "The URL is signed by the site itself, for an hour: run this where manage.py is."

    assert SignedURL().curl_hint("https://shop.example") == CurlHint("with a signed URL", text, is_signed=True)


def test_a_used_url_is_remembered_as_long_as_it_would_be_accepted(
    router: EventRouter, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache is told to keep it until the URL expires and five minutes more, since clocks differ; and not for ever."""
    kept: list[float | None] = []

    def add(self: LocMemCache, key: str, value: object, timeout: float | None = None, version: int | None = None) -> bool:
        kept.append(timeout)
        return True

    monkeypatch.setattr(LocMemCache, "add", add)
    monkeypatch.setattr("gcp_event_router._url_signing.time", lambda: 1_800_000_000.0)
    post(signed(max_age=timedelta(seconds=90), single_use=True))

    assert kept == [390]


class BrokenCache(LocMemCache):
    """A cache whose server is away."""

    @override
    def add(self, *args: Any, **kwargs: Any) -> bool:
        msg = "secret://cache is away"
        raise ConnectionError(msg)


BROKEN = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}


@override_settings(CACHES=BROKEN)
def test_a_cache_that_is_away(router: EventRouter, post: Post, lines: Callable[[], list[str]]) -> None:
    """Without the cache, single use cannot be judged: the sender is to try again; other URLs go on being accepted."""
    assert post(signed(max_age=HOUR, single_use=True)).status_code == 503
    assert post(signed(max_age=HOUR)).status_code == 201
    assert lines()[0].endswith("UnavailableError, the cache of used URLs is unavailable")


class OwnCache(LocMemCache):
    """A project's own cache, in a module that is named as one of Django's."""


OwnCache.__module__ = "shop.locmem"


def test_only_caches_of_django_are_known_to_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check --deploy` says nothing of a project's own cache, whatever its module is called."""
    assert [message.id for message in SignedURL().check_deployment()] == ["gcp_event_router.W008"]
    monkeypatch.setattr("gcp_event_router.auth.signed_url.caches", {"default": OwnCache("", {})})

    assert list(SignedURL().check_deployment()) == []


class FullCache(LocMemCache):
    """A cache that does not say that it cannot write, as the database's does not."""

    @override
    def add(self, *args: Any, **kwargs: Any) -> bool:
        return False


@override_settings(CACHES={"default": {"BACKEND": f"{__name__}.FullCache"}})
def test_a_cache_that_does_not_remember(router: EventRouter, post: Post, lines: Callable[[], list[str]]) -> None:
    """A URL that nobody used is not called used because the cache cannot write: the sender is to try again."""
    assert post(signed(max_age=HOUR, single_use=True)).status_code == 503
    assert lines()[0].endswith("UnavailableError, the cache of used URLs does not store anything")


def test_key_rotation(router: EventRouter, post: Post) -> None:
    """A URL outlives the SECRET_KEY that signed it, as long as that is among the fallbacks."""
    with override_settings(SECRET_KEY="old"):
        url = signed()

    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["older", "old"]):
        assert post(url).status_code == 201
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["older"]):
        assert post(url).status_code == 401


def test_a_site_below_a_prefix(router: EventRouter) -> None:
    """The path that is signed is the one below the site's root, whatever the server calls that."""
    set_script_prefix("/below/")
    try:
        url = signed()
    finally:
        clear_script_prefix()
    response = Client().post(url.removeprefix("/below"), b"{}", content_type="application/json", SCRIPT_NAME="/below")

    assert (url.startswith("/below/events/k/r?"), response.status_code) == (True, 201)


def test_a_namespace_of_its_own(router: EventRouter) -> None:
    """A URL of an endpoint elsewhere in the URLs is signed for that one."""
    urls = (path("in/here/", include(("gcp_event_router.urls", "app"), "here")), path("", include("gcp_event_router.urls")))
    with override_settings(ROOT_URLCONF=urls):
        url = signed(url_namespace="here:gcp-events")

        assert url.startswith("/in/here/events/k/r?")
        assert [post_wsgi(url).status_code, post_wsgi(url.removeprefix("/in/here")).status_code] == [201, 401]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"max_age": HOUR},
            "max_age and single_use apply to signed URLs only. Write signed=True.",
        ),
        (
            {"single_use": True},
            "max_age and single_use apply to signed URLs only. Write signed=True.",
        ),
        (
            {"signed": True, "max_age": 60},
            "max_age must be a positive timedelta of at most a hundred years, not 60. Write timedelta(hours=1).",
        ),
        (
            {"signed": True, "max_age": timedelta(0)},
            "max_age must be a positive timedelta of at most a hundred years, not datetime.timedelta(0). "
            "Write timedelta(hours=1).",
        ),
        (
            {"signed": True, "single_use": True},
            "single_use needs max_age, which limits how long the site remembers the URL. Add max_age=timedelta(hours=1).",
        ),
        (
            {"signed": True, "event_parameters": {"signature": 1}},
            "event_parameters contains 'signature', the name of the signature's parameter. Choose another name.",
        ),
    ],
)
def test_terms_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    """get_event_url refuses terms that exclude each other."""
    with pytest.raises(ValueError) as caught:
        get_event_url("k", "r", **arguments)

    assert str(caught.value) == message


@override_settings(CACHES={name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"} for name in ("default", "shared")})
def test_a_cache_that_does_not_exist() -> None:
    """An alias that is not in CACHES is refused when the authenticator is made."""
    with pytest.raises(ImproperlyConfigured) as caught:
        SignedURL(cache="urls")

    assert str(caught.value) == "SignedURL's cache='urls' is not one of CACHES. Choose from 'default', 'shared'."


LABELS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cf", "Cn", "Co"]), min_size=1, max_size=20
).filter(lambda text: "/" not in text and text.isprintable() and text not in {".", ".."})
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(LABELS, LABELS, st.dictionaries(VALUES, st.lists(VALUES, min_size=1, max_size=3), max_size=4))
def test_whatever_is_signed_is_accepted(kind: str, reference: str, parameters: dict[str, list[str]]) -> None:
    """Any kind, reference and parameters survive the way through a URL."""
    parameters.pop("signature", None)

    assert post_wsgi(signed(kind, reference, parameters)).status_code == 201


@given(st.dictionaries(st.sampled_from("ab"), VALUES), st.dictionaries(st.sampled_from("ab"), VALUES))
def test_no_signature_fits_other_parameters(one: dict[str, str], other: dict[str, str]) -> None:
    """A signature that is moved to a URL with other parameters fits only if they are the same."""
    signature = signed(parameters=one).rpartition("signature=")[2]
    url = get_event_url("k", "r", {**other, "signature": signature}, base_url="")

    assert (post_wsgi(url).status_code == 201) == (one == other)
