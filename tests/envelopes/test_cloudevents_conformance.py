"""CloudEvents 1.0.2 and Eventarc, case by case: inputs and what they mean, in `data/cloudevents`, each citing its section.

`spec.md`, `http-protocol-binding.md` and `json-format.md` are those of cloudevents/spec.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gcp_event_router import EventRouter
from gcp_event_router.envelopes import Envelope, event_meta, is_batch, read, split_batch
from gcp_event_router.exceptions import EnvelopeError

from ..conftest import Post

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data/cloudevents/conformance.json").read_text())
#: Django's test client sends no Content-Type with an empty body.
SENT = [case for case in CASES if case["body"] or case["headers"].get("Content-Type", "") == ""]


def body_of(case: dict[str, Any]) -> bytes:
    """The bytes of a case's request; `times` is how often its event is in a batch."""
    body: bytes = case["body"].encode()
    return b"[%s]" % b",".join([body] * case["times"]) if "times" in case else body


def opened(case: dict[str, Any]) -> list[Envelope]:
    """The events of a case's request."""
    meta = {_meta_name(name): value for name, value in case["headers"].items()}
    body = body_of(case)
    return [read(each, event_meta(meta)) for each in split_batch(body, meta)] if is_batch(meta) else [read(body, meta)]


def _meta_name(header: str) -> str:
    name = header.upper().replace("-", "_")
    return name if name == "CONTENT_TYPE" else f"HTTP_{name}"


def shown(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- of strings
    if isinstance(value, tuple):
        return [*value]  # pyright: ignore[reportUnknownVariableType] -- of strings
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("case", CASES, ids=[f"{case['section']}-{case['case']}"[:120] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """What is read is what the section says, and read again from what is kept it is the same; or it is refused as written."""
    if "error" in case:
        with pytest.raises(EnvelopeError) as caught:
            opened(case)
        assert str(caught.value) == case["error"]
        return
    expected = case.get("batch", [case.get("expects")])
    envelopes = opened(case)
    found = [{name: shown(getattr(envelope, name)) for name in each} for envelope, each in zip(envelopes, expected, strict=True)]
    assert found == expected
    assert [read(each.body, each.meta) for each in envelopes] == envelopes


def test_cases_over_http(router: EventRouter, post: Post) -> None:
    """The endpoint answers 201 to what can be read, 400 to what cannot, 415 to a format that nobody reads."""
    router.on("*", payload=bytes)(lambda _: None)

    def status(case: dict[str, Any]) -> int:
        headers = {name.replace("-", "_"): value for name, value in case["headers"].items()}
        content_type = headers.pop("Content_Type", "")
        return post("/events/k/r", body_of(case), content_type, **headers).status_code

    found = {f"{case['section']}: {case['case']}": status(case) for case in SENT}
    assert found == {f"{case['section']}: {case['case']}": case.get("status", 201) for case in SENT}
    assert len(found) == len(SENT)
