"""The tables of docs/reference: each has a row for everything that the code has, and what it says is what happens."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any, Final

import pytest
from django.db import OperationalError
from django.test import Client, override_settings

from gcp_event_router import Event, Outcome, Reject, Retry, events
from gcp_event_router._dispatch.options import Options
from gcp_event_router._dispatch.store import set_store
from gcp_event_router.conf import InboxSettings, OutboxSettings, Settings, current
from gcp_event_router.inbox.store import InboxStore

from .public import PUBLIC
from .test_docs import ROOT

REFERENCE: Final = ROOT / "docs" / "reference"
NAMES: Final = re.compile(r"^```\{names\} gcp_event_router\.?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The pages name the modules that have them.
URLS: Final = {"urlpatterns"}


def rows_of(page: str, heading: str = "") -> list[list[str]]:
    """The cells of the first table below a heading of a page, without its head."""
    text = (REFERENCE / page).read_text()
    section = text[text.index(f"\n{heading}\n") :] if heading else text
    table = section[section.index("\n| ") + 1 :].partition("\n\n")[0]
    _, _, *rows = table.splitlines()
    return [[cell.strip() for cell in row.strip("|").split(" |")] for row in rows]


def names_of(page: str, heading: str = "") -> list[str]:
    """What the first cells of a table name."""
    return [first.strip(" `=") for first, *_ in rows_of(page, heading)]


@pytest.mark.parametrize(
    ("heading", "settings"),
    [("## GCP_EVENT_ROUTER", Settings), ("## INBOX", InboxSettings), ("## OUTBOX", OutboxSettings)],
    ids=["router", "inbox", "outbox"],
)
def test_every_setting_has_a_row(heading: str, settings: type[Any]) -> None:
    """Each table of the settings has a row for each key, in order."""
    assert names_of("settings.md", heading) == list(settings._fields)


@pytest.mark.parametrize(
    "path",
    [
        "auth.OIDC",
        "auth.SignedURL",
        "auth.SharedToken",
        "auth.HMACSignature",
        "outbox.transports.PubSub",
        "outbox.transports.HTTP",
    ],
)
def test_every_option_of_a_backend_has_a_row(path: str) -> None:
    """Each table of an authenticator or a transport has a row for each of its options."""
    module, _, name = path.rpartition(".")
    parameters = inspect.signature(getattr(import_module(f"gcp_event_router.{module}"), name)).parameters

    assert names_of("settings.md", f"### {path}") == list(parameters)


@override_settings(GCP_EVENT_ROUTER={"SIGNALS": ["gcp_event_router.signals.event_received"]})
def test_documented_settings_are_accepted() -> None:
    """The form of settings that the documentation shows is read without complaint."""
    assert current().SIGNALS == ("gcp_event_router.signals.event_received",)


def test_every_extra_has_a_row() -> None:
    """The table of the extras has a row for each in pyproject.toml."""
    extras = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]

    assert names_of("settings.md", "## Extras") == re.findall(r"^(\w+) =", extras, re.MULTILINE)


def test_every_option_of_on_has_a_row() -> None:
    """The table has a row for each keyword of `events.on`."""
    named = {"payload", "ce_type", "attributes"} | set(inspect.signature(Options).parameters)

    assert sorted(names_of("handler-options.md")) == sorted(named)


def test_every_outcome_has_a_row() -> None:
    """The table of outcomes names all of them; without the inbox, a status is that of the outcome."""
    rows = [row for row in rows_of("outcomes.md", "## What the sender receives") if row[1] != "-"]

    assert {outcome for _, outcome, *_ in rows} == {outcome.value for outcome in Outcome}
    assert [row for row in rows if row[2][0].isdigit() and status(row[2]) != Outcome(row[1]).status] == [
        next(row for row in rows if row[1] == "parked"),
    ]


def test_reference_describes_every_public_name() -> None:
    """The API reference describes each public name but Google's models, which have a list of their own, and nothing private."""
    described: dict[str, set[str]] = {}
    for page in (REFERENCE / "api").glob("*.md"):
        for module, names in re.findall(
            r"^```\{names\} gcp_event_router\.?(\S*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL
        ):
            described.setdefault(module, set()).update(line.partition(":")[0] for line in names.splitlines())
    everywhere = set[str]().union(*described.values())
    public = {module: set(names.split()) for module, names in PUBLIC.items() if not module.startswith("google.")}

    assert {module: missing for module, names in public.items() if (missing := names - everywhere - URLS)} == {}
    assert {
        module: others
        for module, names in described.items()
        if (others := names - set(import_module(f"gcp_event_router.{module}".rstrip(".")).__all__))
    } == {}


def test_house_has_the_floors_of_the_contract() -> None:
    """The drawing of the house has the modules that it names on the floors of the contract in pyproject.toml."""
    contract = (ROOT / "pyproject.toml").read_text().partition("\nlayers = [\n")[2].partition("\n]")[0]
    floors = {name: floor for floor, line in enumerate(contract.splitlines()) for name in re.findall(r"\w+", line)}
    drawn = re.findall(r'<text class="name"[^>]*>([^<]+)<', (ROOT / "docs" / "images" / "house.svg").read_text())
    places = [[floors[name] for name in line.split(" · ")] for line in drawn]

    assert [(above, below) for above, below in pairwise(places) if max(above) >= min(below)] == []


def status(cell: str) -> int:
    return int(cell[:3])


def returns() -> None:
    return None


def raises(error: Exception) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


CASES: Final[dict[str, tuple[Callable[[], None], bytes, str]]] = {
    "the handler returned": (returns, b"1", "application/json"),
    "the handler raised `Reject": (raises(Reject("why")), b"1", "application/json"),
    "the payload or the parameters": (returns, b'"one"', "application/json"),
    "the body is not the JSON": (returns, b"{", "application/json"),
    "the format of the event": (returns, b"1", "application/cloudevents+avro"),
    "the handler raised `Retry": (raises(Retry("why")), b"1", "application/json"),
    "the database, or Google's keys": (raises(OperationalError("away")), b"1", "application/json"),
    "the handler raised any other": (raises(LookupError("no")), b"1", "application/json"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", CASES)
@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_sender_receives_what_the_table_says(case: str) -> None:
    """The answer, without the inbox and with it, is the one of the table."""
    run, body, content_type = CASES[case]
    (row,) = (row for row in rows_of("outcomes.md", "## What the sender receives") if row[0].startswith(case))
    answers: list[int] = []

    for store in (None, InboxStore()):
        set_store(store)
        with events.isolated(empty=True):

            @events.on("counted")
            def handle(event: Event[int]) -> None:
                run()

            answers.append(Client().post("/events/counted/1", body, content_type=content_type).status_code)

    assert answers == [status(row[2]), status(row[3])]
