"""Runs `chaos` and `fuzz` for long, and writes docs/explanation/reliability.md: `make reliability`.

The figures go to benchmarks/results, in a file named by the date, after each part: a run that was stopped goes on with the parts
that are not in the file of the same day.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

from comparison import machine

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results"
#: The script of each part, with what it is given for the page.
PARTS: Final = {
    "postgresql": ("chaos.py", "--only=postgresql", "--events=100000", "--copies=2", "--kills=1000"),
    "mariadb": ("chaos.py", "--only=mariadb", "--events=100000", "--copies=2", "--kills=1000"),
    "workers": ("chaos.py", "--only=workers", "--deferred=100000", "--kills=1000"),
    "relays": ("chaos.py", "--only=relays", "--published=10000", "--kills=400", "--restarts=10"),
    "fuzz": ("fuzz.py", "--inputs=1000000"),
}
PAGE: Final = """\
# Reliability

`make reliability` kills processes while they work, looks for bytes that break a promise, and writes this page. It takes about an
hour and a half.

| | |
|---|---|
{facts}

[All figures](../../benchmarks/results/{name}.json) are in the repository, with the seeds that decided what was killed when.

## Killed servers

A sender behaves as Pub/Sub does: it sends each event {copies} times, and again until it is acknowledged. Four processes of
gunicorn answer, with the [inbox](../guides/inbox.md); a tenth of the events has two handlers. Now and then, one of the processes
is killed with `SIGKILL`. Each handler writes a row when it begins and one when it ends.

| | {databases} |
|---|{lines}|
{servers}

"Lost" and "doubled" are events with fewer or more effects than one for each handler, and must be 0. "Runs lost" are runs that a
kill ended, some of them claimed and not yet begun; the inbox found them by their leases, and ran them again.

## Killed workers

Three workers of `inbox process` run {deliveries} deferred deliveries on PostgreSQL, in batches of fifty, while one after the
other is killed.

| | |
|---|---|
{workers}

## The whole way

Two processes publish in transactions, of which a tenth is rolled back; two [relays](../guides/outbox.md) send to Google's
emulator, which pushes to a server; two workers handle the events. Each of these processes is killed now and then, and PostgreSQL
is restarted {restarts} times, as after a crash.

| | |
|---|---|
{relays}

"Misplaced" are events that took effect after a later one with the same ordering key; "invented" ones were never committed.

## Hostile input

