"""Sending, recording and publishing events in the test cases of unittest and Django."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from unittest import TestCase

from typing_extensions import TypeVar, override

from ..event import Event, Principal
from ..kinds import Kind
from ..publishing import AnyTransport
from .client import apush, push, with_defaults
from .publications import Published, PublishedEvent, published, relay_now
from .recording import UNSET, Recording, Unset, record
from .result import Pushed

if TYPE_CHECKING:
    from gcp_event_router_kinds import Pusher
else:
    from .client import Pusher

PayloadT = TypeVar("PayloadT")
ParametersT = TypeVar("ParametersT")


class EventTestMixin(TestCase):
    """Put it before Django's class: `class ShopTests(EventTestMixin, django.test.TestCase)`. Each test has a recording."""

    #: The sender of all pushes without `principal=` and `signed_by=`; with None, the settings decide who may send.
    event_principal: Principal | None = None

    #: All deliveries since the test began.
    recording: Recording
    #: All events that were published since the test began. Without the outbox, none of them is sent.
    published: Published

    @override
    def setUp(self) -> None:
        """Begin to record."""
        super().setUp()
        self.recording = self.enterContext(record())
        self.published = self.enterContext(published())

    @property
    def push(self) -> Pusher[Pushed]:
        """As `testing.push`, with the test case's client."""
        return with_defaults(push, **self._options("client"))

    @property
    def apush(self) -> Pusher[Coroutine[Any, Any, Pushed]]:
        """As `testing.apush`, with the test case's client."""
        return with_defaults(apush, **self._options("async_client"))

    def relay_now(self, transport: AnyTransport | None = None, *, raises: bool = True) -> list[PublishedEvent[Any]]:
        """As `testing.relay_now`."""
        return relay_now(transport, raises=raises)

    def _options(self, client: str) -> dict[str, Any]:
        options = {"client": getattr(self, client, None), "principal": self.event_principal}
        return {name: value for name, value in options.items() if value is not None}

    def assertHandled(  # noqa: N802 -- as unittest spells it
        self,
        handler: Callable[[Event[PayloadT, ParametersT]], Any],
        *,
        payload: PayloadT | Unset = UNSET,
        parameters: ParametersT | Unset = UNSET,
        reference: str | Unset = UNSET,
        times: int | None = None,
    ) -> Event[PayloadT, ParametersT]:
        """As `Recording.assert_handled`."""
        return self.recording.assert_handled(handler, payload=payload, parameters=parameters, reference=reference, times=times)

    def assertNotCalled(self, handler: Callable[..., Any]) -> None:  # noqa: N802 -- as above
        """As `Recording.assert_not_called`."""
        self.recording.assert_not_called(handler)

    def assertPublished(  # noqa: N802 -- as above
        self,
        kind: Kind[PayloadT],
        *,
        payload: PayloadT | Unset = UNSET,
        topic: str | Unset = UNSET,
        ordering_key: str | Unset = UNSET,
        times: int | None = None,
    ) -> PublishedEvent[PayloadT]:
        """As `Published.assert_published`."""
        return self.published.assert_published(kind, payload=payload, topic=topic, ordering_key=ordering_key, times=times)

    def assertNotPublished(self, kind: Kind[Any]) -> None:  # noqa: N802 -- as above
        """As `Published.assert_not_published`."""
        self.published.assert_not_published(kind)
