"""The inbox behind a pool that lends sessions for single transactions: it keeps no state in a session. Row E16."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext

from gcp_event_router import Event, EventRouter, Retry

from ..conftest import Post, post_wsgi
from ..support.deliveries import (
    PATH,
    PUSH,
    both_doors,
    effects,
    end_leases,
    on_postgresql,
    push,
    register,
    rows,
    settings_of,
    take_effect,
    together,
    with_databases,
)
from ..support.own_postgres import until
from ..support.processes import listens

pytestmark = with_databases

PGBOUNCER = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


@pytest.fixture
def pooled(inbox: str) -> Iterator[None]:
    """PgBouncer before PostgreSQL, with two sessions, which it lends for single transactions."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed (apt-get install pgbouncer)")
    host = connections[inbox].settings_dict["HOST"]
    with tempfile.TemporaryDirectory() as folder:
        path, users, configuration = (Path(folder) / name for name in (".s.PGSQL.6432", "users", "pgbouncer.ini"))
        users.write_text('"postgres" ""')
        configuration.write_text(
            f"[databases]\n* = host={host}\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\n"
            f"auth_type = trust\nauth_file = {users}\npool_mode = transaction\ndefault_pool_size = 2\n"
        )
        command = [PGBOUNCER, "--quiet", str(configuration)]
        if os.geteuid() == 0:  # it refuses to be root
            owner = Path(host).owner()
            shutil.chown(folder, owner)
            command += ["--user", owner]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(lambda: listens(path))
            with settings_of(inbox, HOST=folder, PORT="6432"):
                yield
        finally:
            process.terminate()
            process.wait(100)


@pytest.fixture
def forgetful(inbox: str) -> Iterator[None]:
    """PostgreSQL discards the state of a session before and after each statement outside a transaction."""

    def forget(connection: BaseDatabaseWrapper) -> None:
        if not connection.in_atomic_block:
            with connection.connection.cursor() as cursor:
                cursor.execute("DISCARD ALL")

    def execute_and_forget(execute: Any, sql: Any, parameters: Any, many: Any, context: Any) -> Any:
        forget(context["connection"])
        result = execute(sql, parameters, many, context)
        forget(context["connection"])
        return result

    prepared: list[BaseDatabaseWrapper] = []

    def prepare(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if connection.alias == inbox:
            connection.execute_wrappers.append(execute_and_forget)
            prepared.append(connection)

    connection_created.connect(prepare)
    try:
        with settings_of(inbox):
            yield
    finally:
        connection_created.disconnect(prepare)
        for connection in prepared:  # of this thread, which goes on to use it
            connection.execute_wrappers.remove(execute_and_forget)


@pytest.mark.parametrize("between", ["pooled", "forgetful"])
@on_postgresql
@both_doors
def test_e16_nothing_is_asked_of_a_session(
    inbox: str, router: EventRouter, post: Post, between: str, request: pytest.FixtureRequest
) -> None:
    """Sync and async handlers that fail, wait, kill their worker and succeed are done once, whichever session they get."""
    request.getfixturevalue(between)
    problems: list[BaseException] = [SystemExit(), Retry("later"), RuntimeError()]

    def work(event: Event[Any]) -> None:
        take_effect(inbox, "sync")
        if problems:
            raise problems.pop()

    register(router, work, is_async=False, name="sync")
    register(router, lambda event: None, is_async=True, name="async")

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [400, 503]
    with pytest.raises(SystemExit):
        post(PATH, PUSH)
    assert post(PATH, PUSH).status_code == 409
    end_leases(inbox)
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [200, 200]
    assert (rows(inbox), effects(inbox)) == ([("sync", "done", 3), ("async", "done", 1)], ["sync"])


@pytest.mark.parametrize("between", ["pooled", "forgetful"])
@on_postgresql
def test_e16_many_share_few_sessions(inbox: str, router: EventRouter, between: str, request: pytest.FixtureRequest) -> None:
    """Twenty threads post the same ten messages through two sessions: one run and one effect of each."""
    request.getfixturevalue(between)
    register(router, lambda event: take_effect(inbox, "h", event.reference), is_async=False)

    def post_all(thread: int) -> list[int]:
        return [post_wsgi(f"/events/k/{number}", push(number)).status_code for number in range(10)]

    statuses = Counter(status for each in together(20, post_all) for status in each)

    assert (statuses[201], statuses[200] + statuses[409]) == (10, 190)
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)] * 10, ["h"] * 10)


@on_postgresql
def test_e16_a_pool_is_asked_to_prepare_nothing(inbox: str, router: EventRouter, pooled: None) -> None:
    """A connection whose session is another process's than its own prepares no statements, which the next session would lack."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    with CaptureQueriesContext(connections[inbox]) as captured:
        assert [post_wsgi(PATH, push(number)).status_code for number in (1, 2, 3, 1)] == [201, 201, 201, 200]
    said = [query["sql"].split()[0] for query in captured.captured_queries]
    assert said.count("SELECT") == 2  # which session it is, and the event that is stored
    assert not {"PREPARE", "EXECUTE"} & {*said}
