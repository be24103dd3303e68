"""A MariaDB server for the tests: a real one, Debian's, on a socket in a temporary folder.

Run as a script, it installs the client that Django needs into the environment of the Python that runs it. That client is
compiled, so where its headers are missing the script says so and ends well: the tests on MariaDB are skipped then.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

#: The environment variable that says where a server for tests runs already: `make mutation` runs pytest thousands of times.
RUNNING = "TESTS_MARIADB"
PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
DATABASE = "events"
"""An empty database that each server has from its start."""
_SQL = f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;"
_HEADERS = "Debian's default-libmysqlclient-dev and pkg-config"
_PATIENCE = 100.0
_THROWN_AWAY = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync")


def missing() -> str:
    """What has to be installed for the tests on MariaDB; an empty text where nothing is missing."""
    if not (_program("mariadbd") and _program("mariadb-install-db")):
        return "no mariadbd: install Debian's mariadb-server"
    if importlib.util.find_spec("MySQLdb") is None:
        return f"no mysqlclient: install {_HEADERS}, then run `make test`"
    return ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin")))


class Server:
    """A server that tests may stop and start again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.host = str(folder / "socket")
        (folder / "init.sql").write_text(_SQL)
        files = (f"--datadir={folder / 'data'}", *(["--user=root"] if os.geteuid() == 0 else []))
        self._command = [_program("mariadbd") or "mariadbd", "--no-defaults", *files]
        self._run_install(files)

    def _run_install(self, files: tuple[str, ...]) -> None:
        """Create the system tables."""
        with (self._folder / "log").open("wb") as log:
            subprocess.run(
                [
                    _program("mariadb-install-db") or "mariadb-install-db",
                    "--no-defaults",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--skip-name-resolve",
                    *files,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_PATIENCE,
                check=True,
            )

    def start(self) -> None:
        """Start it, unless it runs; returns when it lets sessions in."""
        if self._process is not None:
            return
        options = (
            f"--socket={self.host}",
            f"--pid-file={self._folder / 'pid'}",
            f"--init-file={self._folder / 'init.sql'}",
            "--skip-networking",
            "--skip-log-bin",
            "--character-set-server=utf8mb4",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=64M",
            *self._options,
        )
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen([*self._command, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError((self._folder / "log").read_text(errors="replace"))
            time.sleep(0.01)

    def _answers(self) -> bool:
        """Whether it greets a client."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_PATIENCE)
            try:
                client.connect(self.host)
                return bool(client.recv(1))
            except OSError:
                return False

    def stop(self) -> None:
        """Stop it at once, as if it had crashed: all its sessions end, and nobody is let in."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_PATIENCE)
            self._process = None


@contextmanager
def server(*options: str, durable: bool = True) -> Generator[Server]:
    """Run a server as long as the block lasts. Its `host` is what Django calls HOST; the user is `root`, with no password.

    Args:
        options: More options of mariadbd.
        durable: Whether it waits for the disk. One that is thrown away need not.

    """
    with tempfile.TemporaryDirectory(prefix="gcp_event_router_", ignore_cleanup_errors=True) as folder:
        running = Server(Path(folder), *(() if durable else _THROWN_AWAY), *options)
        try:
            running.start()
            yield running
        finally:
            running.stop()


def install(stamp: str = os.devnull) -> None:
    """Install the client, if it can be compiled here, and touch a file when it is there."""
    names = ("mysqlclient", "mariadb", "libmariadb")
    find = shutil.which("pkg-config")
    if find is None or not any(subprocess.run([find, "--exists", name], check=False).returncode == 0 for name in names):
        print(f"skipped: the tests on MariaDB, whose client needs {_HEADERS}", flush=True)
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--group", f"{PYPROJECT}:mariadb"]
    if subprocess.run(pip, check=False).returncode:
        print("skipped: the tests on MariaDB, whose client cannot be compiled here", flush=True)
        return
    Path(stamp).touch()


if __name__ == "__main__":
    install(*sys.argv[1:])
