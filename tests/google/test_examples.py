"""The examples of Google's payloads, which the catalogue shows and `events send` sends."""

from __future__ import annotations

from importlib import import_module

import pytest

from gcp_event_router import Event, EventRouter
from gcp_event_router._contract.channels import channel_of
from gcp_event_router.google._examples import EXAMPLES
from gcp_event_router.google.base import Model
from gcp_event_router.google.pubsub import MessagePublishedData
from gcp_event_router.google.storage import StorageObjectData

from .test_protos import extras


@pytest.mark.parametrize("place", EXAMPLES)
def test_example_is_read(place: str) -> None:
    """Each example is one of its own model, and has no field that the model does not know."""
    module, name = place.split(".")
    model: type[Model] = getattr(import_module(f"gcp_event_router.google.{module}"), name)

    assert not any(extras(model.model_validate(EXAMPLES[place])))
    assert model.model_json_schema()["examples"] == [EXAMPLES[place]]


def test_example_is_what_a_channel_has(router: EventRouter) -> None:
    """An event of a type of Google's has the example of its model, also if the model is of a whole push."""

    def resize(event: Event[StorageObjectData]) -> None: ...
    def read(event: Event[MessagePublishedData]) -> None: ...

    router.on("google.cloud.storage.object.v1.finalized")(resize)
    router.on("push")(read)

    examples = [channel_of(router, kind).example() for kind in ("google.cloud.storage.object.v1.finalized", "push")]
    assert [example.value for example in examples] == [
        EXAMPLES["storage.StorageObjectData"],
        EXAMPLES["pubsub.MessagePublishedData"],
    ]
    assert [(example.problem, example.notes) for example in examples] == [("", ())] * 2


def test_model_of_a_project_has_its_own_example() -> None:
    """A model that a project derives has other fields, and not this example."""

    class Ours(StorageObjectData):
        shop: str

    assert "examples" not in Ours.model_json_schema()
