"""Real servers that are flooded, killed and stalled, and clients that hang up: each effect happens once. Rows D4, E1 to E3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import connections

from ..support.deliveries import beside, effects, end_leases, rows, together, with_databases
from ..support.gates import Server, serve
from ..support.own_postgres import until

pytestmark = [with_databases, pytest.mark.proof]


SERVERS = [f"{server} {alias}" for server in ("gunicorn", "uvicorn") for alias in ("sqlite", "postgresql", "mariadb")]


@pytest.fixture(scope="module", params=SERVERS)
def running(request: pytest.FixtureRequest, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here, with two worker processes, on each of the tests' databases."""
    name, alias = request.param.split()
    with serve(name, alias, connections[alias].settings_dict, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(running: Server, transactional_db: None) -> Server:
    """The server, with an empty inbox."""
    return running


def only(*params: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("running", params, indirect=True, scope="module")


gunicorn = only(*SERVERS[:3])
uvicorn = only(*SERVERS[3:])


def test_e1_of_many_copies_at_once_one_is_handled(server: Server) -> None:
    """Fifty clients post the same messages to two processes: one effect of each; all answers are 201, 200 or 409."""
    messages = 20 if server.name == "gunicorn" else 2

    answers = together(50, lambda client: [server.post("both", number) for number in range(messages)])
    statuses = Counter(status for each in answers for status in each)

    assert (statuses[201], statuses[200] + statuses[409]) == (messages, 49 * messages)
    assert Counter(effects(server.alias)) == {"sync": messages, "async": messages}
    assert Counter(rows(server.alias)) == {("sync", "done", 1): messages, ("async", "done", 1): messages}


def killed(server: Server, kind: str, point: str) -> None:
    """Kill a worker at a point; its client gets no answer."""
    with beside(lambda: server.post(kind, stop=point)) as cut:
        stopped = server.gate.stopped()
        assert stopped.point == point
        stopped.kill()
    assert cut.result() is None


def redelivered(server: Server, kind: str) -> list[int | None]:
    """The answers to two redeliveries, the second after all leases."""
    first = server.post(kind)
    end_leases(server.alias)
    return [first, server.post(kind)]


@pytest.mark.parametrize(
    ("point", "answers", "runs"),
    [
        ("before the claim", [201, 200], 1),
        ("after the claim", [409, 201], 2),
        ("in the handler", [409, 201], 2),
        ("before the answer", [200, 200], 1),
    ],
)
@gunicorn
def test_e2_a_worker_is_killed(server: Server, point: str, answers: list[int], runs: int) -> None:
    """A worker that is killed with -9 at any point leaves all or nothing: after the redelivery there is one effect."""
    killed(server, "sync", point)

    assert redelivered(server, "sync") == answers
    assert (effects(server.alias), rows(server.alias)) == (["sync"], [("sync", "done", runs)])


@pytest.mark.parametrize(
    ("point", "answers", "runs"),
    [
        ("before the claim", [201, 200], (1, 1)),
        ("after the claim", [409, 201], (1, 1)),
        ("in the handler", [409, 201], (2, 1)),
        ("in the async handler", [409, 200], (1, 2)),
        ("before the answer", [200, 200], (1, 1)),
    ],
)
@uvicorn
def test_e2_a_worker_of_async_handlers_is_killed(server: Server, point: str, answers: list[int], runs: tuple[int, int]) -> None:
    """The same for sync and async handlers, killed before their work or once it is recorded; a run counts once it has begun."""
    killed(server, "both", point)

    assert redelivered(server, "both") == answers
    assert effects(server.alias) == ["async", "sync"]
    assert rows(server.alias) == [("sync", "done", runs[0]), ("async", "done", runs[1])]


@uvicorn
def test_e2_an_async_handler_is_killed_after_its_work(server: Server) -> None:
    """An async handler that is killed between its work and the record of it does it again."""
    killed(server, "both", "after the work")

    assert redelivered(server, "both") == [409, 200]
    assert effects(server.alias) == ["async", "async", "sync"]
    assert rows(server.alias) == [("sync", "done", 1), ("async", "done", 2)]


def overtaken(server: Server, point: str) -> int | None:
    """The answer of a process that stalls at a point until its lease has ended, and another process is done."""
    with beside(lambda: server.post("sync", stop=point)) as stalled, server.gate.stopped().stalled():
        end_leases(server.alias)
        assert server.post("sync") == 201
    return stalled.result()


@gunicorn
def test_e3_a_process_stalls_past_its_lease_before_its_handler(server: Server) -> None:
    """If a process stalls after its claim until its successor is done, its handler's writes are rolled back."""
    assert overtaken(server, "after the claim") == 409
    assert server.post("sync") == 200
    assert (effects(server.alias), rows(server.alias)) == (["sync"], [("sync", "done", 2)])


@only("gunicorn postgresql", "gunicorn mariadb")
def test_e3_a_process_stalls_past_its_lease_in_its_handler(server: Server) -> None:
    """If a process stalls in its handler until its successor is done, its handler's writes are rolled back."""
    assert overtaken(server, "in the handler") == 409
    assert server.post("sync") == 200
    assert (effects(server.alias), rows(server.alias)) == (["sync"], [("sync", "done", 2)])


@uvicorn
def test_d4_a_client_hangs_up_on_a_sync_handler(server: Server) -> None:
    """If the client hangs up while a sync handler runs, the handler is still done, and the redelivery is a duplicate."""
    with server.hanging_up("sync", "in the handler"):
        stopped = server.gate.stopped()
    assert server.gate.passed() == "hung up"
    stopped.go_on()

    until(lambda: server.post("sync") != 409)
    assert server.post("sync") == 200
    assert (effects(server.alias), rows(server.alias)) == (["sync"], [("sync", "done", 1)])


@uvicorn
def test_d4_a_client_hangs_up_on_an_async_handler(server: Server) -> None:
    """If the client hangs up while an async handler runs, the handler is cancelled, and runs again after its lease."""
    with server.hanging_up("async", "in the async handler"):
        stopped = server.gate.stopped()
    assert server.gate.passed() == "hung up"
    stopped.wait_until_it_gives_up()

    assert (effects(server.alias), rows(server.alias)) == ([], [("async", "running", 1)])
    assert redelivered(server, "async") == [409, 201]
    assert (effects(server.alias), rows(server.alias)) == (["async"], [("async", "done", 2)])


@uvicorn
def test_d4_a_client_hangs_up_between_two_handlers(server: Server) -> None:
    """If the client hangs up while the first of two handlers runs, the first is done, and the second runs later."""
    with server.hanging_up("both", "in the handler"):
        stopped = server.gate.stopped()
    assert server.gate.passed() == "hung up"
    stopped.go_on()

    until(lambda: ("sync", "done", 1) in rows(server.alias))
    assert effects(server.alias) == ["sync"]
    assert redelivered(server, "both") == [409, 200]
    assert effects(server.alias) == ["async", "sync"]


@pytest.mark.parametrize("kind", ["paid", "paid-async"])
def test_fifty_messages_with_one_key(server: Server, kind: str) -> None:
    """Fifty clients post fifty messages with one business key at once: one effect; all answers are 201, 200 or 409."""
    statuses = Counter(together(50, lambda message: server.post(kind, message)))

    assert (statuses[201], statuses[200] + statuses[409]) == (1, 49)
    assert [server.post(kind, message) for message in range(50)] == [200] * 50
    assert effects(server.alias) == [kind]
    assert sorted(rows(server.alias)) == [(kind, "done", 0)] * 49 + [(kind, "done", 1)]


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        pytest.param("paid", "in the handler", marks=gunicorn, id="sync"),
        pytest.param("paid-async", "in the async handler", marks=uvicorn, id="async"),
    ],
)
def test_the_holder_of_a_key_is_killed(server: Server, kind: str, point: str) -> None:
    """If a worker is killed with -9 while it holds a key, another message takes effect once its lease has ended."""
    with beside(lambda: server.post(kind, 1, stop=point)) as cut:
        server.gate.stopped().kill()
    assert cut.result() is None

    assert server.post(kind, 2) == 409
    end_leases(server.alias)
    assert [server.post(kind, message) for message in (2, 1, 3)] == [201, 200, 200]
    assert effects(server.alias) == [kind]


@only("gunicorn postgresql", "gunicorn mariadb")
def test_the_holder_of_a_key_stalls_past_its_lease(server: Server) -> None:
    """If a process stalls while it holds a key, until another message is done with it, its writes are rolled back."""
    with beside(lambda: server.post("paid", 1, stop="in the handler")) as stalled, server.gate.stopped().stalled():
        end_leases(server.alias)
        assert server.post("paid", 2) == 201
    assert stalled.result() == 409

    assert [server.post("paid", message) for message in (1, 2)] == [200, 200]
    assert effects(server.alias) == ["paid"]
