"""Every database stores text unchanged, and compares it letter by letter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.core.checks import Error
from django.core.checks import Warning as Warn
from django.db import connections

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox import claims_mysql
from gcp_event_router.inbox.checks import check_tables
from gcp_event_router.inbox.claims_mysql import PART
from gcp_event_router.inbox.models import Delivery, StoredEvent
from gcp_event_router.inbox.selections import Selection

from ..checks.test_checks import told
from ..conftest import Post, post_wsgi
from ..support.deliveries import both_doors, on_mariadb, push, rows, settings_of, with_databases

pytestmark = with_databases
#: What some collation takes for the same as `case a`, or character set cannot keep.
ALIKE = [
    "case a",
    "CASE A",
    "c\u00e1se a",
    "case a ",
    "case \u212b",
    "case a\u0301",
    "case \U0001f600",
    "case \U0001f601",
]


@pytest.mark.parametrize("field", ["kind", "reference", "handler"])
def test_each_spelling_is_another(inbox: str, router: EventRouter, field: str) -> None:
    """A selection finds only the same text; the default collations of MySQL and MariaDB consider many texts equal."""
    for number, text in enumerate(ALIKE):
        named = {"kind": "k", "reference": "r", "handler": "h", field: text}
        event = StoredEvent.objects.using(inbox).create(
            key=UUID(int=number), kind=named["kind"], reference=named["reference"], body=b"", digest=b""
        )
        Delivery.objects.using(inbox).create(event=event, handler=named["handler"])
    place = f"event__{field}" if field != "handler" else field

    matches = {
        text: list(Selection(**{field: text}).deliveries(inbox).values_list(place, flat=True))  # type: ignore[arg-type]
        for text in ALIKE
    }

    assert matches == {text: [text] for text in ALIKE}


def test_handlers_whose_names_differ_only_in_case(inbox: str, router: EventRouter, post: Post) -> None:
    """Handlers with similar names have a delivery each, and run once each."""
    runs: list[str] = []
    for name in ("shop.Put", "shop.put", "shop.p\u00fat"):

        def handle(event: Event[Any], name: str = name) -> None:
            runs.append(name)

        router.on("k", name=name)(handle)

    assert [post("/events/k/r", push(1)).status_code for _ in range(2)] == [201, 200]
    assert sorted(runs) == ["shop.Put", "shop.put", "shop.p\u00fat"]
    assert sorted(rows(inbox)) == [(name, "done", 1) for name in sorted(runs)]


@pytest.mark.parametrize("kind", ["k\U0001f600", "\u00e4\u0301", "K "])
def test_text_of_all_planes(inbox: str, router: EventRouter, kind: str) -> None:
    """A kind with letters of four bytes, or spaces, is stored unchanged."""
    router.on("*", payload=object)(lambda event: None)

    assert post_wsgi(f"/events/{kind}/{kind}", push(1)).status_code == 201
    assert StoredEvent.objects.using(inbox).values_list("kind", "reference").get() == (kind, kind)


CLOUD_EVENT = {"ce_id": "1", "ce_source": "s", "ce_type": "t", "ce_specversion": "1.0"}
ESCAPED = bytes([0, 39, 92, 34])
"""Bytes that MySQL's statements have to escape."""


