"""The generated modules against what the script writes."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import pytest

from gcp_event_router.google.base import Model
from scripts import google_models

# the first whose descriptors say whether a field is repeated; `make floors` has an older one
pytest.importorskip("google.protobuf", minversion="6.31")

#: The text of each file, by its path.
generated = cache(google_models.generate)


def test_files_are_what_the_script_writes() -> None:
    """Each generated file is what the script makes of the installed google-events; `make google` writes it."""
    assert {path: (google_models.ROOT / path).read_text() for path in generated()} == generated()


def test_generated_files_say_so() -> None:
    """A module or page carries the script's header if the script writes it, and only then."""
    files = [*(google_models.ROOT / google_models.FOLDER).glob("*.py"), *(google_models.ROOT / "docs").rglob("*.md")]
    marked = {path.relative_to(google_models.ROOT) for path in files if google_models.HEADER in path.read_text()}

    assert marked == generated().keys()


def test_models_are_complete_from_the_start() -> None:
    """No model waits for its first use to know its fields, however models refer to each other."""
    incomplete: list[str] = []
    for path in (google_models.ROOT / google_models.FOLDER).glob("*.py"):
        module = import_module(f"gcp_event_router.google.{path.stem}")
        models = [found for found in vars(module).values() if isinstance(found, type) and issubclass(found, Model)]
        incomplete += [f"{path.stem}.{model.__name__}" for model in models if not model.__pydantic_complete__]

    assert incomplete == []
