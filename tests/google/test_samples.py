"""Short samples of what Google sends, in `data/google`, each with the page or file whose shape it has."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
from typing_extensions import TypedDict

from gcp_event_router.google.base import Model
from gcp_event_router.google.catalogue import model_of
from gcp_event_router.google.firestore import DocumentEventData, LatLng

from .test_catalogue import TYPES

DATA = Path(__file__).parents[1] / "data" / "google"


class Sample(TypedDict):
    source: str
    model: str  # module:class
    payload: dict[str, object]
    reads: dict[str, object]  # what was sent, by its Python names, as pydantic writes it to JSON


SAMPLES: dict[str, Sample] = {path.stem: json.loads(path.read_text()) for path in sorted(DATA.glob("*.json"))}
EACH = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())


def model(sample: Sample) -> type[Model]:
    module, name = sample["model"].split(":")
    found: type[Model] = getattr(import_module(f"gcp_event_router.google.{module}"), name)
    return found


def sent(made: Model) -> object:
    return json.loads(made.model_dump_json(exclude_unset=True))


@EACH
def test_sample_is_read(sample: Sample) -> None:
    """A sample reads as the file says, from JSON's bytes and from what JSON decodes to."""
    read = model(sample)

    assert sent(read.model_validate_json(json.dumps(sample["payload"]))) == sample["reads"]
    assert sent(read.model_validate(sample["payload"])) == sample["reads"]


@EACH
def test_sample_is_written_as_it_can_be_read(sample: Sample) -> None:
    """What a model writes under Google's names, it reads as the same."""
    read = model(sample)
    written = read.model_validate(sample["payload"]).model_dump_json(by_alias=True, exclude_unset=True)

    assert sent(read.model_validate_json(written)) == sample["reads"]


@EACH
def test_sample_is_made_by_python_names(sample: Sample) -> None:
    """A test makes a payload by its Python names."""
    assert sent(model(sample).model_validate(sample["reads"])) == sample["reads"]


@EACH
def test_sample_names_its_source(sample: Sample) -> None:
    """Each sample says where its shape is documented, with Google."""
    assert sample["source"].startswith(
        ("https://github.com/googleapis/", "https://cloud.google.com/", "https://developers.google.com/")
    )


def test_each_model_of_the_catalogue_has_a_sample() -> None:
    """Every model that docs/guides/google.md shows has a sample; random messages stand in for samples of the others."""
    assert {model_of(event_type) for event_type in TYPES} <= {model(sample) for sample in SAMPLES.values()}


def test_unknown_is_kept() -> None:
    """Fields and members that Google adds later reject nothing, and are there."""
    build = model(SAMPLES["cloudbuild_topic"]).model_validate(SAMPLES["cloudbuild_topic"]["payload"])

    assert build.model_extra == {
        "name": "projects/1/locations/global/builds/b1",
        "serviceAccount": "projects/shop/serviceAccounts/1",
    }
    assert build.model_dump(include={"status": True, "options": {"machine_type", "pool"}}) == {
        "status": "PENDING",
        "options": {"machine_type": "E2_HIGHCPU_8", "pool": {"name": "p"}},
    }


def test_document_is_unwrapped() -> None:
    """A Firestore document reads as plain values."""
    event = DocumentEventData.model_validate(SAMPLES["firestore_document"]["payload"])

    assert event.value is not None
    fields = event.value.unwrap()
    assert repr(fields.pop("rate")) == "nan"
    assert (fields.pop("at").isoformat(), fields) == (
        "2026-02-19T10:00:00.241000+00:00",
        {
            "nothing": None,
            "paid": False,
            "count": 50,
            "total": 5.5,
            "who": "ann",
            "raw": b"\1\2\3\4",
            "ref": "projects/shop/databases/(default)/documents/foo/bar",
            "place": LatLng(latitude=51.4543, longitude=-0.9781),
            "lines": [1, {"x": "y", "empty": []}],
        },
    )


@pytest.mark.parametrize(
    ("value", "plain"),
    [({}, None), ({"nullValue": "NULL_VALUE"}, None), ({"nullValue": 0}, None), ({"vector": [1]}, {"vector": [1]})],
)
def test_odd_value_is_unwrapped(value: dict[str, object], plain: object) -> None:
    """Nothing is None, and so is protobuf's null by name and number; a value of a type that is not known is what was sent."""
    event = DocumentEventData.model_validate({"value": {"fields": {"a": value}}})

    assert event.value is not None
    assert event.value.unwrap() == {"a": plain}
