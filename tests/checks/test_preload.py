"""Servers that load the site before they fork: what is loaded neither fetches keys nor starts threads, and survives the fork."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import time

import pytest

from ..support.issuers import Issuer
from ..support.key_server import PATIENCE, KeyServer, hanging, in_turn, with_keys

ROOT = Path(__file__).resolve().parents[2]
FIRST, NEW = Issuer("first"), Issuer("second")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def token(issuer: Issuer, number: int) -> str:
    now = int(time())
    return issuer.token(iat=now, exp=now + 3600, jti=str(number))


@contextmanager
def preloaded(scenario: str, server: KeyServer, *tokens: str) -> Generator[subprocess.Popen[str]]:
    """Run `preload.py`."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "tests.support.preload", scenario, server.url, *tokens]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.proof
def test_workers_fetch_keys_for_themselves() -> None:
    """Loading the site asks for no keys and starts no thread; each worker, and the parent, fetches keys for its first token."""
    tokens = [token(FIRST, number) for number in range(4)]

    with KeyServer(with_keys(FIRST)) as server, preloaded("workers", server, *tokens) as process:
        said, complaints = process.communicate(timeout=PATIENCE)

    assert (said.splitlines(), complaints) == (["loaded 1", "worker 201", "worker 201", "worker 201", "parent 201"], "")
    assert server.requests == 4


@pytest.mark.proof
def test_workers_do_not_wait_for_what_the_parent_fetches() -> None:
    """Workers that are forked while the parent waits for keys, in a thread that they do not have, fetch keys for themselves."""
    tokens = [token(issuer, number) for number, issuer in enumerate([FIRST, FIRST, NEW, NEW])]
    mode = in_turn(with_keys(FIRST), hanging(with_keys(FIRST)), with_keys(FIRST, NEW))

    with KeyServer(mode) as server, preloaded("refreshing", server, *tokens) as process:
        server.asked(2)
        said, _ = process.communicate("\n", timeout=PATIENCE)

    assert said.splitlines() == ["loaded 1", "parent 201", "parent 201", "fetching 1", "worker 201", "worker 201"]
    assert server.requests == 4
