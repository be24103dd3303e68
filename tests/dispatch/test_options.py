"""How handlers are run: the options of `on` and `fallback`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.options import Options
from gcp_event_router.exceptions import RegistrationError


def handler(event: Event[Any]) -> None: ...


def test_options_are_kept(router: EventRouter) -> None:
    """What is said at registration is what the handler is run by; the function stays the very same."""
    decorated = router.on("a", name="one", once=False, lease=timedelta(minutes=1), max_attempts=3)(handler)
    assert decorated is handler
    assert router.fallback(deferred=True)(handler) is handler
    assert router.fallback(handler) is handler

    assert [each.handler.options for each in router] == [
        Options("one", False, None, timedelta(minutes=1), 3),
        Options(deferred=True),
        Options(),
    ]
    assert [each.handler.name for each in router] == [
        "one",
        "tests.dispatch.test_options.handler",
        "tests.dispatch.test_options.handler",
    ]


NUMBER = "which is no number of runs. Give a whole number from 1 to 32767."
TIME = "which is no time to work in. Give a positive timedelta."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name='', which is no name. Give 1 to 255 printable characters."),
        ({"name": "a\n"}, "name='a\\n', which is no name. Give 1 to 255 printable characters."),
        ({"name": 3}, "name=3, which is no name. Give 1 to 255 printable characters."),
        ({"once": "no"}, "once='no', which is neither True nor False. Choose one of them."),
        ({"deferred": "no"}, "deferred='no', which is neither True nor False. Choose one of them."),
        ({"lease": 60}, f"lease=60, {TIME}"),
        ({"lease": timedelta(0)}, f"lease=datetime.timedelta(0), {TIME}"),
        ({"max_attempts": "3"}, f"max_attempts='3', {NUMBER}"),
        ({"max_attempts": 2.5}, f"max_attempts=2.5, {NUMBER}"),
        ({"max_attempts": True}, f"max_attempts=True, {NUMBER}"),
        ({"max_attempts": 0}, f"max_attempts=0, {NUMBER}"),
        ({"max_attempts": 40_000}, f"max_attempts=40000, {NUMBER}"),
        (
            {"deferred": True, "once": False},
            "deferred=True and once=False, and what is deferred is kept in the inbox. Leave one of them out.",
        ),
    ],
)
def test_options_that_cannot_be_kept(router: EventRouter, options: dict[str, Any], message: str) -> None:
    """Each is refused on the line of the registration."""
    for register in (lambda: router.on("a", **options), lambda: router.fallback(**options)):
        with pytest.raises(RegistrationError) as caught:
            register()

        assert str(caught.value) == f"on() is given {message}"
