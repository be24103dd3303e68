"""A server that loads the site and then forks its workers. `test_preload.py` runs it in a Python of its own.

It is given a scenario, the URL of the keys, and tokens; it writes what it sees to its standard output.
"""

from __future__ import annotations

import os
import sys
import threading

import django
from django.conf import settings

from gcp_event_router.conf import RouterSettings


def main(scenario: str, url: str, *tokens: str) -> None:
    """Load the site, and go on as the scenario says."""
    options = {"service_accounts": ["sender@my-project.iam.gserviceaccount.com"], "audience": "https://shop.example"}
    guarded: RouterSettings = {
        "AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {**options, "certs_url": url}}]
    }
    settings.configure(
        INSTALLED_APPS=["gcp_event_router"],
        ROOT_URLCONF="tests.urls",
        ALLOWED_HOSTS=["testserver"],
        GCP_EVENT_ROUTER=guarded,
    )
    django.setup()

    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415 -- the settings come first

    from gcp_event_router import auth, events  # noqa: PLC0415 -- as above
    from gcp_event_router.auth.keys import key_set  # noqa: PLC0415 -- as above

    events.on("k", payload=object)(lambda event: None)
    get_wsgi_application()
    auth.configured()
    key_set(url)
    say("loaded", threading.active_count())
    if scenario == "workers":
        workers(*tokens)
    else:
        refreshing(*tokens)


def workers(own: str, *tokens: str) -> None:
    """Fork a worker for each token, and then take one in the parent."""
    for token in tokens:
        fork(token)
    say("parent", send(own))


def refreshing(first: str, second: str, *tokens: str) -> None:
    """Fork workers while the parent is fetching keys."""
    from gcp_event_router.auth import keys  # noqa: PLC0415 -- the settings come first

    say("parent", send(first))
    keys.LIFETIME = keys.INTERVAL = 0.0
    say("parent", send(second))
    sys.stdin.readline()  # whoever runs this knows when the parent waits for keys
    say("fetching", sum(each.name == "gcp_event_router.keys" for each in threading.enumerate()))
    keys.LIFETIME, keys.INTERVAL = 3600.0, 10.0
    for token in tokens:
        fork(token)


def fork(token: str) -> None:
    """Take a token in a worker, and wait for its end."""
    process = os.fork()
    if not process:
        say("worker", send(token))
        os._exit(0)
    os.waitpid(process, 0)


def send(token: str) -> int:
    """How the endpoint answers a token."""
    from django.test import Client  # noqa: PLC0415 -- the settings come first

    headers = {"Authorization": f"Bearer {token}"}
    return Client().post("/events/k/r", b"{}", content_type="application/json", headers=headers).status_code


def say(who: str, what: int) -> None:
    """Write a line past all buffers, which a fork would copy."""
    os.write(1, f"{who} {what}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
