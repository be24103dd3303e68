"""`make demo` and the shop's own tests, run as a user runs them."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import pydantic
import pytest
from tests.support.processes import limited

import demo
import incidents
import outgoing
from cases import CASES

pytestmark = pytest.mark.proof

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_demo_shows_every_event_as_expected() -> None:
    """`make demo` sends each event over real HTTP, prints a row for each, and succeeds."""
    run = python("demo.py")

    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line for line in run.stdout.splitlines() if line.startswith(("ok", "NO"))]
    titles = [row.split("  ")[1] for row in rows]
    assert titles[: len(CASES)] == [case.title for case in CASES]
    assert titles[len(CASES) :] == [
        "a worker is killed while it counts ten pieces",
        "the order is there now: replay its shipment",
        "an order is returned, twice",
        "the relay runs",
        "it was killed, and sends all again",
    ]
    assert run.stdout.splitlines()[-1] == "24 of 24 as expected"
    assert run.stderr == ""  # no line of a log between the tables


def test_demo_tells_what_is_not_as_expected() -> None:
    """A result that differs in any part is marked, and said in full below the table."""
    case = CASES[0]
    good = demo.Result(case, case.status, case.handlers, case.rows)
    bad = replace(good, status=500)

    text = demo.table([good, bad])

    assert [line[:2] for line in text.splitlines()] == ["  ", "ok", "NO", "a "]
    assert text.splitlines()[-1] == (
        "a wrapped Pub/Sub push: expected (201, 'record_order', ((1, 12.5),)), got (500, 'record_order', ((1, 12.5),))"
    )


def test_demo_fails_if_one_event_is_not_as_expected(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One wrong status is enough to fail, and is said beside the right one."""
    monkeypatch.setattr(demo, "CASES", (replace(CASES[0], status=204), CASES[2]))
    monkeypatch.setattr(incidents, "INCIDENTS", ())
    monkeypatch.setattr(outgoing, "STEPS", ())

    assert demo.demo() == 1

    assert capsys.readouterr().out.splitlines()[-3:] == [
        "a wrapped Pub/Sub push: expected (204, 'record_order', ((1, 12.5),)), got (201, 'record_order', ((1, 12.5),))",
        "",
        "1 of 2 as expected",
    ]


def test_demo_tells_an_event_that_nothing_logged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An event that never reaches the endpoint gets its row, too, and the demo fails."""
    monkeypatch.setattr(demo, "CASES", (replace(CASES[0], path="/elsewhere/one", rows=()),))
    monkeypatch.setattr(incidents, "INCIDENTS", ())
    monkeypatch.setattr(outgoing, "STEPS", ())

    assert demo.demo() == 1

    assert (
        "a wrapped Pub/Sub push: expected (201, 'record_order', ()), got (404, 'nothing in the log', ())"
        in capsys.readouterr().out.splitlines()
    )


def test_emulator_shows_what_became_of_every_message() -> None:
    """`make demo-emulator` prints a row for each message, even beside a proxy; without an emulator it says that it is skipped."""
    run = python("emulator.py", http_proxy="http://127.0.0.1:9", no_proxy="")

    assert run.returncode == 0, run.stdout + run.stderr
    if run.stdout.startswith("skipped: "):
        pytest.skip(run.stdout)
    assert [line[:2] for line in run.stdout.splitlines()[3:-2]] == ["ok"] * 7
    assert run.stdout.splitlines()[-1] == "7 of 7 as expected"


def test_emulator_is_skipped_where_there_is_none(tmp_path: Path) -> None:
    """Where the emulator cannot run, `make demo-emulator` says what is missing, and succeeds."""
    run = python("emulator.py", PATH=str(tmp_path), JAVA_HOME="")

    assert (run.returncode, run.stdout) == (0, "skipped: there is no java, which Google's Pub/Sub emulator needs\n")


@contextmanager
def serving(database: Path) -> Generator[tuple[subprocess.Popen[str], str]]:
    """`make serve` on a free port; yields the process and what it says at first."""
    command = [sys.executable, "demo.py", "--serve", "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=HERE,
        env={**ENVIRONMENT, "SHOP_DATABASE": str(database)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with limited(process):
        try:
            said = ""
            while "\n  -d " not in said:
                said += process.stdout.readline()
            yield process, said
        finally:
            process.terminate()
            process.wait(60)


def words_of(said: str) -> list[str]:
    """The words of the curl command that `make serve` prints."""
    return shlex.split(said[said.index("curl -i") :].replace("\\\n", ""))


def send(curl: list[str]) -> int:
    """Do what curl does with these words, on machines without it too, and return the status."""
    assert curl[:2] == ["curl", "-i"]
    url = urlsplit(curl[2])
    headers = dict(word.split(": ", 1) for option, word in zip(curl[3::2], curl[4::2], strict=True) if option == "-H")
    body = curl[curl.index("-d") + 1]
    with closing(HTTPConnection(url.netloc, timeout=60)) as connection:
        connection.request("POST", url.path, body, headers)
        return connection.getresponse().status


def test_serve_takes_the_curl_that_it_prints_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    """`make serve` prints a command that works, and Ctrl-C ends it without a traceback."""
    with serving(tmp_path / "db.sqlite3") as (process, said):
        assert process.stdout is not None
        status = send(words_of(said))
        os.killpg(process.pid, signal.SIGINT)  # a terminal tells the whole group
        rest = process.stdout.read()
        process.wait(60)

    assert status == 201
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == "The shop is closed."
    assert process.returncode == 0


def test_serve_says_what_there_is_and_who_may_see_it() -> None:
    """`make serve` names its pages, and the user who may see them."""
    site = "http://127.0.0.1:8000"

    assert demo.guide(site) == (
        f"The shop listens on {site}; Ctrl-C ends it.\n\n"
        f"  {site}/           says what there is\n"
        f"  {site}/catalogue/ shows the events that it takes, with commands that send them\n"
        f"  {site}/admin/     shows what became of them: the inbox and the outbox\n\n"
        "Log in as staff with the password local, which only this shop knows.\n\n"
        f"Send it an order:\n\n{demo.curl(site)}\n"
    )


def test_serve_shows_its_pages_to_the_user_whom_it_names(tmp_path: Path) -> None:
    """The first page leads to the others, and whoever logs in as printed sees them, also in a database of an earlier start."""
    for _ in range(2):
        with serving(tmp_path / "db.sqlite3") as (_, said):
            site = words_of(said)[2].partition("/events")[0]
            browser = build_opener(HTTPCookieProcessor(cookies := CookieJar()))
            links = re.findall('href="(.*?)"', browser.open(f"{site}/").read().decode())
            browser.open(f"{site}/admin/login/").read()
            token = next(str(cookie.value) for cookie in cookies if cookie.name == "csrftoken")
            form = {"username": "staff", "password": "local", "csrfmiddlewaretoken": token}
            browser.open(f"{site}/admin/login/?next=/", urlencode(form).encode()).read()
            seen = [browser.open(site + link) for link in links]

        assert links == ["/catalogue/", "/admin/gcp_event_inbox/storedevent/", "/admin/gcp_event_outbox/outgoingevent/"]
        assert [response.url.removeprefix(site) for response in seen] == links


def test_serve_takes_its_server_along_when_it_is_terminated(tmp_path: Path) -> None:
    """Whoever ends `make serve` by SIGTERM leaves no server behind."""
    with serving(tmp_path / "db.sqlite3") as (process, said):
        assert process.stdout is not None
        process.terminate()
        process.stdout.read()
        process.wait(60)
        url = urlsplit(words_of(said)[2])
        assert url.hostname is not None
        assert url.port is not None
        with socket.socket() as probe:
            refused = probe.connect_ex((url.hostname, url.port))

    assert refused != 0
    assert process.returncode == 128 + signal.SIGTERM


def test_serve_says_in_a_sentence_that_its_port_is_taken(tmp_path: Path) -> None:
    """A taken port is no traceback, but a sentence with what to type."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = python("demo.py", "--serve", "--port", port, SHOP_DATABASE=str(tmp_path / "db.sqlite3"))

    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1] == f"Port {port} is taken. Choose another: python example/demo.py --serve --port 8001"


