"""System checks: one test for each id."""

# pyright: reportUnknownArgumentType=false
# one handler is annotated with a name that does not exist

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import CheckMessage, Error, run_checks
from django.core.checks import Warning as Warn
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from gcp_event_router import Event, EventRouter, events
from gcp_event_router.checks import check_router


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


def unresolvable(event: Event[Nowhere]) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] -- what is tested


class Choosy:
    """An authenticator that is choosy about its options."""

    def __init__(self, key: str) -> None:
        raise ValueError(key)


class Plain:
    """An authenticator without options."""

    def __init__(self) -> None: ...


def handler_of(router: EventRouter, number: int = 0) -> str:
    """How messages name a handler."""
    return str(list(router)[number].handler)


def told(messages: list[CheckMessage]) -> list[tuple[type, str, str | None, str]]:
    """What our checks say."""
    ours = [message for message in messages if str(message.id).startswith("gcp_event_router.")]
    return [(type(message), str(message.id), message.hint, str(message.msg)) for message in ours]


def test_okay(router: EventRouter) -> None:
    """A project without mistakes hears nothing."""
    router.on("a", "b-*")(one)
    router.fallback(two)

    assert told(run_checks()) == []


def test_e001_unresolvable_handler(router: EventRouter) -> None:
    """An annotation with a name that nobody knows is an error at start-up."""
    router.on("a")(unresolvable)

    assert told(run_checks()) == [
        (
            Error,
            "gcp_event_router.E001",
            "Until then, every event for it fails.",
            f"{handler_of(router)} annotates its parameter Event[Nowhere], but the name 'Nowhere' is not known in its module. "
            "Import it there, outside `if TYPE_CHECKING`, or leave the annotation out and pass the type as `payload=`.",
        )
    ]
    with pytest.raises(SystemCheckError, match=r"gcp_event_router\.E001"):
        call_command("check")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"BACKEND": "nowhere.Door"},
            "The authenticator 'nowhere.Door' cannot be imported: No module named 'nowhere'. "
            "Give the dotted path of a class as its BACKEND.",
        ),
        (
            {"BACKEND": "pathlib.Path", "OPTIONS": {"secret": "x"}},
            "The authenticator 'pathlib.Path' has no method authenticate(request). Give it one that returns a Principal or None.",
        ),
        (
            {"BACKEND": "datetime.timedelta", "OPTIONS": {"secret": "x"}},
            "The authenticator 'datetime.timedelta' cannot be created with its OPTIONS (secret): it raised TypeError.",
        ),
        (
            {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"token": ["x"], "header": "X"}},
            "The authenticator 'gcp_event_router.auth.SharedToken' cannot be created with its OPTIONS (header, token): "
            "it has no option 'token'. Did you mean 'tokens'? It takes tokens, header, parameter.",
        ),
        (
            {"BACKEND": "gcp_event_router.auth.GitHub"},
            "The authenticator 'gcp_event_router.auth.GitHub' cannot be created with its OPTIONS (none): it needs 'secrets'. "
            "It takes secrets, scheme, provider, name, tolerance, max_body, base_url.",
        ),
        (
            {"BACKEND": "django.nowhere.Door"},
            "The authenticator 'django.nowhere.Door' cannot be imported: No module named 'django.nowhere'. "
            "Give the dotted path of a class as its BACKEND.",
        ),
        (
            {"BACKEND": "tests.support.broken_import.Door"},
            "The authenticator 'tests.support.broken_import.Door' cannot be imported: No module named 'nowhere_at_all'. "
            "Give the dotted path of a class as its BACKEND.",
        ),
        (
            {"BACKEND": "gcp_event_router.auth.Oidc"},
            "The authenticator 'gcp_event_router.auth.Oidc' cannot be imported: "
            'Module "gcp_event_router.auth" does not define a "Oidc" attribute/class. '
            "Did you mean 'gcp_event_router.auth.OIDC'?",
        ),
        (
            {"BACKEND": "gcp_event_router.authentication.OIDC"},
            "The authenticator 'gcp_event_router.authentication.OIDC' cannot be imported: "
            "No module named 'gcp_event_router.authentication'. Did you mean 'gcp_event_router.auth.OIDC'?",
        ),
        (
            {"BACKEND": "os.path"},
            "The authenticator 'os.path' is of type module, not a class. Give the dotted path of a class as its BACKEND.",
        ),
        (
            {"BACKEND": "tests.checks.test_checks.Choosy", "OPTIONS": {"key": "secret"}},
            "The authenticator 'tests.checks.test_checks.Choosy' cannot be created with its OPTIONS (key): it raised ValueError. "
            "It takes key.",
        ),
        (
            {"BACKEND": "tests.checks.test_checks.Plain", "OPTIONS": {"key": "secret"}},
            "The authenticator 'tests.checks.test_checks.Plain' cannot be created with its OPTIONS (key): "
            "it has no option 'key'. It takes none.",
        ),
        (
            {"BACKEND": "gcp_event_router.auth.SignedURL", "OPTIONS": {"salt": "x"}},
            "The authenticator 'gcp_event_router.auth.SignedURL' cannot be created with its OPTIONS (salt): "
            "it has no option 'salt'. It takes cache.",
        ),
    ],
)
def test_e002_authenticator(router: EventRouter, entry: dict[str, Any], message: str) -> None:
    """An authenticator that cannot be made is an error at start-up, which quotes none of its options."""
    if entry["BACKEND"] == "pathlib.Path":
        entry = {"BACKEND": "pathlib.Path"}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        assert told(run_checks()) == [(Error, "gcp_event_router.E002", "Until then, every request fails.", message)]


