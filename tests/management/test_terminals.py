"""What `manage.py events` prints reaches terminals and pipes of all sorts."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import OutputWrapper

from gcp_event_router.management.output import printing

from ..support.processes import limited

PATIENCE = 100
SITE = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from gcp_event_router import events

settings.configure(INSTALLED_APPS=["gcp_event_router"], ROOT_URLCONF="gcp_event_router.urls", SECRET_KEY="s" * 50)
for number in range(int(sys.argv.pop(1))):
    @events.on(f"\\u00f1-{number}", payload=dict, name=f"n{number}")
    def handle(event): ...
execute_from_command_line(["manage.py", "events", *sys.argv[1:]])
"""


def start(kinds: int, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """The command in a process of its own, whose terminal knows ASCII alone, on a site with some kinds."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-c", SITE, str(kinds), *arguments]
    environment |= {"PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": ""}  # as a pipe is written where nothing is set
    root = Path(__file__).parent
    return limited(
        subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    )


@pytest.mark.proof
def test_characters_that_a_terminal_lacks() -> None:
    """They are written as Python writes them, and in a document as JSON does."""
    with start(1, "list") as listing:
        shown, error = listing.communicate(timeout=PATIENCE)
    assert (listing.returncode, error) == (0, "")
    assert shown.splitlines()[1].split()[0] == r"\xf1-0"

    with start(1, "schema") as writing:
        shown, error = writing.communicate(timeout=PATIENCE)
    assert (writing.returncode, error) == (0, "")
    assert [each["title"] for each in json.loads(shown)["channels"].values()] == ["\u00f1-0"]


@pytest.mark.proof
def test_a_reader_who_has_read_enough() -> None:
    """`events schema | head` ends without a word."""
    with start(1000, "schema") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "{\n"
        process.stdout.close()
        assert (process.wait(PATIENCE), process.stderr.read()) == (1, "")


def test_the_stream_is_as_it_was() -> None:
    """Whoever calls a command from Python gets the stream back that was given."""
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding="ascii")
    with printing(OutputWrapper(out)):
        out.write("gr\u00f6\u00dfe")

    assert (written.getvalue(), out.errors, out.line_buffering) == (rb"gr\xf6\xdfe", "strict", False)


def test_each_line_is_written_when_it_is_there() -> None:
    """A pipe or a container's log has a line at once, and not with the next few thousand."""
    written = io.BytesIO()
    out = OutputWrapper(io.TextIOWrapper(written, encoding="utf-8"))
    with printing(out):
        out.write("one")
        assert written.getvalue() == b"one\n"
        out.write("two")
        assert written.getvalue() == b"one\ntwo\n"


def test_a_command_that_fails_where_nobody_reads() -> None:
    """What it has written is written before it ends, so that Python finds nothing to complain of."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as out, pytest.raises(SystemExit) as raised:
        call_command("events", "explain", "nobody-handles-this", stdout=out)

    assert raised.value.code == 1
