"""`make demo` and the shop's own tests, run as a user runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import demo

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder to its end."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=HERE, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120
    )


def test_demo_shows_every_event_as_expected() -> None:
    """`make demo` sends each event over real HTTP, prints a row for each, and succeeds."""
    run = python("demo.py")

    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line for line in run.stdout.splitlines() if line.startswith(("ok", "NO"))]
    assert [row.split("  ")[1] for row in rows] == [case.title for case in demo.CASES]
    assert run.stdout.splitlines()[-1] == "10 of 10 events as expected"


def test_demo_tells_what_is_not_as_expected() -> None:
    """A result that differs in any part is marked, and said in full below the table."""
    case = demo.CASES[0]
    good = demo.Result(case, case.status, case.handlers, case.rows)
    bad = replace(good, status=500)

    text = demo.table([good, bad])

    assert [line[:2] for line in text.splitlines()] == ["  ", "ok", "NO", "a "]
    assert text.splitlines()[-1] == (
        "a wrapped Pub/Sub push: expected (201, 'record_order', ((1, 12.5),)), got (500, 'record_order', ((1, 12.5),))"
    )


def test_serve_takes_the_curl_that_it_prints_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    """`make serve` prints a command that works, and Ctrl-C ends it without a traceback."""
    environment = {**ENVIRONMENT, "SHOP_DATABASE": str(tmp_path / "db.sqlite3")}
    command = [sys.executable, "demo.py", "--serve", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+);", first)
        assert found is not None, first + process.stdout.read()
        sent = subprocess.run(
            ["bash", "-c", demo.curl(int(found.group(1)))], capture_output=True, text=True, check=True, timeout=60
        )
    finally:
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
        process.wait(60)
        process.stdout.close()

    assert sent.stdout.startswith("HTTP/1.1 201 Created")
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == "The shop is closed."
    assert process.returncode == 0


def test_shop_passes_its_own_tests() -> None:
    """The shop's tests pass by Django's own runner, with warnings as errors."""
    run = python("-W", "error", "manage.py", "test", "shop")

    assert run.returncode == 0, run.stdout + run.stderr


def test_shop_has_all_its_migrations() -> None:
    """No change of the shop's models lacks a migration."""
    run = python("manage.py", "makemigrations", "--check", "--dry-run")

    assert run.returncode == 0, run.stdout + run.stderr