[Atheris](https://github.com/google/atheris) makes inputs that reach ever more branches of the package, and each must keep the
promises of its target:

- `endpoint`: a whole request gets one of the answers of the [contract](../reference/outcomes.md), never a 500, and neither the
  answer nor the log says what is in the payload;
- `stored`: an event that the inbox stores is read again as it was;
- `globs`: a pattern matches what Python's `fnmatch` matches, and overlaps between patterns are true;
- `tokens`, `signatures`, `urls`: only what was signed is accepted.

| target | inputs | branches reached | what became of them |
|---|---|---|---|
{fuzz}

{broken}
"""


def main() -> int:
    """Run what is missing, and write the page. Returns 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, metavar="FILE", help="run nothing, and write the page from this file")
    parser.add_argument("--only", choices=list(PARTS), action="append", help="run this part alone, again if need be")
    options = parser.parse_args()
    file: Path = options.page or RESULTS / f"reliability-{datetime.now(tz=UTC):%Y-%m-%d}.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"parts": {}}
    if options.page is None:
        facts = {"commit": machine.commit(ROOT), "versions": {name: version(name) for name in ("Django", "pydantic", "psycopg")}}
        results |= {"machine": machine.machine(), **facts}
        for part in options.only or [part for part in PARTS if part not in results["parts"]]:
            results["parts"][part] = {"date": f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC", **_run(part)}
            file.write_text(json.dumps(results, indent=1) + "\n")
    if missing := PARTS.keys() - results["parts"].keys():
        print(f"{file.name} lacks {', '.join(sorted(missing))}, so the page is not written.")
        return 1
    (ROOT / "docs" / "explanation" / "reliability.md").write_text(page(results, file.stem))
    return 0 if all(part["returned"] == 0 for part in results["parts"].values()) else 1


def _run(part: str) -> dict[str, Any]:
    """Run a part, whose script prints what it found."""
    script, *arguments = PARTS[part]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-u", f"benchmarks/{script}", *arguments, f"--json={file}"]
        returned = subprocess.run(command, cwd=ROOT, check=False).returncode
        figures: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return {"arguments": arguments, "returned": returned, "figures": figures if part == "fuzz" else figures.get(part, {})}


def page(results: Mapping[str, Any], name: str) -> str:
    """Write the page of a file of results."""
    parts: dict[str, dict[str, Any]] = results["parts"]
    facts = {
        **results["machine"],
        "versions": ", ".join(f"{package} {number}" for package, number in results["versions"].items()),
    }
    facts["commit"] = results["commit"]
    facts["begun"] = ", ".join(f"{part} {parts[part]['date']}" for part in PARTS)
    figures = {part: parts[part]["figures"] for part in PARTS}
    databases = [part for part in ("postgresql", "mariadb") if figures[part]]
    names = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}
    servers = [[label, *(_words(figures[part][key]) for part in databases)] for key, label in _SERVER_ROWS.items()]
    fuzz: list[dict[str, Any]] = figures["fuzz"]
    total = sum(each["inputs"] for each in fuzz)
    broken = [each["target"] for each in fuzz if each["broken"]]
    return PAGE.format(
        facts=_table([[key, str(value)] for key, value in facts.items()]),
        name=name,
        copies=figures[databases[0]]["copies"],
        databases=" | ".join(names[part] for part in databases),
        lines="|".join(["---"] * len(databases)),
        servers=_table(servers),
        deliveries=_words(figures["workers"]["deliveries"]),
        workers=_table([[label, _words(figures["workers"][key])] for key, label in _WORKER_ROWS.items()]),
        restarts=figures["relays"]["restarts"],
        relays=_table([[label, _words(figures["relays"][key])] for key, label in _RELAY_ROWS.items()]),
        fuzz=_table([[f"`{each['target']}`", _words(each["inputs"]), _words(each["branches"]), _counts(each)] for each in fuzz]),
        broken=f"Of {total:,} inputs, none broke a promise." if not broken else f"**Broken: {', '.join(broken)}.**",
    )


_SERVER_ROWS: Final = {
    "events": "events",
    "requests": "requests",
    "kills": "kills",
    "kills_in_handlers": "kills in the middle of a handler",
    "runs_lost": "runs lost",
    "effects": "events that took effect once",
    "lost": "lost",
    "doubled": "doubled",
    "unfinished": "deliveries that are not done",
    "answers": "answers",
    "seconds": "seconds",
}
_WORKER_ROWS: Final = {
    "deliveries": "deliveries",
    "kills": "kills",
    "kills_in_batches": "kills while deliveries of a batch had not begun",
    "runs_lost": "runs lost",
    "effects": "deliveries that took effect once",
    "lost": "lost",
    "doubled": "doubled",
    "unfinished": "deliveries that are not done",
    "seconds": "seconds",
}
_RELAY_ROWS: Final = {
    "committed": "events committed",
    "accounts": "ordering keys",
    "kills": "kills",
    "arrived": "events that took effect",
    "lost": "lost",
    "doubled": "doubled",
    "invented": "invented",
    "misplaced": "misplaced",
    "unfinished": "events or deliveries that are not done",
    "seconds": "seconds",
}


def _counts(figures: dict[str, Any]) -> str:
    verdicts: dict[str, int] = figures["verdicts"]
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(verdicts.items(), key=lambda pair: -pair[1]))


def _words(value: object) -> str:
    match value:
        case dict():
            counts = cast("dict[str, int]", value)
            return ", ".join(f"{'none' if key == '0' else key}: {count:,}" for key, count in counts.items())
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}"
        case _:
            return str(value)


def _table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
