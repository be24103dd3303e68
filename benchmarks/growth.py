"""Measures how the inbox's tables grow while a million deliveries fail once and are done: `make growth`.

The events are written in bulk, and each delivery then has the row versions that a worker makes: claimed in a batch, begun,
failed, and later claimed, begun and done. One statement does so for a thousand deliveries. PostgreSQL is a real server with the
settings of its wheel, so autovacuum runs meanwhile. All of it runs twice: with PostgreSQL's defaults, and with the settings for
the table that docs/guides/inbox.md advises. The benchmark prints figures without asserting them.
"""

from __future__ import annotations

# ruff: noqa: E402 -- the path comes before the imports
import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import Any, Final, LiteralString

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT)]

import psycopg

from comparison.databases import Database, Server, postgresql
from comparison.work import INBOX

DELIVERIES: Final = "gcp_event_inbox_delivery"
EVENTS: Final = "gcp_event_inbox_event"
BATCH = 1000
LAG = 20
"""After how many further batches a failed one is tried again."""
ADVICE: Final = f"""
ALTER TABLE {DELIVERIES} SET (
    fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000
)
"""
FILL: Final = f"""
WITH event AS (
    INSERT INTO {EVENTS} (key, kind, reference, message_id, parameters, body, form, meta, principal, digest, received_at)
    SELECT md5(n::text)::uuid, 'kind-' || lpad((n %% 20)::text, 2, '0'), 'order-' || n, n::text, '',
        convert_to('{{"message": {{"data": "' || repeat('eyJh', 60) || '", "messageId": "' || n || '"}}}}', 'UTF8'), 'pubsub',
        '{{"CONTENT_TYPE": "application/json"}}', '', sha256(n::text::bytea), now()
    FROM generate_series(%s::int, %s::int) AS n
    RETURNING key, received_at
)
INSERT INTO {DELIVERIES} (
    event_id, handler, state, deferred, attempts, lost, max_attempts, error_type, error, error_text, once_key, order_key,
    created_at
)
SELECT key, 'shop.handlers.record', 'pending', true, 0, 0, 10, '', '', '', '', '', received_at FROM event
"""
CLAIM: Final = """state = 'running', attempts = attempts + 1, token = gen_random_uuid(), lease_until = now() + interval '10 s',
    started_at = NULL, finished_at = NULL, not_before = NULL"""
BEGIN: Final = "started_at = now(), lease_until = now() + interval '5 minutes'"
FAIL: Final = """state = 'failed', token = NULL, lease_until = NULL, finished_at = now(), not_before = now() + interval '10 s',
    error_type = 'builtins.ValueError', error = 'ValueError at shop/handlers.py:17 in record',
    error_text = repeat('trace ', 50)"""
DONE: Final = (
    "state = 'done', token = NULL, lease_until = NULL, finished_at = now(), error_type = '', error = '', error_text = ''"
)
FIRST: Final = (CLAIM, BEGIN, FAIL)
SECOND: Final = (CLAIM, BEGIN, DONE)
SIZES: Final = f"""
SELECT relname, pg_relation_size(oid) FROM pg_class
WHERE oid IN ('{DELIVERIES}'::regclass, '{EVENTS}'::regclass)
    OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN ('{DELIVERIES}'::regclass, '{EVENTS}'::regclass))
ORDER BY relkind DESC, relname
"""
STATISTICS: Final = f"""
SELECT n_dead_tup, n_tup_upd, n_tup_hot_upd, autovacuum_count FROM pg_stat_user_tables WHERE relname = '{DELIVERIES}'
"""


def main() -> None:
    """Print both runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    options = parser.parse_args()
    with postgresql() as server:
        for title, name in (("PostgreSQL's defaults", "defaults"), ("the advised settings", "advised")):
            print(f"\n{title}, {options.deliveries:,} deliveries", flush=True)
            _run(server, name, options.deliveries)


def _run(server: Server, name: str, deliveries: int) -> None:
    Database(server, name, INBOX).create()
    with server.connect(name) as connection:
        if name == "advised":
            connection.execute(ADVICE)
        start, cpu = perf_counter(), server.cpu()
        batches = deliveries // BATCH
        for number in range(batches + LAG):
            if number < batches:
                connection.execute(FILL, [number * BATCH + 1, (number + 1) * BATCH])
                _update(connection, number, FIRST)
            if number >= LAG:
                _update(connection, number - LAG, SECOND)
        print(f"written in {perf_counter() - start:.0f} s, {server.cpu() - cpu:.0f} CPU s of PostgreSQL")
        connection.execute("SELECT pg_stat_force_next_flush()")
        dead, updates, hot, vacuums = _row(connection, STATISTICS)
        print(f"{updates:,} updates, {hot / updates:.0%} of them HOT; {vacuums} autovacuums, {dead:,} dead rows left")
        grown = _sizes(connection)
        start = perf_counter()
        connection.execute(f"VACUUM {DELIVERIES}")
        print(f"VACUUM of the deliveries: {perf_counter() - start:.1f} s")
        connection.execute(f"VACUUM FULL {DELIVERIES}, {EVENTS}")
        least = _sizes(connection)
        print(f"\n{'':<36} {'grown':>10} {'rebuilt':>10} {'ratio':>6}")
        for relation, size in grown.items():
            print(f"{relation:<36} {size / 2**20:>7,.0f} MB {least[relation] / 2**20:>7,.0f} MB {size / least[relation]:>6.2f}")
        print(f"{'together':<36} {sum(grown.values()) / 2**20:>7,.0f} MB {sum(least.values()) / 2**20:>7,.0f} MB")


def _update(connection: psycopg.Connection[tuple[int]], number: int, changes: tuple[LiteralString, ...]) -> None:
    """Make the row versions of one run for a batch of deliveries."""
    for change in changes:
        connection.execute(
            f"UPDATE {DELIVERIES} SET {change} WHERE id BETWEEN %s AND %s", [number * BATCH + 1, (number + 1) * BATCH]
        )


def _sizes(connection: psycopg.Connection[tuple[int]]) -> dict[str, int]:
    rows: Any = connection.execute(SIZES).fetchall()
    return dict(rows)


def _row(connection: psycopg.Connection[tuple[int]], query: LiteralString) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    assert row
    return row


if __name__ == "__main__":
    main()
