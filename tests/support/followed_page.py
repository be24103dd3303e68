"""Follows a page to the letter: types its commands into terminals, writes its files, and collects what the commands print."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import uuid4

_BLOCK: Final = re.compile(r"^```(console|text|python|ini)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The last line that a command prints once it serves; such a command has a terminal of its own.
_SERVERS: Final = {"runserver": "Quit the server with", "issuer": "curl -H"}
_AT_THE_END: Final = ", at the end"


class Terminal:
    """A shell that remembers its folder and its variables between commands, as the reader's does."""

    def __init__(self, until_end: ExitStack, folder: Path, environment: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        until_end.enter_context(self._shell)
        until_end.callback(self.end)

    def end(self) -> None:
        """End the shell and what it has started."""
        os.killpg(self._shell.pid, signal.SIGTERM)

    def type(self, command: str) -> str:
        """Run a command, and return what it prints."""
        end = uuid4().hex
        self._write(f"{command}\necho {end}\n")
        return "".join(self._until(end))

    def start(self, command: str, last_line: str) -> None:
        """Run a command that serves, and wait until it does."""
        self._write(f"exec {command}\n")
        self.wait_for(last_line)

    def wait_for(self, text: str) -> None:
        """Read what the command prints, up to a line with this text."""
        for _ in self._until(text):
            pass

    def event_lines(self) -> Iterator[str]:
        """Read what a site logs of events."""
        assert self._shell.stdout
        return (line for line in self._shell.stdout if line.startswith("Event of kind"))

    def _write(self, text: str) -> None:
        assert self._shell.stdin
        self._shell.stdin.write(text)
        self._shell.stdin.flush()

    def _until(self, text: str) -> Iterator[str]:
        assert self._shell.stdout
        for line in self._shell.stdout:
            if text in line:
                return
            yield line
        raise EOFError(text)


class Reader:
    """Somebody who follows a page in an empty folder.

    Args:
        until_end: Ends what the reader starts.
        folder: The folder.
        environment: The variables of each terminal.
        replaced: What the reader writes instead of some texts of the page, such as a free port for 8000.

    """

    def __init__(self, until_end: ExitStack, folder: Path, environment: dict[str, str], replaced: dict[str, str]) -> None:
        self._until_end = until_end
        self._environment = environment
        self._replaced = replaced
        self._terminal = Terminal(until_end, folder, environment)
        self._folder = folder
        self._site: Terminal | None = None

    def follow(self, text: str) -> Iterator[tuple[str, str]]:
        """Do what the page says; yield each block of a terminal, and the same with what was really printed.

        A block of text is what the site has logged since the last one.
        """
        for found in _BLOCK.finditer(text):
            language, block = found.groups()
            if language == "console":
                yield block, "".join(self._console(block))
            elif language == "text" and self._site:
                yield block, "".join(islice(self._site.event_lines(), block.count("\n")))
            else:
                self._write(block)

    def _console(self, block: str) -> Iterator[str]:
        commands = [line for line in block.splitlines() if line.startswith("$ ")]
        if server := next((name for name in _SERVERS if any(name in line for line in commands)), None):
            yield from self._serve(server, commands)
            return
        for line in commands:
            yield f"{line}\n{self._put_back(self._terminal.type(self._replace(line[2:])))}"
            if line.startswith("$ cd "):
                self._folder /= line[5:]

    def _serve(self, server: str, commands: list[str]) -> Iterator[str]:
        terminal = Terminal(self._until_end, self._folder, self._environment)
        for line in commands:
            if server in line:
                terminal.start(self._replace(line[2:]), _SERVERS[server])
            else:
                terminal.type(line[2:])
            yield f"{line}\n"
        if server == "runserver":
            self._site = terminal

    def _write(self, block: str) -> None:
        """Write a file that a block's first line names, or add to it; a site that runs reloads itself."""
        name = block.partition("\n")[0].removeprefix("# ")
        file = self._folder / name.removesuffix(_AT_THE_END)
        before = file.read_text() + "\n" if name.endswith(_AT_THE_END) else ""
        file.write_text(before + self._replace(block))
        if self._site and before:
            self._site.wait_for(_SERVERS["runserver"])

    def _replace(self, text: str) -> str:
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        return text

    def _put_back(self, text: str) -> str:
        for old, new in self._replaced.items():
            text = text.replace(new, old)
        return text
