"""The samples that googleapis/google-cloudevents publishes beside its definitions, in `data/google-cloudevents`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gcp_event_router.google.base import Model
from gcp_event_router.google.catalogue import model_of
from scripts.google_models import payloads

from .test_protos import extras, micros, protobuf_reads

DATA = Path(__file__).parents[1] / "data" / "google-cloudevents"
FILES = sorted(DATA.rglob("*.json"))
EACH = pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])


def model(path: Path) -> type[Model]:
    """Find the model of a sample, by the types that carry the message that its path names."""
    message = ".".join([*path.parent.relative_to(DATA).parts, path.stem.partition("-")[0]])
    (found,) = {model_of(event_type) for event_type, payload in payloads().items() if payload == message}
    assert found is not None
    return found


def test_all_samples_are_here() -> None:
    """Nineteen samples are published."""
    assert len(FILES) == 19


@EACH
def test_sample_is_read(path: Path) -> None:
    """Each sample validates, and nothing of it is unknown but the names of types that Eventarc writes into messages."""
    read = model(path).model_validate_json(path.read_bytes())

    assert {name for found in extras(read) for name in found} <= {"@type"}


@EACH
def test_sample_is_to_protobuf_what_it_is_to_us(path: Path) -> None:
    """Protobuf reads the same message from a sample and from what its model writes."""
    # protobuf takes a field's second name for a second value
    sample = re.sub(r',\s*"(message_id|publish_time)": ?"[^"]*"', "", path.read_text())
    ours = model(path).model_validate_json(sample).model_dump_json(by_alias=True, exclude_unset=True)

    assert micros(protobuf_reads(model(path), sample)) == protobuf_reads(model(path), ours)
