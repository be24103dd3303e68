"""Which type of CloudEvents carries which model, and what it costs to know it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from gcp_event_router import google
from gcp_event_router.google.base import Model
from gcp_event_router.google.catalogue import model_of, types
from scripts.google_models import payloads

DOCS = Path(__file__).parents[2] / "docs"
TYPES = {
    "google.cloud.audit.log.v1.written": "LogEntryData",
    "google.cloud.cloudbuild.build.v1.statusChanged": "BuildEventData",
    "google.cloud.firestore.document.v1.created": "DocumentEventData",
    "google.cloud.firestore.document.v1.created.withAuthContext": "DocumentEventData",
    "google.cloud.firestore.document.v1.deleted": "DocumentEventData",
    "google.cloud.firestore.document.v1.deleted.withAuthContext": "DocumentEventData",
    "google.cloud.firestore.document.v1.updated": "DocumentEventData",
    "google.cloud.firestore.document.v1.updated.withAuthContext": "DocumentEventData",
    "google.cloud.firestore.document.v1.written": "DocumentEventData",
    "google.cloud.firestore.document.v1.written.withAuthContext": "DocumentEventData",
    "google.cloud.pubsub.topic.v1.messagePublished": "MessagePublishedData",
    "google.cloud.scheduler.job.v1.executed": "SchedulerJobData",
    "google.cloud.storage.object.v1.archived": "StorageObjectData",
    "google.cloud.storage.object.v1.deleted": "StorageObjectData",
    "google.cloud.storage.object.v1.finalized": "StorageObjectData",
    "google.cloud.storage.object.v1.metadataUpdated": "StorageObjectData",
    "google.firebase.analytics.log.v1.written": "AnalyticsLogData",
    "google.firebase.auth.user.v1.created": "AuthEventData",
    "google.firebase.auth.user.v1.deleted": "AuthEventData",
    "google.firebase.auth.user.v2.created": "AuthEventDataV2",
    "google.firebase.auth.user.v2.deleted": "AuthEventDataV2",
    "google.firebase.auth.user.v2.updated": "AuthEventDataV2",
    "google.firebase.database.ref.v1.created": "ReferenceEventData",
    "google.firebase.database.ref.v1.deleted": "ReferenceEventData",
    "google.firebase.database.ref.v1.updated": "ReferenceEventData",
    "google.firebase.database.ref.v1.written": "ReferenceEventData",
    "google.firebase.firebasealerts.alerts.v1.published": "AlertData",
    "google.firebase.remoteconfig.remoteConfig.v1.updated": "RemoteConfigEventData",
    "google.firebase.testlab.testMatrix.v1.completed": "TestMatrixEventData",
}


def test_types_and_models() -> None:
    """Each type has the model of its message; those of Firebase Authentication's second version have one of ours."""
    messages = {event_type: message.rpartition(".")[2] for event_type, message in payloads().items()}

    assert {event_type: model.__name__ for event_type, model in models_of_types()} == messages | TYPES
    assert types() == messages.keys() | TYPES.keys()
    assert len(types()) == 326


@pytest.mark.parametrize(
    "name", ["", "com.example.order", "google.cloud.storage.object.v1.Finalized", "google.cloud.storage.object.v1"]
)
def test_other_types_have_none(name: str) -> None:
    """A type that is not known, or not exactly, has no model."""
    assert model_of(name) is None


@pytest.mark.proof
def test_nothing_is_imported_before_it_is_asked_for() -> None:
    """The package and its catalogue import no product, and a product no other than those that it is made of."""
    code = (
        "import sys; from gcp_event_router.google import catalogue; catalogue.types();"
        "before = [n for n in sys.modules if n.startswith('gcp_event_router.google.')];"
        "catalogue.model_of('google.cloud.audit.log.v1.written');"
        "print(sorted(before), sorted({n for n in sys.modules if n.startswith('gcp_event_router.google.')} - {*before}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)

    names = [f"gcp_event_router.google.{each}" for each in ("_examples", "_types", "base", "catalogue", "audit", "enums", "logs")]
    assert run.stdout == f"{names[:4]} {names[4:]}\n"


@pytest.mark.proof
def test_package_imports_no_product() -> None:
    """`import gcp_event_router` imports nothing of Google's payloads."""
    code = "import sys, gcp_event_router; print(*sorted(n for n in sys.modules if n.startswith('gcp_event_router.google.')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)

    assert run.stdout == "\n"


def test_every_model_is_exported() -> None:
    """Each module names all its models and enumerations, and nothing of theirs is missing from `__all__`."""
    folder = Path(google.__file__).parent
    products = {path.stem for path in folder.glob("*.py")} - {"__init__", "_examples", "_types", "base", "enums", "catalogue"}
    missing: dict[str, set[str]] = {}
    for product in products:
        module = import_module(f"gcp_event_router.google.{product}")
        public = {name: each for name, each in vars(module).items() if isinstance(each, type)}
        own = {name for name, each in public.items() if each.__module__ == module.__name__}
        if own != set(module.__all__):
            missing[product] = own ^ set(module.__all__)

    assert missing == {}


def test_page_has_all_types() -> None:
    """docs/reference/google-types.md lists each type with its module and its model, and no other."""
    listed = types_on("reference/google-types.md")

    assert listed == {
        event_type: f"{model.__module__.rpartition('.')[2]}.{model.__name__}" for event_type, model in models_of_types()
    }


def test_page_has_the_table() -> None:
    """docs/guides/google.md lists the types that it shows with the same models."""
    listed = types_on("guides/google.md")

    assert listed.keys() == TYPES.keys()
    assert listed.items() <= types_on("reference/google-types.md").items()


def types_on(page: str) -> dict[str, str]:
    """Read the tables of a page: what each type's row says are the module and the model."""
    listed: dict[str, str] = {}
    for row in re.findall(r"^\|.*\|[^|]*`google\.[^|]*\|$", (DOCS / page).read_text(), re.MULTILINE):
        *_, module, models, names, _ = row.split("|")
        of_version = dict(enumerate(re.findall(r"`(\w+)`", models), 1))
        stem, found = "", list[str]()
        for name in re.findall(r"`([^`]+)`", names):
            if name == ".withAuthContext":
                found += [event_type + name for event_type in found]
            elif name.endswith("."):
                stem = name
            else:
                found.append(name if name.startswith("google.") else stem + name)
        for event_type in found:
            model = of_version[2] if len(of_version) > 1 and ".v2." in event_type else of_version[1]
            listed[event_type] = f"{module.strip(' `')}.{model}"
    return listed


def models_of_types() -> list[tuple[str, type[Model]]]:
    return [(each, model) for each in types() if (model := model_of(each)) is not None]
