"""The guides to deploying and alerting: what they tell others to run is what this package and YAML understand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

GUIDES = Path(__file__).resolve().parent.parent / "docs" / "guides"
PAGES = ["alerting", "app-engine", "cloud-run", "gke", "laptop"]
#: What the pages run beside Django's own commands and ours.
OTHERS = {"gunicorn"}


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (GUIDES / f"{name}.md").read_text(), re.MULTILINE | re.DOTALL)


def containers(value: Any) -> Iterator[dict[str, Any]]:
    """The containers in a document of Kubernetes, wherever they are."""
    if isinstance(value, dict) and "image" in value:
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():  # pyright: ignore[reportUnknownVariableType] -- YAML has no types
        yield from containers(item)


def commands(name: str) -> Iterator[list[str]]:
    """The arguments that a page gives to manage.py: in a shell, in a job of Cloud Run, and in a container of Kubernetes."""
    for block in blocks(name, "console"):
        lines = block.replace("\\\n", " ")
        yield from (line.split() for line in re.findall(r"python manage\.py (.+)", lines))
        yield from (argument.split(",") for argument in re.findall(r"--args=(\S+)", lines))
    for block in blocks(name, "yaml"):
        for container in containers(yaml.safe_load(block)):
            assert container["command"][0] in {"python", *OTHERS}
            if container["command"][0] == "python":
                yield [*container["command"][2:], *container["args"]]


@pytest.mark.parametrize("name", PAGES)
def test_commands_exist(name: str) -> None:
    """`manage.py` has each command of the page, and the command knows each of its options."""
    found = list(commands(name))

    for command, *arguments in found:
        module = get_commands()[command]
        load_command_class(module, command).create_parser("manage.py", command).parse_args(arguments)
    assert found


@pytest.mark.parametrize("name", ["alerting", "app-engine", "gke"])
def test_yaml_is_read(name: str) -> None:
    """Each YAML block of the page is one mapping, and one of Kubernetes has what every object needs."""
    documents = [yaml.safe_load(block) for block in blocks(name, "yaml")]

    assert documents
    assert all(isinstance(document, dict) for document in documents)
    if name == "gke":
        assert [sorted(document) for document in documents] == [["apiVersion", "kind", "metadata", "spec"]] * len(documents)


def test_workers_are_given_the_same_commands_everywhere() -> None:
    """Cloud Run and GKE run the same worker, relay and purges."""
    wanted = [["inbox", "process", "--loop"], ["outbox", "relay", "--loop"], ["inbox", "purge"], ["outbox", "purge"]]

    assert [all(command in list(commands(name)) for command in wanted) for name in ("cloud-run", "gke")] == [True, True]


@pytest.mark.proof
def test_sentry_is_told_once() -> None:
    """With Sentry's default integrations, too, the page's example sends one issue, with the exception."""
    page = "\n".join(blocks("sentry", "python")).replace(", default_integrations=False", "")
    start = "import django; django.setup(); from django.test import Client; client = Client()\n"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(GUIDES.parent.parent)}
    code = f"{start}from gcp_event_router._dispatch.store import set_store\nset_store(None)\n{page}"

    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout.replace("__main__", "page_sentry") == blocks("sentry", "output")[0]
