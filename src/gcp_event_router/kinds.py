"""A kind that is declared once, for both ends: its name, its payload's type, its handlers, its URL and its messages.

Made by `EventRouter.kind`:

    OrderPlaced = events.kind("order-placed", Order)

    @OrderPlaced.on
    def record(event: Event[Order]) -> None: ...

    OrderPlaced.publish("projects/my-project/topics/orders", Order(order_id=4711))
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Unpack, cast, overload
from uuid import UUID

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from typing_extensions import TypeVar, override

from ._dispatch.handler import Handler
from ._dispatch.options import HandlerOptions, Options
from ._dispatch.payload import payload_reader
from ._dispatch.signature import NO_SOURCE, type_of
from ._globs.glob import Glob, escape
from ._schema.json_schema import bare
from ._schema.type_names import type_text
from .event import LABEL_LENGTH, Event, is_label
from .exceptions import InvalidEventError, RegistrationError
from .publishing import Publisher, publish
from .utils import SUBSCRIPTION, get_event_url, make_pubsub_message

__all__ = ["Kind", "PayloadDecorator", "callers_place", "callers_scope"]

PayloadT = TypeVar("PayloadT")
ParametersT = TypeVar("ParametersT", default=dict[str, str])
ResultT = TypeVar("ResultT", bound=Awaitable[None] | None, default=None)


class PayloadDecorator(Generic[PayloadT]):
    """What registers handlers of a payload, to type checkers: `events.on(..., payload=Model)`, or `Kind.on(name=...)`."""

    def __call__(
        self, function: Callable[[Event[PayloadT, ParametersT]], ResultT]
    ) -> Callable[[Event[PayloadT, ParametersT]], ResultT]:
        """Register `function` and return it."""
        raise NotImplementedError


class Kind(Generic[PayloadT]):
    """One kind of event, and the type of its payload. Made by `EventRouter.kind`."""

    def __init__(
        self,
        name: str,
        payload: type[PayloadT] | TypeAdapter[PayloadT],
        register: Callable[[Handler], None],
        location: str = NO_SOURCE,
    ) -> None:
        """Declare a kind. Raises `RegistrationError` for a name that no event can have, or a payload that is no type."""
        _check(name)
        self.name: Final = name
        #: The file and the line where it is declared.
        self.location: Final = location
        self.adapter: Final[TypeAdapter[PayloadT]] = payload if isinstance(payload, TypeAdapter) else _adapter(name, payload)
        #: As it was declared: a type, or the type inside of a `TypeAdapter`.
        self.payload_type: Final[object] = type_of(payload)
        self._payload = payload
        self._register = register

    @overload
    def on(
        self, function: Callable[[Event[PayloadT, ParametersT]], ResultT], /
    ) -> Callable[[Event[PayloadT, ParametersT]], ResultT]: ...

    @overload
    def on(self, /, **options: Unpack[HandlerOptions]) -> PayloadDecorator[PayloadT]: ...

    def on(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """Register the decorated function for this kind; it stays the very same function.

        Used bare, or with the options of `EventRouter.on`. Raises `RegistrationError` for a function of another payload.
        """
        kept = Options.of(options)

        def register(function: Any) -> Any:
            self._register(Handler(function, (Glob(escape(self.name)),), self._payload, callers_scope(), kept))
            return function

        if function is None:
            return register
        self._register(Handler(function, (Glob(escape(self.name)),), self._payload, callers_scope(), kept))
        return function

    def url(
        self,
        reference: str | int | UUID,
        parameters: Mapping[str, Any] | None = None,
        *,
        base_url: str | None = None,
        signed: bool = False,
        max_age: timedelta | None = None,
        single_use: bool = False,
    ) -> str:
        """The URL to which events of this kind are sent; as `utils.get_event_url`, which says what it raises."""
        return get_event_url(
            self.name, reference, parameters, base_url=base_url, signed=signed, max_age=max_age, single_use=single_use
        )

    def data(self, payload: PayloadT) -> bytes:
        """A payload as handlers of this kind read it: JSON; bytes as they are; nothing for None.

        Raises `pydantic.ValidationError` for what is no such payload, and `ValueError` for one that they could not read.
        """
        valid: Any = self.adapter.validate_python(payload)
        if bare(self.payload_type) is bytes:
            return cast("bytes", valid)
        written = b"" if valid is None else self.adapter.dump_json(valid, by_alias=True)
        try:
            payload_reader(self.adapter, self.payload_type)(written)
        except InvalidEventError as error:
            problem = error.errors[0]
            place = ".".join(map(str, problem["loc"])) or "the whole"
            msg = (
                f"{self!r} is given a payload that its handlers could not read, as it is written: {place}: {problem['msg']}. "
                "Have each field written under the name by which it is read, with a value that JSON has."
            )
            raise ValueError(msg) from error
        return written

    def message(
        self,
        payload: PayloadT,
        *,
        attributes: Mapping[str, str] | None = None,
        message_id: str | None = None,
        ordering_key: str | None = None,
        publish_time: datetime | None = None,
        subscription: str = SUBSCRIPTION,
    ) -> bytes:
        """The body of a push of this kind, as Pub/Sub would send it; as `utils.make_pubsub_message`. For tests."""
        return make_pubsub_message(self.data(payload), subscription, attributes, message_id, ordering_key, publish_time)

    def publish(
        self,
        topic: str,
        payload: PayloadT,
        *,
        attributes: Mapping[str, str] | None = None,
        ordering_key: str = "",
        client: Publisher | None = None,
    ) -> Future[str]:
        """Publish a payload to a topic, whose subscription pushes to `url`.

        Args:
            topic: The path, `"projects/P/topics/T"`.
            payload: What handlers get.
            attributes: Strings by strings.
            ordering_key: Messages with the same one are delivered in order, where the subscription says so.
            client: A `PublisherClient` of your own, such as one with other settings; one is made otherwise.

        Returns:
            A future with the message's id. What it raises is Google's.

        Raises:
            ConfigurationError: The extra `pubsub` is not installed.
            ValueError: The topic is no path of one, or Pub/Sub cannot carry the message; or handlers could not read it.
            pydantic.ValidationError: It is no such payload.

        """
        return publish(topic, self.data(payload), attributes, ordering_key, client)

    async def apublish(
        self,
        topic: str,
        payload: PayloadT,
        *,
        attributes: Mapping[str, str] | None = None,
        ordering_key: str = "",
        client: Publisher | None = None,
    ) -> str:
        """Do the same, and await the message's id."""
        future = self.publish(topic, payload, attributes=attributes, ordering_key=ordering_key, client=client)
        return await asyncio.wrap_future(future)

    @override
    def __repr__(self) -> str:
        return f"<Kind {self.name!r} of {type_text(self.payload_type)}>"


def _check(name: object) -> None:
    if not isinstance(name, str) or not is_label(name):
        msg = f"No event can have the kind {name!r}. Give 1 to {LABEL_LENGTH} printable characters, without a slash."
        raise RegistrationError(msg)


def _adapter(name: str, payload: type[PayloadT]) -> TypeAdapter[PayloadT]:
    try:
        return TypeAdapter(payload)
    except (PydanticUserError, NameError) as error:
        msg = (
            f"pydantic cannot validate {type_text(payload)}, the payload of kind {name!r} "
            f"({type(error).__name__}). Give a type that it can validate: a model, a dataclass, a TypedDict, a built-in."
        )
        raise RegistrationError(msg) from error


def callers_scope() -> Mapping[str, Any]:
    """The local names where the caller's caller stands: the annotations of what is decorated there may be written in them."""
    frame = inspect.currentframe()
    caller = frame and frame.f_back and frame.f_back.f_back
    return caller.f_locals if caller else {}


def callers_place() -> str:
    """The file and the line where the caller's caller stands."""
    frame = inspect.currentframe()
    caller = frame and frame.f_back and frame.f_back.f_back
    return f"{caller.f_code.co_filename}:{caller.f_lineno}" if caller else NO_SOURCE
