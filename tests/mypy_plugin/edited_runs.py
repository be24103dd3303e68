"""Makes each edit and runs mypy after it in four ways: `python -m tests.mypy_plugin.edited_runs OUTPUT [EDIT ...]`.

OUTPUT gets, by edit, what each way reports. mypy is imported once, and each run is a fork of this process, which has never
imported the plugin: nothing but mypy's caches leads from one run to another, as for users.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import mypy.api
import mypy.dmypy_server
from mypy.version import __version__ as mypy_version

import gcp_event_router

from .edits import EDITS, PROJECT, Change, Changes, Edit

MISSING_IMPORTS: Final = "running_mypy.html#missing-imports"
#: Seconds for one run, on a busy machine too.
LIMIT: Final = 200
FORK: Final = multiprocessing.get_context("fork")
#: What mypy is given beside a cache.
ARGUMENTS: Final = ("--config-file=mypy.ini", "--sqlite-cache", "--no-error-summary", "--show-traceback")
#: Stubs of other packages, just enough for the project: with the real ones, each run takes three times as long.
PACKAGES: Final = Path(__file__).with_name("packages")
LIBRARY: Final = Path(gcp_event_router.__file__).parent.parent
SHOP: Final = ("shop",)
#: All that the project imports from elsewhere.
OTHERS: Final = """\
import dataclasses, typing, django.dispatch, pydantic
import gcp_event_router, gcp_event_router.lifecycle, gcp_event_router.signals, gcp_event_router.utils
"""

_next_time = count(1_000_000_000, 10)


def write(project: Path, path: str, text: str | None) -> None:
    """Write or delete a file; to mypy, each version has another time, as if somebody had typed it."""
    place = project / path
    if text is None:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(exist_ok=True, parents=True)
    place.write_text(text)
    now = next(_next_time)
    os.utime(place, (now, now))


def edited(text: str | None, change: Change) -> str | None:
    """The text of a file after a change."""
    if change is None or isinstance(change, str):
        return change
    assert text is not None
    for old, new in change:
        assert old in text, f"{old!r} is not in\n{text}"
        text = text.replace(old, new)
    return text


def apply(project: Path, changes: Changes) -> dict[str, str | None]:
    """Make a step of an edit; return what undoes it."""
    before = {path: place.read_text() if (place := project / path).exists() else None for path in changes}
    for path, change in changes.items():
        write(project, path, edited(before[path], change))
    return before


class Process:
    """A fork of this process, which answers each call of `function`."""

    def __init__(self, serve: Callable[[Connection], None], project: Path) -> None:
        self._connection, theirs = FORK.Pipe()

        def run() -> None:
            os.chdir(project)
            serve(theirs)

        self._process = FORK.Process(target=run, daemon=True)
        self._process.start()
        theirs.close()

    def ask(self) -> dict[str, str]:
        """Let it run mypy; return what mypy prints, or what became of it."""
        try:
            self._connection.send(None)
            return self._connection.recv() if self._connection.poll(LIMIT) else {"out": f"It takes more than {LIMIT} s."}
        except (EOFError, OSError):
            return {"out": "It has crashed."}

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def run(project: Path, cache: Path, *more: str) -> list[str]:
    """The reports of one run of mypy, which reads and writes a cache."""

    def serve(connection: Connection) -> None:
        connection.recv()
        output, errors, _ = mypy.api.run([f"--cache-dir={cache}", *ARGUMENTS, *more])
        connection.send({"out": output, "err": errors})

    process = Process(serve, project)
    try:
        return in_order(process.ask())
    finally:
        process.close()


class Daemon:
    """mypy's daemon, as `dmypy run` uses it."""

    def __init__(self, project: Path, cache: Path | None = None) -> None:
        self._project = project
        self._cache = cache
        self._process: Process | None = None

    def check(self) -> list[str]:
        """The reports of the daemon; it is started anew if it says that it has to be, as after a change of its settings."""
        if self._process is None:
            self._process = Process(self._serve, self._project)
        answer = self._process.ask()
        if "restart" in answer:
            self.close()
            return self.check()
        return in_order(answer)

    def _serve(self, connection: Connection) -> None:
        arguments = ["--use-fine-grained-cache", f"--cache-dir={self._cache}"] if self._cache else []
        arguments += [*ARGUMENTS, *SHOP]
        options = mypy.dmypy_server.process_start_options(arguments, allow_sources=True)
        server = mypy.dmypy_server.Server(options, "status.json")
        while True:
            connection.recv()
            answer = server.cmd_run(mypy_version, arguments, export_types=False, is_tty=False, terminal_width=80)
            connection.send({name: answer[name] for name in ("out", "err", "restart") if name in answer})

    def close(self) -> None:
        """Stop the daemon."""
        if self._process is not None:
            self._process.close()
            self._process = None