@pytest.mark.proof
@pytest.mark.parametrize("size", [0, PART - 1, PART, PART + 1, 9 * 1024 * 1024, 14 * 1024 * 1024])
def test_bodies_longer_than_a_packet_once_they_are_escaped(inbox: str, router: EventRouter, post: Post, size: int) -> None:
    """Long bodies are stored unchanged, whether they can be read or not; and a redelivery is a duplicate.

    max_allowed_packet is 16 MiB, as MariaDB has it: https://mariadb.com/kb/en/server-system-variables/#max_allowed_packet.
    """
    body = (ESCAPED * (size // 4 + 1))[:size]

    def handle(event: Event[bytes]) -> None:
        assert event.payload == body

    router.on("k", name="h")(handle)

    answers = [post("/events/k/r", body, "application/octet-stream", **CLOUD_EVENT).status_code for _ in range(2)]
    assert answers == [201, 200]
    assert bytes(StoredEvent.objects.using(inbox).get().body) == body
    assert rows(inbox) == [("h", "done", 1)]
    if size:
        unread = b'{"message": {"data": 7}, "subscription": "' + b"\\\\" * (size // 2) + b'"}'
        assert post("/events/k/unread", unread).status_code == 200
        assert bytes(StoredEvent.objects.using(inbox).get(reference="unread").body) == unread


@on_mariadb
@pytest.mark.parametrize("size", [23, 24, 25, 48, 60])
def test_bodies_in_parts(inbox: str, router: EventRouter, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """A long body arrives whole, and so does one that replaces it; what is settled keeps its own."""
    monkeypatch.setattr(claims_mysql, "PART", 24)
    router.on("k", name="h", payload=bytes)(refuse_long_ones)
    bodies = [letter * size for letter in (b"a", b"'", b"c")]

    def send(body: bytes) -> tuple[int, bytes]:
        status = post_wsgi("/events/k/r", body, "application/octet-stream", **CLOUD_EVENT).status_code
        return status, bytes(StoredEvent.objects.using(inbox).get(reference="r").body)

    assert [send(body) for body in bodies[:2]] == [(400, bodies[0]), (400, bodies[1])]
    assert [send(body) for body in (b"short", bodies[2])] == [(201, b"short"), (200, b"short")]


def refuse_long_ones(event: Event[bytes]) -> None:
    if len(event.payload) > len("short"):
        raise RuntimeError


@pytest.mark.parametrize(
    ("packet", "largest"),
    [
        (16 * 2**20, 15 * 2**20),
        (9 * 2**20 + 1, 8 * 2**20 + 1),
        (9 * 2**20, 8 * 2**20),
        (9 * 2**20 - 2, 4 * 2**20 - 1),
        (2 * 2**20, 2**19),
        (2**20, 0),
    ],
)
def test_the_largest_body_of_a_packet(packet: int, largest: int) -> None:
    """Where two parts and the rest fit into a packet, the server joins the parts; else an escaped body has to fit as a whole."""
    assert claims_mysql.largest_body(packet) == largest


def checked(alias: str) -> list[tuple[Any, ...]]:
    return told(check_tables(databases=[alias]))


@on_mariadb
def test_settings_that_lose_something(inbox: str) -> None:
    """A check names a session's character set, SQL mode, largest packet and time zone, each with advice."""
    assert checked(inbox) == []
    options = {"charset": "utf8mb3", "init_command": "SET sql_mode = '', time_zone = '+02:00'"}
    with settings_of(inbox, OPTIONS=options):
        said = checked(inbox)

    assert said == [
        (
            Warn,
            "gcp_event_router.W040",
            'Write "OPTIONS": {"charset": "utf8mb4"} in DATABASES[\'mariadb\'].',
            "The connection to the database 'mariadb' has the character set utf8mb3, which lacks letters that utf8mb4 has: "
            "one of these in a kind or a reference becomes a question mark, or the endpoint answers 503.",
        ),
        (
            Warn,
            "gcp_event_router.W041",
            """Write "OPTIONS": {"init_command": "SET sql_mode = 'STRICT_TRANS_TABLES'"} in DATABASES['mariadb'].""",
            "The SQL mode of the database 'mariadb' is '', which is not strict: "
            "it changes what it cannot store, and says nothing.",
        ),
        (
            Warn,
            "gcp_event_router.W043",
            """Write "OPTIONS": {"init_command": "SET time_zone = '+00:00'"} in DATABASES['mariadb'].""",
            "The clock of sessions of the database 'mariadb' is 7200 seconds ahead of UTC, and the inbox goes by it: "
            "times are shown wrong, and leases end early or late when summer time ends or begins.",
        ),
    ]


@on_mariadb
@both_doors
def test_a_packet_that_is_too_short(inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]) -> None:
    """A check says so; a body that is too long gets 413, and the next one is stored."""
    router.on("k", name="h", payload=object)(lambda event: None)
    with connections[inbox].cursor() as cursor:
        cursor.execute("SET GLOBAL max_allowed_packet = 2097152")
    connections[inbox].close()
    try:
        said = checked(inbox)
        answers = [post("/events/k/r", b'"%s"' % (b"0" * size)).status_code for size in (4_000_000, 1000)]
    finally:
        with connections[inbox].cursor() as cursor:
            cursor.execute("SET GLOBAL max_allowed_packet = 16777216")
        connections.close_all()

    assert said == [
        (
            Warn,
            "gcp_event_router.W042",
            "Set max_allowed_packet to 16777216 or more on the server, or set a lower MAX_BODY_SIZE.",
            'A body may have 15728640 bytes (GCP_EVENT_ROUTER["MAX_BODY_SIZE"]), and the max_allowed_packet of the database '
            "'mariadb' is 2097152, so a body of more than 524288 bytes cannot be stored, and gets 413.",
        )
    ]
    assert answers == [413, 201]
    assert lines()[0] == (
        "ERROR An event of kind 'k' with reference 'r' has a body of 4000002 bytes, which the database 'mariadb' cannot store: "
        "its max_allowed_packet is 2097152 bytes. See the system check gcp_event_router.W042."
    )
    assert rows(inbox) == [("h", "done", 1)]


@on_mariadb
def test_tables_that_compare_otherwise(inbox: str) -> None:
    """A check finds tables that the inbox's migration did not create."""
    with connections[inbox].cursor() as cursor:
        cursor.execute("ALTER TABLE gcp_event_inbox_event MODIFY kind varchar(255) COLLATE utf8mb4_general_ci NOT NULL")
        try:
            said = checked(inbox)
        finally:
            cursor.execute("ALTER TABLE gcp_event_inbox_event MODIFY kind varchar(255) COLLATE utf8mb4_nopad_bin NOT NULL")

    assert said == [
        (
            Error,
            "gcp_event_router.E012",
            "Create the tables by the inbox's own migration, or convert them to utf8mb4 and the collation "
            "utf8mb4_nopad_bin (MariaDB) or utf8mb4_0900_bin (MySQL).",
            "In the database 'mariadb' the collation of gcp_event_inbox_event.kind ignores differences, such as case, "
            "so that `inbox replay --kind a` would run events of the kind `A`, and two handlers may share one delivery.",
        )
    ]