def test_shop_passes_its_own_tests() -> None:
    """The shop's tests pass by Django's own runner, with warnings as errors."""
    run = python("-W", "error", "manage.py", "test", "shop")

    assert run.returncode == 0, run.stdout + run.stderr


def test_shop_has_all_its_migrations() -> None:
    """No change of the shop's models lacks a migration."""
    run = python("manage.py", "makemigrations", "--check", "--dry-run")

    assert run.returncode == 0, run.stdout + run.stderr


def test_shop_has_written_its_document(tmp_path: Path) -> None:
    """The committed AsyncAPI document is what `events schema` writes, and `--check` is content with it."""
    written = python("manage.py", "events", "schema")
    checked = python("manage.py", "events", "schema", "--check", "asyncapi.json")

    if tuple(map(int, pydantic.VERSION.split(".")[:2])) >= (2, 10):  # older ones write a constant in two ways at once
        assert written.stdout == (HERE / "asyncapi.json").read_text()
    assert (checked.returncode, checked.stderr) == (0, "")


PAGE = (HERE.parent / "docs" / "reference" / "commands.md").read_text()
BLOCKS = re.findall(r"^```console\n\$ (.*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("command", "shown"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_the_page_about_commands_shows_what_the_shop_prints(command: str, shown: str, tmp_path: Path) -> None:
    """Each command of the page prints in a terminal what the page shows below it, but for the times that it takes."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = ENVIRONMENT | {"PATH": path, "SHOP_DATABASE": str(tmp_path / "db.sqlite3")}
    python("manage.py", "migrate", "-v0", SHOP_DATABASE=str(tmp_path / "db.sqlite3"))
    command = command.replace("2> log", "2> /dev/null")

    printed = in_terminal(command, environment)

    assert re.sub(r"[0-9.]+ ms", "1.0 ms", printed) == re.sub(r"[0-9.]+ ms", "1.0 ms", shown)


def in_terminal(command: str, environment: dict[str, str]) -> str:
    """What a command prints in a terminal of 80 columns, without colours."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", 0) as reader:
        environment |= {"COLUMNS": "80", "DJANGO_COLORS": "nocolor"}
        process = subprocess.Popen(command, shell=True, cwd=HERE, env=environment, stdout=theirs, stderr=theirs)
        os.close(theirs)
        printed = b""
        with suppress(OSError):  # the end, as Linux reports it
            while part := reader.read(65536):
                printed += part
        process.wait(120)
    return printed.decode().replace("\r\n", "\n")
