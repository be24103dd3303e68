"""The type of `GCP_EVENT_ROUTER`."""

from __future__ import annotations

from datetime import timedelta

from typing_extensions import assert_type

from gcp_event_router.conf import RouterSettings

empty: RouterSettings = {}
settings: RouterSettings = {
    "AUTHENTICATION": [{"BACKEND": "shop.auth.ByHeader"}, {"BACKEND": "shop.auth.ByToken", "OPTIONS": {"name": "X-A"}}],
    "MAX_BODY_SIZE": 1024,
    "MAX_BATCH": 10,
    "UNHANDLED": "error",
    "FAILURE_STATUS": 500,
    "SIGNALS": ["django_gcp.events.signals.event_received"],
    "TRACING": False,
    "SOURCE_URL": "https://github.com/me/shop/blob/main/{path}#L{line}",
}
tuples: RouterSettings = {"AUTHENTICATION": ({"BACKEND": "shop.auth.ByHeader"},), "SIGNALS": ("a.b", "c.d")}
nobody: RouterSettings = {"AUTHENTICATION": []}
inbox: RouterSettings = {
    "INBOX": {
        "DATABASE": "default",
        "LEASE": timedelta(minutes=5),
        "MAX_ATTEMPTS": 10,
        "MAX_LOST": 30,
        "MAX_WAIT": timedelta(days=1),
        "DEFERRED": True,
        "RETENTION": timedelta(days=14),
        "ERROR_TEXT": False,
        "KEEP_HEADERS": ["X-Shop"],
    }
}
kept: RouterSettings = {"UNHANDLED": "keep", "INBOX": {}}
constructed = RouterSettings(MAX_BODY_SIZE=1024, UNHANDLED="accept")
merged: RouterSettings = {**settings, "TRACING": True}
assert_type(settings.get("MAX_BODY_SIZE"), int | None)

# --- bad

typo: RouterSettings = {"AUTHENTICATON": []}  # bad: a misspelt key
lower: RouterSettings = {"max_body_size": 1}  # bad: a key in lower case
choice: RouterSettings = {"UNHANDLED": "ignore"}  # bad: a choice that does not exist
size: RouterSettings = {"MAX_BODY_SIZE": "15 MB"}  # bad: a setting's size as text
status: RouterSettings = {"FAILURE_STATUS": "500"}  # bad: a setting's status as text
no_backend: RouterSettings = {"AUTHENTICATION": [{"OPTIONS": {}}]}  # bad: an authenticator without its path
paths: RouterSettings = {"AUTHENTICATION": ["shop.auth.ByHeader"]}  # bad: an authenticator as a path
one: RouterSettings = {"AUTHENTICATION": {"BACKEND": "a"}}  # bad: an authenticator without a list
unknown: RouterSettings = {"AUTHENTICATION": [{"BACKEND": "a", "ARGUMENTS": {}}]}  # bad: an unknown key of an authenticator
options: RouterSettings = {"AUTHENTICATION": [{"BACKEND": "a", "OPTIONS": ["b"]}]}  # bad: options as a list
signal: RouterSettings = {"SIGNALS": "a.b"}  # bad: one signal as text
numbers: RouterSettings = {"SIGNALS": [1]}  # bad: a number as a signal
tracing: RouterSettings = {"TRACING": "yes"}  # bad: text for tracing
lease: RouterSettings = {"INBOX": {"LEASE": 300}}  # bad: a setting's lease in seconds
inbox_typo: RouterSettings = {"INBOX": {"LEASES": timedelta(1)}}  # bad: a misspelt key of the inbox
inbox_on: RouterSettings = {"INBOX": True}  # bad: an inbox that is switched on
header: RouterSettings = {"INBOX": {"KEEP_HEADERS": "X-Shop"}}  # bad: one header as text
attempts: RouterSettings = {"INBOX": {"MAX_ATTEMPTS": "10"}}  # bad: attempts as text
RouterSettings(MAX_BODY=1)  # bad: a misspelt key as an argument
settings["MAX_BODY"]  # bad: a misspelt key that is read
settings["UNHANDLED"] = "raise"  # bad: a choice that is set later
