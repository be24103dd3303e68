"""`manage.py events schema`: documents, and whether a change breaks senders."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pydantic import BaseModel, ConfigDict, Field, create_model, field_serializer

from gcp_event_router import Event, EventRouter
from gcp_event_router._contract import channels
from gcp_event_router._globs.glob import Glob
from gcp_event_router._globs.overlaps import covers

ANEW = "may break senders. To accept them: manage.py events schema --output"
NONE = "It is not an AsyncAPI document that `events schema` wrote. Write it again: manage.py events schema --output FILE."


class Order(BaseModel):
    order_id: int = Field(alias="orderId")
    note: str = ""


class Stamped(BaseModel):
    at: int

    @field_serializer("at")
    def text(self, value: int) -> str:
        return str(value)


class Larger(Order):
    total: float


def store(event: Event[Order]) -> None: ...


def larger(event: Event[Larger]) -> None: ...


def stamp(event: Event[Stamped]) -> None: ...


def run(*arguments: str) -> tuple[int, str]:
    out, code = io.StringIO(), 0
    try:
        call_command("events", "schema", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        out.write(f"CommandError: {error}\n")
        code = error.returncode
    return code, out.getvalue()


@pytest.fixture
def shop(router: EventRouter) -> EventRouter:
    router.on("order-*")(store)
    router.on("stamped")(stamp)
    return router


def test_of_attributes(router: EventRouter) -> None:
    """The schema of a kind is that of the handlers for its attributes."""
    router.on("order", attributes={"tier": "gold"})(store)

    assert run("order") == (
        1,
        "CommandError: No handler takes 'order', so it has no schema. Its handlers want attributes, such as tier=gold: "
        "give --attribute NAME=VALUE. See manage.py events list.\n",
    )
    code, text = run("order", "--attribute", "tier=gold")
    assert (code, json.loads(text)["$ref"]) == (0, "#/$defs/Order")


@pytest.fixture
def file(shop: EventRouter, tmp_path: Path) -> str:
    """A document that was written before."""
    written = str(tmp_path / "asyncapi.json")
    assert run("--output", written) == (0, f"Written: {written}, 2 channels.\n")
    return written


def test_of_kinds(shop: EventRouter) -> None:
    """The schema of a kind is that of its glob's handler; several kinds are named; what is written differs from what is read."""
    code, text = run("order-placed")
    assert (code, json.loads(text)["$ref"], list(json.loads(text)["$defs"])) == (0, "#/$defs/Order", ["Order"])

    read, written = json.loads(run("stamped")[1]), json.loads(run("stamped", "--mode", "serialization")[1])
    types = [each["$defs"]["Stamped"]["properties"]["at"]["type"] for each in (read, written)]
    assert types == ["integer", "string"]
    assert list(json.loads(run("order-placed", "stamped")[1])) == ["order-placed", "stamped"]
    assert run("weather") == (
        1,
        "CommandError: No handler takes 'weather', so it has no schema. See manage.py events list.\n",
    )


def test_what_json_does_not_have(router: EventRouter) -> None:
    """Defaults that are no number, examples of any sort and halves of letters are written as JSON has them, or left out."""
    more: Any = {"examples": [{"at": datetime(2026, 1, 31, tzinfo=UTC)}]}

    class Odd(BaseModel):
        model_config = ConfigDict(json_schema_extra=more)
        share: float = float("nan")
        most: float = float("inf")
        text: str = Field("", pattern="^[^\ud800-\udfff]*$")

    router.on("odd", payload=Odd)(lambda event: None)

    code, text = run("odd")
    found = json.loads(text, parse_constant=pytest.fail)["$defs"]["Odd"]
    assert (code, found["examples"]) == (0, [{"at": "2026-01-31T00:00:00Z"}])
    assert [each["default"] for each in found["properties"].values()] == [None, None, ""]
    text.encode()


def test_document(shop: EventRouter) -> None:
    """Without kinds it is a document of all, with the title and version that are asked for."""
    made = json.loads(run()[1])
    assert (made["asyncapi"], made["info"]["title"], list(made["channels"])) == ("3.0.0", "tests", ["order-any", "stamped"])

    named = json.loads(run("--title", "The shop", "--doc-version", "2")[1])
    assert (named["info"]["title"], named["info"]["version"]) == ("The shop", "2")


