"""Writes docs/explanation/benchmarks.md and its plot from a file of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .figures import Run, by, cpu_per_request, figure, ratio, work_per_cpu
from .plot import bars

INBOX = "inbox process, 1 worker"
OURS = ("inbox process", "this package")

INTRODUCTION = """\
# Benchmarks

`make benchmarks` compares this package with others that do the same work, in one run, on one machine and one PostgreSQL, and
writes this page. Where this package loses, the page says so.

Other processes shared this machine, and changed some figures by more than contestants differ. Compare rows of one table, not
tables of two pages, and prefer CPU time to rates, since other processes change it less. All figures are medians of {rounds}
rounds, with the lowest and the highest in parentheses. In each round, every contestant runs once.

| | |
|---|---|
{facts}

The load average before each measurement was between {least_load:.1f} and {most_load:.1f}. [All figures of all
rounds](../../benchmarks/results/{name}.json) are in the repository.
"""

WORK = """
## Durable work

{jobs} jobs are stored, one after the other. Then workers run them; each job writes the same row, with Django's ORM. A lock
keeps all workers from their first row until the last of them has started, so their start is not measured. "CPU" is that of the
workers, of PostgreSQL and of Redis together.

![Jobs for each CPU second](../images/benchmarks.svg)

| contestant | jobs per CPU second | times `{first}` | ms of CPU per job: worker + servers | jobs per second |
|---|---|---|---|---|
{work}

{lost_work}

Storing a job costs:

| what stores it | ms of CPU: process + servers | ms until it is stored |
|---|---|---|
{storing}

For the inbox, "storing" begins with the bytes of a Pub/Sub push: it includes parsing, the choice of handlers, and the event's
whole body and headers. The others store a function's name and two short arguments.

What each promises about a job whose worker is killed:

| contestant | promise |
|---|---|
{promises}
"""

INGESTION = """
## Ingestion

A Pub/Sub push of {body}, with an order of five lines, is sent over loopback to a server with two worker processes, over
{connections} connections. "CPU" is that of the server's processes and of PostgreSQL together. It does not include the load
generator, which runs on the same machine and used {client:.0%} of the CPU time; requests per second depend on it, too.

No contestant checks tokens: django-gcp's endpoint and the handwritten view never do, and ours is set not to. A deferred event is
only stored, and `inbox process` does its work later.
"""

REPEATING = """
## Settings

- Every contestant has `CONN_MAX_AGE = None`, and logs warnings only. PostgreSQL is that of a wheel, with its defaults.
- `inbox process --loop` has its defaults.
- django-tasks-db: `db_worker --no-startup-delay`. It waits for its interval only if it finds no job, so that is not measured.
- procrastinate: `manage.py procrastinate worker --concurrency N`, with its defaults, so a sync task runs in a thread.
- Celery: `celery worker --concurrency N`, with prefork and no results. "Acks early" is the default; "acks late" adds
  `acks_late` and `reject_on_worker_lost`. `CELERY_DB_REUSE_MAX` is set, as Celery would otherwise connect to PostgreSQL again
  for each task. Redis has the defaults of `redis-server`: it writes to disk after 1 to 60 minutes, so it loses newer jobs if
  it is killed, while PostgreSQL waits for the disk.
- gunicorn: `--workers 2`, and `--threads 4` for gthread. Its sync workers close the connection after each answer; its
  documentation wants a proxy in front of them. granian: `--interface wsgi --workers 2`.
- Middleware: `SecurityMiddleware` and `CommonMiddleware`.
- django-gcp is release 0.26.4, the newest whose wheel can be imported. Its receiver decodes the message with django-gcp's own
  function and validates the payload with pydantic. Its receivers and the handwritten view without a table handle a message twice
  if it comes twice.

## Repeat it

```console
$ make benchmarks PYTHON=python3.13
```

django-gcp needs Python 3.12; Celery needs Debian's `redis-server`. Without them, those contestants are left out. To compare
with an earlier commit, give the script a checkout of it:

```console
$ git worktree add ../before 1a86ad46
$ .venvs/benchmarks/bin/python benchmarks/side_by_side.py --before ../before
```

