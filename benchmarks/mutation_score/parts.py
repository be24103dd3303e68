"""The parts of the core, each with the tests that belong to it."""

from __future__ import annotations

from typing import Final, NamedTuple

#: Which tests a part needs, by their markers; a database costs seconds for each mutant.
NO_DATABASE: Final = "not proof and not django_db"
DATABASES: Final = "not proof"
MARIADB: Final = "not proof or mariadb"


class Part(NamedTuple):
    """Modules, as globs, and the tests that should notice every change in them."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    marked: str = NO_DATABASE


#: Beginnings of the names of tests that see the frames that mutmut adds.
LEFT_OUT = (
    "tests/dispatch/test_trails.py::test_a_recursion_names_the_handler_and_each_place_once",
    "tests/inbox/test_watched.py::test_a_deferred_handler_has_a_line_when_it_runs",
    *(f"tests/test_logs.py::test_each_event_is_one_line[{door}-error{row}" for door in ("wsgi", "asgi") for row in "256"),
)
_DISPATCH = (
    "tests/auth/test_access.py",
    "tests/dispatch",
    "tests/endpoint",
    "tests/envelopes",
    "tests/receivers",
    "tests/test_cancellation.py",
    "tests/test_logs.py",
    "tests/test_outcomes.py",
    "tests/test_router.py",
)


def _inbox(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/inbox/test_{name}.py" for name in names)


_WITH_INBOX = _inbox("deferred", "dispatching", "handlers", "once_keys", "order", "unhandled", "unread", "watched")
_OF_CLAIMS = (
    "tests/inbox/admin",
    *_inbox("claims", "claimed_batches", "command", "commit", "conflicts", "deferred", "digests", "dispatching", "erasure"),
    *_inbox("errors", "leases", "marks", "once_keys", "order", "policies", "replay", "transactions", "waits"),
)
_CLAIMS = (
    "batches_postgresql",
    "claimed_batches",
    "claims",
    "claims_postgresql",
    "endings*",
    "leases",
    "once_keys",
    "orders",
    "takes",
)


def _dispatch(*names: str) -> tuple[str, ...]:
    return tuple(f"_dispatch/{name}" for name in names)


PARTS = (
    Part(
        "globs",
        ("_globs/*",),
        (
            "tests/globs",
            "tests/dispatch/test_attributes.py",
            "tests/checks/test_attribute_checks.py",
            "tests/checks/test_overlap_checks.py",
            "tests/test_kinds.py",
            "tests/test_router.py",
        ),
    ),
    Part(
        "secrets",
        ("auth/shared_token", "auth/signed_url"),
        (
            "tests/auth/test_shared_token.py",
            "tests/auth/test_signed_url.py",
            "tests/catalogue/test_security.py",
            "tests/catalogue/test_snippets.py",
            "tests/checks/test_deployment.py",
            "tests/contract/test_asyncapi.py",
        ),
    ),
    Part(
        "authentication",
        ("auth/__init__", "auth/base", "auth/chain", "auth/id_token", "auth/loading"),
        (
            "tests/auth",
            "tests/catalogue/test_security.py",
            "tests/catalogue/test_snippets.py",
            "tests/checks/test_checks.py",
            "tests/checks/test_deployment.py",
            "tests/dispatch/test_parameters.py",
            "tests/endpoint/test_content_types.py",
            "tests/endpoint/test_guarded_bodies.py",
            "tests/endpoint/test_views.py",
            "tests/test_cancellation.py",
            "tests/test_conf.py",
            "tests/testing/test_client.py",
        ),
    ),
    Part(
        "tokens",
        ("auth/keys", "auth/oidc"),
        (
            "tests/auth",
            "tests/catalogue/test_security.py",
            "tests/catalogue/test_snippets.py",
            "tests/checks/test_deployment.py",
            "tests/contract/test_asyncapi.py",
        ),
    ),
    Part(
        "signatures",
        ("auth/signatures/*",),
        (
            "tests/auth/signatures",
            "tests/auth/test_descriptions.py",
            "tests/catalogue/test_security.py",
            "tests/catalogue/test_snippets.py",
            "tests/checks/test_deployment.py",
            "tests/endpoint/test_guarded_bodies.py",
            "tests/endpoint/test_webhook_permission.py",
            "tests/testing/test_signed_by.py",
        ),
    ),
    Part("claims", tuple(f"inbox/{name}" for name in _CLAIMS), _OF_CLAIMS, marked=DATABASES),
    Part("claims-mariadb", ("inbox/claims_mysql",), _inbox("exact"), marked=MARIADB),
    Part(
        "dispatch",
        _dispatch("bodies", "dispatch", "log_line", "lookup", "middleware", "raw_event", "refusal"),
        (*_DISPATCH, *_WITH_INBOX, "tests/pulling"),
        marked=DATABASES,
    ),
    Part(
        "registration",
        _dispatch("event_types", "explanation", "handler", "options", "payload", "signature"),
        (
            *_DISPATCH,
            "tests/catalogue/test_channel_page.py",
            "tests/checks/test_overlap_checks.py",
            "tests/checks/test_payload_checks.py",
            "tests/contract/test_asyncapi.py",
            "tests/management/test_list_command.py",
        ),
    ),
    Part(
        "tracing",
        _dispatch("opentelemetry"),
        ("tests/dispatch/test_tracing.py", "tests/inbox/test_watched.py", "tests/outbox/test_causes.py"),
        marked=DATABASES,
    ),
    Part(
        "pipeline",
        _dispatch("context", "event_key", "pipeline", "store"),
        (*_DISPATCH, *_WITH_INBOX, "tests/catalogue/test_deliveries.py", "tests/outbox/test_causes.py"),
        marked=DATABASES,
    ),
)
