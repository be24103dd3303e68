"""How handlers are run: the options of `on` and `fallback`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.options import Options
from gcp_event_router.exceptions import RegistrationError


def handler(event: Event[Any]) -> None: ...


def test_options_are_kept(router: EventRouter) -> None:
    """The handler has the options of its registration, and the function stays the same object."""
    decorated = router.on("a", name="one", once=False, lease=timedelta(minutes=1), max_attempts=3)(handler)
    assert decorated is handler
    assert router.fallback(deferred=True)(handler) is handler
    assert router.fallback(handler) is handler

    assert [registration.handler.options for registration in router] == [
        Options("one", False, None, timedelta(minutes=1), 3),
        Options(deferred=True),
        Options(),
    ]
    assert [registration.handler.name for registration in router] == [
        "one",
        "tests.dispatch.test_options.handler",
        "tests.dispatch.test_options.handler",
    ]


NUMBER = "max_attempts must be a whole number from 1 to 32767, not"
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
        ({"max_attempts": 40_000}, f"{NUMBER} 40000."),
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