def test_check(shop: EventRouter, file: str) -> None:
    """What differs is listed, what breaks senders first, which fails; what does not, does not."""
    assert run("--check", file) == (0, f"No change since {file} that senders would notice.\n")

    shop.on("weather")(stamp)
    assert run("--check", file) == (0, "ok     weather: is handled, too\n")

    shop.on("order-placed")(larger)
    assert run("--check", file) == (
        1,
        "BREAKS order-placed, total: a required field is new\n"
        "ok     weather: is handled, too\n"
        f"CommandError: 1 of these {ANEW} {file}\n",
    )
    code, text = run("--check", file, "--format", "json")
    assert (code, json.loads(text.partition("\nCommandError")[0])[0]) == (
        1,
        {"place": "order-placed, total", "what": "a required field is new", "breaking": True},
    )


def test_check_what_is_gone(router: EventRouter, shop: EventRouter, file: str) -> None:
    """A kind that nothing handles any more breaks its senders; one that a wider glob still covers is compared with that."""
    with router.isolated(empty=True):
        router.on("*")(store)
        assert run("--check", file)[1].splitlines() == [
            "BREAKS stamped, orderId: a required field is new",
            "ok     *: is handled, too",
            "ok     stamped, at: the field is no longer read",
            "ok     stamped, note: an optional field is new",
            f"CommandError: 1 of these {ANEW} {file}",
        ]
    with router.isolated(empty=True):
        router.on("order-*")(store)
        assert run("--check", file)[1].splitlines()[0] == "BREAKS stamped: nothing handles it now"


def test_check_a_declared_kind(router: EventRouter, tmp_path: Path) -> None:
    """A kind that is declared, and that nothing handles any more, breaks its senders; one that nothing handled does not."""
    file = str(tmp_path / "asyncapi.json")
    placed = router.kind("order-placed", Order)
    router.kind("only-sent", Order)
    with router.isolated():
        placed.on(store)
        run("--output", file)

    assert run("--check", file)[1].splitlines()[0] == "BREAKS order-placed: nothing handles it now"
    with router.isolated(empty=True):
        router.on("order-placed")(store)
        assert run("--check", file) == (0, f"No change since {file} that senders would notice.\n")
    run("--output", file)
    with router.isolated():
        placed.on(store)
        assert run("--check", file) == (0, "ok     order-placed: is handled, too\n")


def test_check_several_globs(router: EventRouter, tmp_path: Path) -> None:
    """What several globs together take may break, as each is looked at alone; what two globs have in common has to fit both."""
    file = str(tmp_path / "asyncapi.json")
    with router.isolated():
        router.on("order-[ab]*")(store)
        run("--output", file)
    with router.isolated():
        router.on("order-a*", "order-b*")(store)
        assert run("--check", file)[1].splitlines() == [
            "BREAKS order-[ab]*: it may break: no single channel accepts all of it now, and order-a* accepts a part",
            f"CommandError: 1 of these {ANEW} {file}",
        ]
    with router.isolated():
        router.on("order-[ab]*")(store)
        router.on("*-late")(larger)
        assert run("--check", file)[1].splitlines() == [
            "BREAKS order-[ab]* and *-late, total: a required field is new",
            "ok     *-late: is handled, too",
            f"CommandError: 1 of these {ANEW} {file}",
        ]


def test_check_a_type_and_a_kind(router: EventRouter, tmp_path: Path) -> None:
    """A handler of a type also gets the events whose kind is that type, so its payload has to fit those of the kind's handler."""
    file = str(tmp_path / "asyncapi.json")
    router.on("com.example.order")(store)
    run("--output", file)

    router.on(ce_type="com.example.*")(larger)

    assert run("--check", file)[1].splitlines() == [
        "BREAKS com.example.order and com.example.*, total: a required field is new",
        "ok     com.example.*: is handled, too",
        f"CommandError: 1 of these {ANEW} {file}",
    ]


def test_check_a_fallback(router: EventRouter, shop: EventRouter, file: str) -> None:
    """A new fallback for what handlers take never runs there, and breaks nobody."""
    inner = EventRouter()
    inner.fallback(larger)
    router.include(inner, prefix="order-")

    assert run("--check", file) == (0, f"No change since {file} that senders would notice.\n")


