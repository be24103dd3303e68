"""Measures a start in new processes: CPU time and memory up to `django.setup()`, and up to the first push; run by `make bench`.

Each round starts one process of each kind, so that noise hits all of them alike. The first row is what a project has
anyway, Django and pydantic; the others show what they add to it.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from subprocess import PIPE, Popen

from measure import ROUNDS, header

#: A project with the apps that its arguments name. With "push", it also handles a push, as the first request of a container.
PROJECT = """
import json, sys
from io import BytesIO
from time import process_time

from pydantic import BaseModel, TypeAdapter
import django
from django.conf import settings

apps = [name for name in sys.argv[1:] if name != "push"]
settings.configure(
    SECRET_KEY="not secret",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=apps,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    ROOT_URLCONF="gcp_event_router.urls",
    GCP_EVENT_ROUTER={"AUTHENTICATION": []},
    LOGGING_CONFIG=None,
)
django.setup()
if "push" in sys.argv:
    from django.core.handlers.wsgi import WSGIHandler
    from gcp_event_router import Event, events

    class Order(BaseModel):
        order_id: int

    @events.on("order-placed")
    def handle(event: Event[Order]) -> None: ...

    application = WSGIHandler()
    body = b'{"message": {"data": "eyJvcmRlcl9pZCI6IDF9", "messageId": "1"}, "subscription": "projects/p/subscriptions/s"}'

    def request():
        start = process_time()
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/events/order-placed/1", "SERVER_NAME": "host", "SERVER_PORT": "80",
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http", "wsgi.input": BytesIO(body),
        }
        statuses = []
        response = application(environ, lambda status, headers, exc_info=None: statuses.append(status))
        b"".join(response)
        response.close()
        assert statuses[0].startswith("201"), statuses
        return process_time() - start

    print(json.dumps([request() for _ in range(20)]))
"""

OURS = "gcp_event_router"
PROJECTS = {
    "Django and pydantic alone": [],
    "with gcp_event_router": [OURS],
    "with its inbox": [OURS, f"{OURS}.inbox"],
    "with its outbox": [OURS, f"{OURS}.outbox"],
    "with both": [OURS, f"{OURS}.inbox", f"{OURS}.outbox"],
}


def start(arguments: list[str]) -> tuple[float, float, bytes]:
    """Run a project; return its CPU time in milliseconds, its peak memory in MiB and its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = Popen([sys.executable, "-c", PROJECT, *arguments], stdout=PIPE, env=environment)
    assert process.stdout is not None
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(status)
    return (usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_maxrss / 1024, output


def spread(values: list[float]) -> str:
    """Return the median and the quartiles."""
    low, median, high = statistics.quantiles(values, n=4)
    return f"{median:7.1f} ({low:.1f} to {high:.1f})"


def rounds() -> dict[str, list[tuple[float, float, bytes]]]:
    """Start each project once in each round."""
    for apps in PROJECTS.values():
        start(apps)  # compiles the modules
    results: dict[str, list[tuple[float, float, bytes]]] = {name: [] for name in PROJECTS}
    for _ in range(max(ROUNDS, 3)):
        for name, apps in PROJECTS.items():
            results[name].append(start(apps))
    return results


def setup() -> None:
    """Print what each app adds to the start."""
    results = rounds()
    alone = results[next(iter(PROJECTS))]
    print(f"{'A start, up to django.setup()':<30} {'CPU ms':>24} {'more ms':>24} {'ratio':>6} {'more MiB':>9}\n{'-' * 97}")
    for name, runs in results.items():
        cpu = [run[0] for run in runs]
        pairs = list(zip(runs, alone, strict=True))
        more = [run[0] - base[0] for run, base in pairs]
        ratio = statistics.median(run[0] / base[0] for run, base in pairs)
        memory = statistics.median(run[1] - base[1] for run, base in pairs)
        print(f"{name:<30} {spread(cpu):>24} {spread(more):>24} {ratio:>6.2f} {memory:>9.1f}")


def first_push() -> None:
    """Print the CPU time of a container's first push, and that of the whole process until then."""
    pushes: list[list[float]] = []
    whole: list[float] = []
    for _ in range(max(ROUNDS, 3)):
        cpu, _, output = start([OURS, "push"])
        pushes.append([seconds * 1e3 for seconds in json.loads(output)])
        whole.append(cpu - sum(pushes[-1][1:]))
    print("\nCPU ms, median and quartiles:")
    print(f"{'the first push, with the imports of URLs and views':<60} {spread([push[0] for push in pushes]):>24}")
    print(f"{'the twentieth push':<60} {spread([push[-1] for push in pushes]):>24}")
    print(f"{'a new process, up to the answer to its first push':<60} {spread(whole):>24}")


def main() -> None:
    """Print both."""
    header()
    print(f"load: {' '.join(f'{load:.1f}' for load in os.getloadavg())}\n")
    setup()
    first_push()


if __name__ == "__main__":
    main()
