"""How handlers are run: the options of `on` and `fallback`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from gcp_event_router import Backoff, Event, EventRouter
from gcp_event_router._dispatch.options import Options
from gcp_event_router.exceptions import RegistrationError


def handler(event: Event[Any]) -> None: ...


def key(event: Event[Any]) -> str:
    return event.reference


async def async_key(event: Event[Any]) -> str:
    return event.reference


def many_keys(event: Event[Any]) -> Iterator[str]:
    yield event.reference


def no_key() -> str:
    return ""


def test_options_are_kept(router: EventRouter) -> None:
    """The handler has the options of its registration, and the function stays the same object."""
    decorated = router.on("a", name="one", once=False, lease=timedelta(minutes=1), max_attempts=32_767)(handler)
    assert decorated is handler
    assert router.fallback(deferred=True, retry=Backoff(jitter=0))(handler) is handler
    assert router.fallback(handler) is handler

    assert [registration.handler.options for registration in router] == [
        Options("one", False, None, timedelta(minutes=1), 32_767),
        Options(deferred=True, retry=Backoff(jitter=0)),
        Options(),
    ]
    assert [registration.handler.name for registration in router] == [
        "one",
        "tests.dispatch.test_options.handler",
        "tests.dispatch.test_options.handler",
    ]


NUMBER = "max_attempts must be a whole number from 1 to 32767, not"
KEY = 'once_key is async or a generator, and the inbox needs the key before it runs anything. Write it with "def".'
POLICY = "is not a Backoff, so nobody knows how long to wait. Give one, such as retry=Backoff(first=timedelta(seconds=5))."
TIME = "lease must be a positive timedelta, not"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name='' cannot identify a handler. Give 1 to 255 printable characters."),
        ({"name": "a\n"}, "name='a\\n' cannot identify a handler. Give 1 to 255 printable characters."),
        ({"name": 3}, "name=3 cannot identify a handler. Give 1 to 255 printable characters."),
        ({"once": "no"}, "once='no' is neither True nor False. Choose one of them."),
        ({"deferred": "no"}, "deferred='no' is neither True nor False. Choose one of them."),
        ({"lease": 60}, f"{TIME} 60."),
        ({"lease": timedelta(0)}, f"{TIME} datetime.timedelta(0)."),
        ({"max_attempts": "3"}, f"{NUMBER} '3'."),
        ({"max_attempts": 2.5}, f"{NUMBER} 2.5."),
        ({"max_attempts": True}, f"{NUMBER} True."),
        ({"max_attempts": 0}, f"{NUMBER} 0."),
        ({"max_attempts": 32_768}, f"{NUMBER} 32768."),
        ({"retry": 5}, f"retry=5 {POLICY}"),
        ({"retry": timedelta(seconds=5)}, f"retry=datetime.timedelta(seconds=5) {POLICY}"),
        ({"retry": Backoff}, f"retry={Backoff!r} {POLICY}"),
        ({"retry": Backoff(), "once": False}, "retry needs the inbox, which once=False bypasses. Leave one of them out."),
        ({"once_key": "id"}, "once_key='id' cannot be called. Write once_key=lambda event: event.payload.payment_id."),
        ({"once_key": async_key}, KEY),
        ({"once_key": partial(async_key)}, KEY),
        ({"once_key": many_keys}, KEY),
        (
            {"once_key": no_key},
            "once_key cannot be called with an event alone. Write it as `def key(event: Event[Model]) -> str`.",
        ),
        ({"once_key": key, "once": False}, "once_key needs the inbox, which once=False bypasses. Leave one of them out."),
        (
            {"order_by": "customer_id"},
            "order_by='customer_id' cannot be called. "
            'Write order_by=lambda event: event.payload.customer_id, or order_by="ordering_key".',
        ),
        ({"order_by": async_key}, KEY.replace("once_key", "order_by")),
        (
            {"order_by": no_key},
            "order_by cannot be called with an event alone. Write it as `def key(event: Event[Model]) -> str`.",
        ),
        ({"order_by": key, "once": False}, "order_by needs the inbox, which once=False bypasses. Leave one of them out."),
        (
            {"order_by": "ordering_key", "once": False},
            "order_by needs the inbox, which once=False bypasses. Leave one of them out.",
        ),
        ({"once_key": key, "once_for": 30}, "once_for must be a positive timedelta, not 30."),
        ({"once_key": key, "once_for": timedelta(0)}, "once_for must be a positive timedelta, not datetime.timedelta(0)."),
        (
            {"once_for": timedelta(days=1)},
            "once_for is how long a key is kept, and without once_key there is none. Add once_key, or leave once_for out.",
        ),
        (
            {"deferred": True, "once": False},
            "deferred=True needs the inbox, which once=False bypasses. Leave one of them out.",
        ),
    ],
)
def test_options_that_cannot_be_kept(router: EventRouter, options: dict[str, Any], message: str) -> None:
    """An invalid option is refused on the line of the registration."""
    on: Callable[..., object] = router.on
    for register, kinds in ((on, ["a"]), (router.fallback, [])):
        with pytest.raises(RegistrationError) as caught:
            register(*kinds, **options)

        assert str(caught.value) == message