`--rounds`, `--jobs` and `--seconds` make it shorter or longer.
"""


def write(results: Mapping[str, Any], name: str) -> tuple[str, str]:
    """The page and the plot of a file of results."""
    runs = [*results["work"], *results["requests"]]
    loads = figure(run["load"] for run in runs)
    facts = {**results["machine"], **{key: value for key, value in results["postgresql"].items() if key != "server_version"}}
    facts["versions"] = ", ".join(f"{package} {number}" for package, number in results["versions"].items())
    facts["versions"] += f", PostgreSQL {results['postgresql']['server_version']}"
    facts["date, commit"] = f"{results['date']}, {results['commit']}"
    if results["before"]:
        facts['"before"'] = f"commit {results['before']}"
    page = INTRODUCTION.format(
        rounds=results["options"]["rounds"],
        facts=_table([[key, value] for key, value in facts.items()]),
        least_load=loads.least,
        most_load=loads.most,
        name=name,
    )
    page += _work(results) + _ingestion(results["requests"], results["options"]) + REPEATING
    grouped = by(results["work"], "engine")
    rows = [(engine, figure(map(work_per_cpu, found)), engine.startswith(OURS)) for (engine,), found in grouped.items()]
    return page, bars("Jobs for each CPU second: more is better", rows)


def _work(results: Mapping[str, Any]) -> str:
    grouped = {engine: found for (engine,), found in by(results["work"], "engine").items()}
    first = grouped[INBOX]
    rows: list[list[str]] = []
    lost: list[str] = []
    for engine, found in grouped.items():
        times = ratio(found, first, work_per_cpu)
        worker = figure(run["worker_cpu"] / run["jobs"] * 1e3 for run in found).median
        servers = figure(run["server_cpu"] / run["jobs"] * 1e3 for run in found).median
        rate = figure(run["jobs"] / run["seconds"] for run in found)
        rows.append(
            [engine, figure(map(work_per_cpu, found)).text(), times.text(2), f"{worker:.2f} + {servers:.2f}", rate.text()]
        )
        if times.median > 1 and not engine.startswith(OURS):
            lost.append(f"- {engine}: {times.text(2)} times. It promises {results['promises'][engine].partition(':')[0]}.")
    if lost:
        text = f"These do more work for a CPU second than `{INBOX}`:\n\n" + "\n".join(lost)
    else:
        text = f"No other contestant does more work for a CPU second than `{INBOX}`."
    stored: dict[str, list[Run]] = {}
    for engine, found in grouped.items():
        stored.setdefault(_system(engine), []).extend(found)
    storing = [
        [
            name,
            f"{figure(run['store_cpu'] / run['jobs'] * 1e3 for run in found).median:.2f} + "
            f"{figure(run['store_server_cpu'] / run['jobs'] * 1e3 for run in found).median:.2f}",
            figure(run["store_seconds"] / run["jobs"] * 1e3 for run in found).text(2),
        ]
        for name, found in stored.items()
    ]
    promises = {_system(engine): promise for engine, promise in results["promises"].items()}
    return WORK.format(
        jobs=f"{results['options']['jobs']:,}",
        first=INBOX,
        work=_table(rows),
        lost_work=text,
        storing=_table(storing),
        promises=_table([[name, promise] for name, promise in promises.items() if "before" not in name]),
    )


def _system(engine: str) -> str:
    """The name of a contestant without its number of workers."""
    return ", ".join(part for part in engine.split(", ") if "worker" not in part and "concurrency" not in part)


def _ingestion(runs: Sequence[Run], options: Mapping[str, Any]) -> str:
    used = sum(run["client_cpu"] for run in runs)
    client = used / (used + sum(run["server_cpu"] + run["database_cpu"] for run in runs))
    text = INGESTION.format(body=f"{options['body']:,} bytes", connections=options["connections"], client=client)
    lost: list[str] = []
    for (group,), of_group in by(runs, "group").items():
        rows: list[list[str]] = []
        for (server,), of_server in by(of_group, "server").items():
            grouped = {endpoint: found for (endpoint,), found in by(of_server, "endpoint").items()}
            first = next(iter(grouped))
            for endpoint, found in grouped.items():
                times = ratio(found, grouped[first], cpu_per_request)
                spent = figure(map(cpu_per_request, found))
                rate = figure(run["requests"] / run["seconds"] for run in found)
                rows.append([server, endpoint, spent.text(), times.text(2), rate.text()])
                if endpoint.startswith(OURS):
                    rest = [name for name in grouped if not name.startswith(OURS)]
                    lost += [
                        f"| {group} | {server} | {endpoint} | {name} | {times.text(2)} |"
                        for name in rest
                        if (times := ratio(found, grouped[name], cpu_per_request)).median > 1
                    ]
        head = "\n| server | contestant | CPU µs per request | times the first | requests per second |\n|---|---|---|---|---|\n"
        text += f"\n### {group}\n{head}{_table(rows)}\n"
    if lost:
        head = "| table | server | loses | to | CPU per request, times theirs |\n|---|---|---|---|---|\n"
        text += "\n### Where this package loses\n\nBy the median of the rounds:\n\n" + head + "\n".join(lost) + "\n"
    return text


def _table(rows: Sequence[Sequence[object]]) -> str:
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)
