"""Durable work: jobs are stored first, and then workers run them.

All workers start while a lock keeps them from writing their first row, so neither their start nor who started first is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

from .databases import Database, Server
from .processes import answers, cpu, free_port, python, started, wait_until

INBOX = ("gcp_event_router", "gcp_event_router.inbox")


@dataclass(frozen=True)
class Engine:
    """A contestant: how its jobs are stored, and what runs them."""

    name: str
    store: str
    command: Sequence[str]
    apps: Sequence[str]
    processes: int = 1
    concurrency: int = 1
    """How many jobs one process runs at a time."""
    promise: str = ""
    before: bool = False


@dataclass(frozen=True)
class Run:
    """What one contestant did in one round; CPU seconds of the workers, and of PostgreSQL and Redis."""

    engine: str
    round: int
    jobs: int
    load: float
    seconds: float
    worker_cpu: float
    server_cpu: float
    store_seconds: float
    store_cpu: float
    store_server_cpu: float


ONCE = "exactly once: the row commits together with the note that the job is done"
AT_MOST = "at most once: a job whose worker is killed stays as it is until you retry it, and its row may then be written twice"
ACKS_EARLY = "at most once: a job whose worker is killed is lost"
ACKS_LATE = "at least once: a job whose worker is killed runs again, and its row may be written twice"


def engines(*, before: bool) -> list[Engine]:
    """All contestants that can run here."""
    found = [
        Engine(
            f"inbox process, {_workers(number)}", "inbox", ["django", "inbox", "process", "--loop"], INBOX, number, promise=ONCE
        )
        for number in (1, 2, 4)
    ]
    if before:
        found += [replace(each, name=f"{each.name}, before", before=True) for each in found if each.processes == 1]
    found += [
        Engine(
            f"django-tasks-db, {_workers(number)}",
            "django_tasks",
            ["django", "db_worker", "--no-startup-delay", "--verbosity", "0"],
            ["django_tasks_db"],
            number,
            promise=AT_MOST,
        )
        for number in (1, 4)
    ]
    worker = ["django", "procrastinate", "--verbosity", "0", "worker", "--concurrency"]
    found += [
        Engine(
            f"procrastinate, {_workers(processes)}, concurrency {concurrency}",
            "procrastinate",
            [*worker, str(concurrency)],
            ["procrastinate.contrib.django"],
            processes,
            concurrency,
            AT_MOST,
        )
        for processes, concurrency in ((1, 1), (1, 4))
    ]
    if which("redis-server"):
        found += [
            Engine(
                f"Celery on Redis, acks {acks}, {_workers(number)}",
                acks,
                ["celery", "--app", "contestants.celery_jobs", "worker", "--loglevel", "WARNING", "--concurrency", str(number)],
                [],
                concurrency=number,
                promise=ACKS_LATE if acks == "late" else ACKS_EARLY,
            )
            for acks, number in (("early", 1), ("early", 4), ("late", 1))
        ]
    return found


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"


@contextmanager
def redis() -> Generator[tuple[str, int | None]]:
    """Run a Redis with its own defaults, if there is one; yields its URL, and its process id or None."""
    if not which("redis-server"):
        yield "", None
        return
    port = free_port()
    with (
        TemporaryDirectory() as folder,
        started(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder], os.environ) as process,
    ):
        wait_until(partial(answers, port))
        yield f"redis://127.0.0.1:{port}/0", process.pid


class Work:
    """All contestants, each with its database."""

    def __init__(self, server: Server, broker: str, redis_pid: int | None, before: Path | None) -> None:
        self._redis_pid = redis_pid
        self.engines = engines(before=before is not None)
        self._databases = [
            Database(server, f"work{number}", each.apps, broker, before if each.before else None)
            for number, each in enumerate(self.engines)
        ]
        for database in self._databases:
            database.create()

    def measure(self, number: int, jobs: int) -> Iterator[dict[str, Any]]:
        """Run each contestant once."""
        for engine, database in zip(self.engines, self._databases, strict=True):
            run = _run(engine, database, number, jobs, self._redis_pid)
            per = run.jobs / (run.worker_cpu + run.server_cpu)
            rates = f"{run.jobs / run.seconds:>7.0f}/s {per:>7.0f}/CPU s"
            print(f"{number} {run.load:>5.1f} {engine.name:<48} {rates}", flush=True)
            yield asdict(run)


def _run(engine: Engine, database: Database, number: int, jobs: int, redis_pid: int | None) -> Run:
    server = database.server
    with server.connect(database.name) as watch, server.connect(database.name) as gate:

        def servers() -> float:
            return server.cpu(watch, gate) + (cpu(redis_pid) if redis_pid else 0.0)

        load = os.getloadavg()[0]
        gate.execute("TRUNCATE contestants_row")
        spent = servers()
        storing = python("contestants.store", engine.store, str(number), str(jobs))
        stored = json.loads(subprocess.run(storing, env=database.environ, check=True, stdout=subprocess.PIPE).stdout)
        store_server_cpu = servers() - spent
        gate.execute("VACUUM (ANALYZE)")
        waiting = engine.processes * engine.concurrency
        with ExitStack() as stack:
            with gate.transaction():
                gate.execute("LOCK TABLE contestants_row IN EXCLUSIVE MODE")
                workers = [
                    stack.enter_context(started(python(*engine.command), database.environ)) for _ in range(engine.processes)
                ]
                wait_until(lambda: _number(watch, "SELECT count(*) FROM pg_locks WHERE NOT granted") >= waiting)
                spent, used = servers(), sum(cpu(worker.pid) for worker in workers)
                start = time.perf_counter()
            wait_until(lambda: _number(watch, "SELECT count(*) FROM contestants_row") >= jobs)
            seconds = time.perf_counter() - start
            spent, used = servers() - spent, sum(cpu(worker.pid) for worker in workers) - used
        different = _number(watch, "SELECT count(DISTINCT reference) FROM contestants_row")
        if different != jobs:
            msg = f"{engine.name}: {different} of {jobs} jobs took effect"
            raise RuntimeError(msg)
    return Run(engine.name, number, jobs, load, seconds, used, spent, stored["seconds"], stored["cpu"], store_server_cpu)


def _number(connection: Any, query: str) -> int:
    row: tuple[int] = connection.execute(query).fetchone()
    return row[0]
