"""The same for test cases of unittest and Django: a mixin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack, overload
from unittest import TestCase
from uuid import UUID

from typing_extensions import TypeVar, override

from ..event import Event, Principal
from ..kinds import Kind
from .client import PushOptions, apush, push
from .recording import UNSET, Recording, Unset, record
from .result import Pushed

PayloadT = TypeVar("PayloadT")
ParametersT = TypeVar("ParametersT")


class EventTestMixin(TestCase):
    """Put it before Django's: `class ShopTests(EventTestMixin, django.test.TestCase)`. Each test has a recording."""

    #: Who is said to send by all pushes that say nothing else; None leaves it to the settings.
    event_principal: Principal | None = None

    #: All that was delivered since the test began.
    recording: Recording

    @override
    def setUp(self) -> None:
        """Begin to record."""
        super().setUp()
        self.recording = self.enterContext(record())

    @overload
    def push(
        self,
        kind: Kind[PayloadT],
        reference: str | int | UUID = ...,
        payload: PayloadT = ...,
        **options: Unpack[PushOptions],
    ) -> Pushed: ...

    @overload
    def push(
        self,
        kind: str | None,
        reference: str | int | UUID | None = ...,
        payload: object = ...,
        **options: Unpack[PushOptions],
    ) -> Pushed: ...

    def push(
        self,
        kind: Any,
        reference: str | int | UUID | None = "1",
        payload: object = None,
        **options: Unpack[PushOptions],
    ) -> Pushed:
        """As `testing.push`, with the test case's client."""
        return push(kind, reference, payload, client=getattr(self, "client", None), **self._options(options))

    @overload
    async def apush(
        self,
        kind: Kind[PayloadT],
        reference: str | int | UUID = ...,
        payload: PayloadT = ...,
        **options: Unpack[PushOptions],
    ) -> Pushed: ...

    @overload
    async def apush(
        self,
        kind: str | None,
        reference: str | int | UUID | None = ...,
        payload: object = ...,
        **options: Unpack[PushOptions],
    ) -> Pushed: ...

    async def apush(
        self,
        kind: Any,
        reference: str | int | UUID | None = "1",
        payload: object = None,
        **options: Unpack[PushOptions],
    ) -> Pushed:
        """As `testing.apush`, with the test case's client."""
        return await apush(kind, reference, payload, client=getattr(self, "async_client", None), **self._options(options))

    def _options(self, options: PushOptions) -> PushOptions:
        return options if self.event_principal is None else {"principal": self.event_principal, **options}

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