def in_order(answer: dict[str, str]) -> list[str]:
    """The lines of each file, in mypy's order; a daemon may name the files in another order."""
    lines = [*answer["out"].splitlines(), *answer.get("err", "").splitlines()]
    # the hint stands once in a run, wherever mypy happens to miss a module first
    return sorted((line for line in lines if MISSING_IMPORTS not in line), key=lambda line: line.partition(":")[0])


class Table:
    """Runs the edits in one project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._project = folder / "project"
        places = {"packages": PACKAGES, "library": LIBRARY}
        for path, text in PROJECT.items():
            write(self._project, path, text.format(**places) if path == "mypy.ini" else text)
        #: What a cold run finds: other packages, which no edit changes.
        self._packages = folder / "packages"
        run(self._project, self._packages, "-c", OTHERS)
        #: What a warm run and a new daemon find: the project before the edit, too.
        self._caches = {"warm": folder / "warm", "new daemon": folder / "fine-grained"}
        self.reports = self._cold()
        shutil.copytree(self._packages, self._caches["warm"])
        run(self._project, self._caches["warm"], *SHOP)
        run(self._project, self._caches["new daemon"], "--cache-fine-grained", *SHOP)
        self._daemon = Daemon(self._project)
        assert self._daemon.check() == self.reports

    def run(self, edit: Edit) -> Iterator[dict[str, list[str]]]:
        """Yield what each way reports after each step of an edit, and what the daemon reports after undoing it."""
        with ExitStack() as stack:
            caches = {way: stack.enter_context(self._copy(cache)) for way, cache in self._caches.items()}
            new_daemon = Daemon(self._project, caches["new daemon"])
            stack.callback(new_daemon.close)
            before: dict[str, str | None] = {}
            for step in edit.steps:
                before = apply(self._project, step) | before
                yield {"cold": self._cold(), **self._other_ways(caches["warm"], new_daemon)}
            apply(self._project, before)
            yield {"cold": self.reports, "daemon": self._daemon.check()}

    def _cold(self) -> list[str]:
        with self._copy(self._packages) as cache:
            return run(self._project, cache, *SHOP)

    def _other_ways(self, cache: Path, new_daemon: Daemon) -> dict[str, list[str]]:
        return {"warm": run(self._project, cache, *SHOP), "daemon": self._daemon.check(), "new daemon": new_daemon.check()}

    @contextmanager
    def _copy(self, cache: Path) -> Generator[Path]:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            yield Path(shutil.copytree(cache, folder, dirs_exist_ok=True))

    def close(self) -> None:
        """Stop the daemon."""
        self._daemon.close()


def main() -> None:
    """Write a line for each edit: its name, and for each step the reports of each way."""
    for module in ("mypy.main", "pydantic.mypy"):  # once, before each run is forked
        import_module(module)
    output, *names = sys.argv[1:]
    edits = [edit for edit in EDITS if edit.name in names or not names]
    with tempfile.TemporaryDirectory() as folder:
        table = Table(Path(folder))
        try:
            with Path(output).open("w") as lines:
                for edit in edits:
                    print(json.dumps([edit.name, list(table.run(edit))]), file=lines, flush=True)
        finally:
            table.close()


if __name__ == "__main__":
    main()