@pytest.mark.parametrize(
    ("base_url", "what"),
    [
        (None, "not set"),
        ("", "not set"),
        ("shop.example", "'shop.example', which does not begin with 'https://'"),
        ("//shop.example", "'//shop.example', which does not begin with 'https://'"),
        (("https://shop.example",), "('https://shop.example',), which is not a string"),
    ],
)
def test_w001_no_base_url(router: EventRouter, base_url: object, what: str) -> None:
    """Without BASE_URL, or with one that is no URL, absolute URLs cannot be made."""
    with override_settings(BASE_URL=base_url):
        said = told(run_checks())

    assert said == [
        (
            Warn,
            "gcp_event_router.W001",
            'Write BASE_URL = "https://your-server.example" in your settings, or silence this check.',
            f"BASE_URL is {what}, so get_event_url() cannot make absolute URLs.",
        )
    ]


@pytest.mark.parametrize("name", ["GCP_EVENTS_ROUTER", "GCP_EVENT_ROUTERS", "GPC_EVENT_ROUTER", "EVENT_ROUTER"])
def test_w049_misspelt_setting(router: EventRouter, name: str) -> None:
    """The settings under a misspelt name would be ignored without a word."""
    with override_settings(**{name: {"AUTHENTICATION": []}}):
        said = told(run_checks())

    assert said == [
        (
            Warn,
            "gcp_event_router.W049",
            "Write GCP_EVENT_ROUTER; or silence this check, if something else reads it.",
            f"The setting {name} is not read here, though it resembles GCP_EVENT_ROUTER.",
        )
    ]


@override_settings(GCP_EVENT_ROUTER_URL="https://shop.example", DJANGO_GCP={"SETTINGS": {}}, MY_EVENT_ROUTERS={})
def test_settings_of_others(router: EventRouter) -> None:
    """The check says nothing of a setting that is not a dict, or whose name is not similar."""
    assert told(run_checks()) == []


def test_w002_registered_twice(router: EventRouter) -> None:
    """A function that has a kind twice is told which of them to remove."""
    router.on("order-*", "order-placed")(one)
    router.on("order-*")(one)

    assert told(check_router(events)) == [
        (
            Warn,
            "gcp_event_router.W002",
            f"Remove {kind!r}: the function runs once for an event in any case.",
            f"{handler_of(router)} is registered for {kind!r}, although 'order-*' covers that already.",
        )
        for kind in ("order-placed", "order-*")
    ]


def test_w003_shadowed_fallback(router: EventRouter) -> None:
    """A fallback behind a handler of everything never runs."""
    router.fallback(one)
    router.on("*")(two)

    assert told(check_router(events)) == [
        (
            Warn,
            "gcp_event_router.W003",
            "Remove the fallback, or register the other one for fewer kinds.",
            f"{handler_of(router)} is a fallback that never runs, because {handler_of(router, 1)} handles '*'.",
        )
    ]


def test_w004_imported_twice(router: EventRouter) -> None:
    """A module that is imported under two names registers its handlers twice."""
    source = compile("def handler(event: Event[int]) -> None: ...", "shop/event_handlers.py", "exec")
    for module in ("shop.event_handlers", "event_handlers"):
        names: dict[str, Any] = {"Event": Event, "__name__": module}
        exec(source, names)
        router.on("a")(names["handler"])

    assert told(check_router(events)) == [
        (
            Warn,
            "gcp_event_router.W004",
            "Import it under one name only; until then the function runs twice for each event.",
            "event_handlers.handler (shop/event_handlers.py:1) is registered twice, because its module is imported as "
            "'shop.event_handlers' and as 'event_handlers'.",
        )
    ]


class _Broken:
    """Its schema fails with an exception that is not pydantic's, as that of BaseModel does in pydantic 2.9."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        raise AssertionError


def of_broken(event: Event[_Broken]) -> None: ...


def test_e001_whatever_a_schema_raises() -> None:
    """A type whose schema fails in any way is reported, and does not end the checks."""
    router = EventRouter()
    router.on("a")(of_broken)

    assert [(message.id, message.msg) for message in check_router(router)] == [
        (
            "gcp_event_router.E001",
            f"{next(iter(router)).handler} declares Event[_Broken], which pydantic cannot validate (AssertionError). "
            "Declare a model, a dataclass, a TypedDict or a built-in type.",
        )
    ]