@pytest.mark.proof
def test_check_many_kinds(router: EventRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind is compared with those that may take its events, however many others there are."""
    file, asked = str(tmp_path / "asyncapi.json"), 0

    def counted(wider: Glob, narrower: Glob, *more: Any) -> bool | None:
        nonlocal asked
        asked += 1
        return covers(wider, narrower, *more)

    for number in range(200):
        router.on(f"kind-{number}", f"glob-{number}-*")(store)
    run("--output", file)
    monkeypatch.setattr(channels, "covers", counted)

    assert run("--check", file) == (0, f"No change since {file} that senders would notice.\n")
    assert asked < 2000


def test_no_name_of_a_file(shop: EventRouter) -> None:
    """`--check ""`, as of a variable that is not set, compares nothing, and does not succeed."""
    assert run("--check", "")[0] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory. To write it: manage.py events schema --output FILE."),
        (b"{", "is not JSON. To replace it: manage.py events schema --output FILE."),
        (b"[" * 100_000, "is not JSON. To replace it: manage.py events schema --output FILE."),
        (b"[]", f"cannot be compared. {NONE}"),
        (
            b'{"channels": {"a": {}}}',
            f"cannot be compared. {NONE}",
        ),
        (
            b'{"channels": {}}',
            f"cannot be compared. {NONE}",
        ),
    ],
)
def test_wrong_files(shop: EventRouter, tmp_path: Path, content: bytes | None, message: str) -> None:
    """A file that is no document is refused with 2, and what to do."""
    file = tmp_path / "asyncapi.json"
    if content is not None:
        file.write_bytes(content)

    code, text = run("--check", str(file))

    assert (code, text.replace(f"--output {file}", "--output FILE")) == (
        2,
        f"CommandError: The file {str(file)!r} {message}\n",
    )


@pytest.mark.parametrize(
    "payload", [5, True, [1], {"type": 5}, {"anyOf": 1}, {"anyOf": [True]}, {"type": "object", "properties": {"at": None}}]
)
def test_wrong_schemas(shop: EventRouter, file: str, payload: object) -> None:
    """A document in which a payload is no JSON Schema is refused, too."""
    document = json.loads(Path(file).read_text())
    document["components"]["messages"]["stamped"]["payload"] = payload
    Path(file).write_text(json.dumps(document))

    assert run("--check", file) == (2, f"CommandError: The file {file!r} cannot be compared. {NONE}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--check", "f"], "--check compares the document of all kinds. Omit the kinds."),
        (["a", "--check", ""], "--check compares the document of all kinds. Omit the kinds."),
        (["--output", ""], "The file '' cannot be written: Is a directory. Name another: --output."),
        (["--attribute", "a=b"], "--mode and --attribute are only for the JSON Schemas of kinds. Name the kinds."),
        (["--mode", "validation"], "--mode and --attribute are only for the JSON Schemas of kinds. Name the kinds."),
        (
            ["--output", "/nowhere/asyncapi.json"],
            "The file '/nowhere/asyncapi.json' cannot be written: No such file or directory. Name another: --output.",
        ),
    ],
)
def test_wrong_arguments(shop: EventRouter, arguments: list[str], message: str) -> None:
    """Arguments that mean nothing together are refused with 2."""
    assert run(*arguments) == (2, f"CommandError: {message}\n")


def test_what_cannot_be_resolved(router: EventRouter) -> None:
    """A handler whose annotation is of unknown names is named."""

    @router.on("a")
    def lost(event: Event[Unknown]) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] -- the point

    code, text = run()

    assert (code, "but the name 'Unknown' is not known in its module" in text) == (1, True)


def test_the_page(router: EventRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/reference/commands.md shows of a change that breaks senders is what is said."""
    monkeypatch.chdir(tmp_path)
    before = create_model("OrderPlaced", order_id=(int, ...), total=(Decimal, ...))
    after = create_model("OrderPlaced", order_id=(int, ...), total=(int, ...), currency=(str, ...))
    with router.isolated(empty=True):
        router.on("order-placed", payload=before)(lambda event: None)
        run("--output", "asyncapi.json")
    router.on("order-placed", payload=after)(lambda event: None)

    page = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text()

    assert f"```\n{run('--check', 'asyncapi.json')[1]}```" in page


class Refused(BaseModel):
    number: int = Field(examples=["x", 7])


def test_examples_that_are_refused(router: EventRouter, caplog: pytest.LogCaptureFixture) -> None:
    """An example that its own type refuses is not in the schema, and a warning names its field."""
    router.on("refused", payload=Refused)(lambda event: None)

    assert json.loads(run("refused")[1])["$defs"]["Refused"]["properties"]["number"]["examples"] == [7]
    assert caplog.messages == [
        "refused: An example that is declared for Refused.number is left out: its type refuses it (int_parsing)."
    ]
