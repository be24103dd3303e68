"""`manage.py events`: what it is told, what it says, and how it ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Retry, pulling
from gcp_event_router.conf import RouterSettings
from gcp_event_router.signals import event_received

from ..support.pubsub_server import NAME, PubSubServer, received

STARTED = f"Pulling events of kind 'k' from {NAME}; Ctrl-C stops.\n"


def run(*arguments: str) -> str:
    """What `events pull` prints."""
    out = io.StringIO()
    call_command("events", "pull", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def handled(router: EventRouter) -> list[str]:
    """The references of what is handled; the one that is called `later` is not."""
    seen: list[str] = []

    @router.on("k")
    def work(event: Event[object]) -> None:
        if event.payload == "later":
            raise Retry
        seen.append(event.reference)

    return seen


def test_pull(handled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it begins, and in the end how many messages it acknowledged and gave back."""
    with PubSubServer(received(1), received(2, b'"later"')) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        said = run(NAME, "--kind", "k", "--limit", "2")
        told = server.told(2)

    assert said == f"{STARTED}Stopped pulling from {NAME}: 1 acknowledged, 1 given back.\n"
    assert (sorted(told), handled) == (["ack 1", "nack 2"], ["1"])


def test_each_message_is_told(handled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--verbose`, each message has its line; they have the reference that is given."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop-project")
    with PubSubServer(received(1), received(2, b'"later"')) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        lines = run("orders", "--kind", "k", "--reference", "r", "--limit", "2", "--workers", "1", "--verbose").splitlines()

    assert (lines[1:-1], handled) == (["1: handled; acknowledged", "2: retry; given back"], ["r"])


def test_log(handled: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where the log takes INFO, it is told there and not printed, with fields to search for."""
    caplog.set_level("INFO", "gcp_event_router")
    with PubSubServer(received(1)) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        assert run("orders", "--project", "shop-project", "--kind", "k", "--limit", "1") == ""

    first, event, last = (record.__dict__ for record in caplog.records)
    assert (first["subscription"], first["event_kind"], event["event_outcome"], event["event_message_id"]) == (
        NAME,
        "k",
        "handled",
        "1",
    )
    assert (last["subscription"], last["acknowledged"], last["given_back"]) == (NAME, 1, 0)


def refusal(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    return raised.value.returncode, str(raised.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "orders",
            "'orders' has no project. Give --project, set GOOGLE_CLOUD_PROJECT, or write projects/P/subscriptions/S.",
        ),
        (
            "projects/p/topics/t",
            "'projects/p/topics/t' is not the name of a subscription. Write projects/P/subscriptions/S, or S.",
        ),
        ("a b", "'a b' is not the name of a subscription. Write projects/P/subscriptions/S, or S."),
    ],
)
def test_names(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription that cannot be named is an error of who typed it."""
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)

    assert refusal(name, "--kind", "k") == (2, said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: --kind"),
        (["--kind", "a/b"], "argument --kind: 'a/b' cannot be part of an event's URL."),
        (["--kind", "k", "--reference", ""], "argument --reference: '' cannot be part of an event's URL."),
        (
            ["--kind", "k", "--workers", "0"],
            "argument --workers: '0' is not a positive whole number of at most 12 digits. Write 1 or more.",
        ),
        (
            ["--kind", "k", "--max-messages", "x"],
            "argument --max-messages: 'x' is not a positive whole number of at most 12 digits. Write 1 or more.",
        ),
        (
            ["--kind", "k", "--max-bytes", "9" * 20],
            f"argument --max-bytes: '{'9' * 20}' is not a positive whole number of at most 12 digits. Write 1 or more.",
        ),
        (["--kind", "k", "--timeout", "5"], "argument --timeout: '5' is not an age."),
    ],
)
def test_wrong_arguments(arguments: list[str], said: str) -> None:
    """A wrong argument is said with what could be written instead."""
    advice = {
        "--kind": " Write 1 to 255 printable characters without a slash.",
        "--timeout": " Write a number and a unit, such as 90s, 15m, 2h, 7d or 2w; at most 36500d.",
    }
    advice["--reference"] = advice["--kind"]
    option = said.removeprefix("argument ").partition(":")[0]

    assert refusal(NAME, *arguments)[1] == f"Error: {said}{advice.get(option, '')}"


def test_stream_that_is_refused(handled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Why a subscription cannot be pulled from is the command's error."""
    with PubSubServer() as server:
        server.refused = {"GetSubscription": "NOT_FOUND"}
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        assert refusal(NAME, "--kind", "k") == (
            1,
            f"Cannot pull from {NAME}. It does not exist. "
            "Create it: gcloud pubsub subscriptions create orders --project=shop-project --topic=TOPIC",
        )


def test_url_that_is_refused() -> None:
    """A wrong URL is said before anything is pulled."""
    assert refusal(NAME, "--kind", "k", "--forward", "localhost") == (
        1,
        "The URL cannot be posted to. Write http:// or https://, a host without a name or a password, "
        "and a port if it has one: http://localhost:8000",
    )


def test_without_googles_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where google-cloud-pubsub is missing, the command says what to install."""
    monkeypatch.setitem(sys.modules, "google.cloud.pubsub_v1", None)
    monkeypatch.delitem(sys.modules, "gcp_event_router.pulling.stream", raising=False)
    monkeypatch.delattr(pulling, "stream", raising=False)

    assert refusal(NAME, "--kind", "k") == (
        1,
        "events pull needs google-cloud-pubsub, which is not installed. pip install 'gcp-event-router[pubsub]'.",
    )


@pytest.mark.proof
def test_help_does_not_need_googles_client() -> None:
    """Nothing but a pull imports what the extra installs."""
    script = (
        "import sys; sys.modules['google'] = None; import django; django.setup(); import gcp_event_router.pulling; "
        "from django.core.management import execute_from_command_line as run; run(['manage.py', 'events', 'pull', '--help'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=_environment(), timeout=120
    )

    assert (done.returncode, done.stderr, done.stdout.split()[:3]) == (0, "", ["usage:", "manage.py", "events"])


def _environment() -> dict[str, str]:
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


NOBODY = "so each message would be acknowledged and lost. "
LIST = "See manage.py events list, or give --allow-unhandled."


@pytest.mark.parametrize(("kind", "advice"), [("order-placd", "Did you mean 'order-placed'? "), ("weather", "")])
def test_unhandled_kind(router: EventRouter, kind: str, advice: str) -> None:
    """A kind that nothing takes is refused before a message is pulled, with the kind that may be meant."""
    router.on("order-placed", "stock-*")(handle)

    code, said = refusal(NAME, "--kind", kind)

    assert code == 2
    assert said == f"No handler, fallback or receiver takes events of kind {kind!r}, {NOBODY}{advice}{LIST}"


def handle(event: Event[object]) -> None: ...


@pytest.mark.parametrize("taker", ["glob", "fallback", "type", "receiver", "other router", "--allow-unhandled", "keep"])
def test_handled_kind(router: EventRouter, monkeypatch: pytest.MonkeyPatch, taker: str) -> None:
    """Whatever takes a kind lets it pass: also a type of CloudEvents, and another router. So do the option and `"keep"`."""
    options = ["--allow-unhandled"] if taker == "--allow-unhandled" else []
    other = EventRouter()

    def receiver(sender: object, **_: object) -> None: ...

    if taker == "glob":
        router.on("k*")(handle)
    elif taker == "fallback":
        router.fallback(handle)
    elif taker == "type":
        router.on(ce_type="com.example.*")(handle)
    elif taker == "receiver":
        event_received.connect(receiver)
    elif taker == "other router":
        other.on("k")(handle)
        other.listen(event_received)

    setting: RouterSettings = {"AUTHENTICATION": [], "UNHANDLED": "keep" if taker == "keep" else "accept"}
    with PubSubServer(received(1)) as server, override_settings(GCP_EVENT_ROUTER=setting):
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        assert "1 acknowledged" in run(NAME, "--kind", "k", "--limit", "1", *options)
