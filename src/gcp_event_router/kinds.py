"""Declares a kind once, for senders and handlers: its name, its payload's type, its handlers, its URL and its messages.

OrderPlaced = events.kind("order-placed", Order)

@OrderPlaced.on
def record(event: Event[Order]) -> None: ...

OrderPlaced.publish("projects/my-project/topics/orders", Order(order_id=4711))
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Generic, Never, TypeAlias, Unpack, cast, overload
from uuid import UUID

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from typing_extensions import TypeVar, override

from ._dispatch.event_types import type_of
from ._dispatch.handler import Handler
from ._dispatch.options import Keyed, Options
from ._dispatch.payload import payload_reader
from ._dispatch.signature import NO_SOURCE
from ._globs.attributes import AttributeGlobs
from ._globs.glob import Glob, escape
from ._schema.json_schema import bare
from ._schema.type_names import type_text
from .event import LABEL_LENGTH, SUBSCRIPTION, Event, is_label
from .exceptions import InvalidEventError, RegistrationError

if TYPE_CHECKING:
    from .publishing import Publication, Publisher, PublishOptions

__all__ = [
    "HandlerDecorator",
    "Kind",
    "PayloadDecorator",
    "TakesAnEventAndReturnsNone",
    "TypeOf",
    "callers_place",
    "callers_scope",
]

PayloadT = TypeVar("PayloadT")
#: The ways to give the type of a payload that every checker reads. A union, for example, also needs `TypeForm`.
TypeOf: TypeAlias = type[PayloadT] | TypeAdapter[PayloadT]
ParametersT = TypeVar("ParametersT", default=dict[str, str])
ResultT = TypeVar("ResultT", bound=Awaitable[None] | None, default=None)
#: Its name is what mypy's messages show. `Event[Never, Never]` is an event of anything, since `Event` is covariant; unlike
#: `Event[Any, Any]`, it leaves the code of projects free of Any.
TakesAnEventAndReturnsNone = TypeVar("TakesAnEventAndReturnsNone", bound=Callable[[Event[Never, Never]], Awaitable[None] | None])
GivenT = TypeVar("GivenT", default=None)


#: The options of `publish` that are passed on as they are.
_OPTIONS: Final = ("ordering_key", "at", "delay")


class HandlerDecorator(Generic[GivenT]):
    """To type checkers, the decorator that `events.on(...)` and `events.fallback(...)` return.

    The plugin for mypy keeps in its type what `on` was given.
    """

    def __call__(self, function: TakesAnEventAndReturnsNone) -> TakesAnEventAndReturnsNone:
        """Register `function` and return it."""
        raise NotImplementedError


class PayloadDecorator(Generic[PayloadT]):
    """To type checkers, the decorator that `events.on(..., payload=Model)` and `Kind.on(name=...)` return."""

    def __call__(
        self, function: Callable[[Event[PayloadT, ParametersT]], ResultT]
    ) -> Callable[[Event[PayloadT, ParametersT]], ResultT]:
        """Register `function` and return it."""
        raise NotImplementedError


class Kind(Generic[PayloadT]):
    """A kind of event, and the type of its payload. `EventRouter.kind` makes it."""

    def __init__(
        self,
        name: str,
        payload: TypeOf[PayloadT],
        register: Callable[[Handler], None],
        location: str = NO_SOURCE,
        topic: str = "",
    ) -> None:
        """Declare a kind. Raises `RegistrationError` for an impossible name or topic, or a payload that pydantic cannot read."""
        if not isinstance(cast("object", name), str) or not is_label(name):
            msg = f"No event can have the kind {name!r}. Give 1 to {LABEL_LENGTH} printable characters, without a slash."
            raise RegistrationError(msg)
        if not isinstance(cast("object", topic), str):
            msg = f"The kind {name!r} has topic={topic!r}, which is not a string. Write topic='my-topic', or leave it out."
            raise RegistrationError(msg)
        if isinstance(cast("object", payload), str):
            msg = f"The kind {name!r} has the payload {payload!r}, a string, and strings are not looked up. Give the type itself."
            raise RegistrationError(msg)
        try:
            adapter = payload if isinstance(payload, TypeAdapter) else TypeAdapter(payload)
        except (PydanticUserError, NameError) as error:
            msg = (
                f"pydantic cannot validate {type_text(payload)}, the payload of kind {name!r} "
                f"({type(error).__name__}). Give a type that it can validate: a model, a dataclass, a TypedDict, a built-in."
            )
            raise RegistrationError(msg) from error
        #: The kind itself.
        self.name: Final = name
        #: The topic to which it is published by default; may be empty.
        self.topic: Final = topic
        #: The file and the line where it is declared.
        self.location: Final = location
        self.adapter: Final[TypeAdapter[PayloadT]] = adapter
        #: The declared type, or the type inside the declared `TypeAdapter`.
        self.payload_type: Final[object] = type_of(payload)
        self._payload = payload
        self._register = register

    @overload
    def on(
        self, function: Callable[[Event[PayloadT, ParametersT]], ResultT], /
    ) -> Callable[[Event[PayloadT, ParametersT]], ResultT]: ...

    @overload
    def on(self, /, **options: Unpack[Keyed[PayloadT]]) -> PayloadDecorator[PayloadT]: ...

    def on(self, function: Any = None, /, **options: Any) -> Any:
        """Register the decorated function for this kind, and return it unchanged.

        Takes the `attributes` and the options of `EventRouter.on`, and raises as it does; a function of another payload is a
        `RegistrationError`, too.
        """
        attribute_globs = AttributeGlobs.of(options.pop("attributes", None))
        run_options = Options.of(options, "attributes")

        def register(function: Any) -> Any:
            globs = (Glob(escape(self.name)),)
            self._register(Handler(function, globs, self._payload, callers_scope(), run_options, None, attribute_globs))
            return function

        return register if function is None else register(function)

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
        """Return the URL to which events of this kind are sent; see `utils.get_event_url`."""
        from ._event_urls import get_event_url  # noqa: PLC0415 -- Django's URLs are not needed at start

        return get_event_url(
            self.name, reference, parameters, base_url=base_url, signed=signed, max_age=max_age, single_use=single_use
        )

    def data(self, payload: PayloadT) -> bytes:
        """Serialise a payload for handlers of this kind: to JSON; bytes stay as they are, None becomes `b""`.

        Raises `pydantic.ValidationError` for an invalid payload, and `ValueError` for one that handlers could not read.
        """
        return self._serialised(payload)[0]

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
        """Make the body of a push of this kind, for tests; see `utils.make_pubsub_message`."""
        from .utils import make_pubsub_message  # noqa: PLC0415 -- for tests

        return make_pubsub_message(self.data(payload), subscription, attributes, message_id, ordering_key, publish_time)

    @overload
    def publish(self, topic: str, payload: PayloadT, **options: Unpack[PublishOptions]) -> Future[str]: ...

    @overload
    def publish(self, payload: PayloadT, **options: Unpack[PublishOptions]) -> Future[str]: ...

    def publish(self, *given: Any, **options: Any) -> Future[str]:
        """Publish a payload, to the topic of the kind unless one is given.

        With the outbox, this stores the event in the current transaction, and a relay sends it after the commit. Without it,
        this sends a message to Pub/Sub at once.

        Args:
            given: The topic, such as `"projects/P/topics/T"` or `"T"`, which is in the project `GOOGLE_CLOUD_PROJECT` of the
                environment, and the payload that handlers get; or the payload alone, for the kind's own topic.
            options: `attributes`: a mapping of strings to strings. `ordering_key`: events with the same key are sent in the
                order in which their transactions are committed, and Pub/Sub delivers them in order if the subscription enables
                it. `at`, an aware time, or `delay`, a timedelta: when the event is due, at the earliest; needs the outbox.
                `client`: your own `PublisherClient`, which sends at once, without the outbox.

        Returns:
            A future of the event's id. With the outbox, it is done; without it, it may raise what Google's client raises.

        Raises:
            ConfigurationError: The extra `pubsub` is not installed or has no credentials, or a time is given without the outbox.
            TypeError: An option is unknown, or has another type.
            ValueError: The topic is missing or unknown, the options contradict each other, Pub/Sub would refuse the message, or
                handlers could not read it.
            pydantic.ValidationError: The payload is invalid.

        """
        from .publishing import publish  # noqa: PLC0415 -- many processes only handle events

        return publish(*self._publication(*given, **options))

    @overload
    async def apublish(self, topic: str, payload: PayloadT, **options: Unpack[PublishOptions]) -> str: ...

    @overload
    async def apublish(self, payload: PayloadT, **options: Unpack[PublishOptions]) -> str: ...

    async def apublish(self, *given: Any, **options: Any) -> str:
        """Publish a payload, as `publish` does, and await the event's id."""
        from .publishing import apublish  # noqa: PLC0415 -- as above

        return await apublish(*self._publication(*given, **options))

    @override
    def __repr__(self) -> str:
        return f"<Kind {self.name!r} of {type_text(self.payload_type)}>"

    def _serialised(self, payload: PayloadT) -> tuple[bytes, Any]:
        """The bytes, and the payload as handlers read it."""
        valid: Any = self.adapter.validate_python(payload)
        if bare(self.payload_type) is bytes:
            return cast("bytes", valid), valid
        data = b"" if valid is None else self.adapter.dump_json(valid, by_alias=True)
        try:
            return data, payload_reader(self.adapter, self.payload_type)(data)
        except InvalidEventError as error:
            problem = error.errors[0]
            place = ".".join(map(str, problem["loc"])) or "the whole"
            msg = (
                f"{self!r} serialises this payload to JSON that its handlers cannot read: {place}: {problem['msg']}. "
                "Give each field the same alias for serialisation and validation, and a value that JSON can represent."
            )
            raise ValueError(msg) from error

    def _publication(
        self,
        *given: Any,
        attributes: Mapping[str, str] | None = None,
        client: Publisher | None = None,
        **options: Any,
    ) -> tuple[Publication, Publisher | None]:
        """Read the arguments of `publish`, of which the topic may be left out."""
        from .publishing import Publication  # noqa: PLC0415 -- as above

        names = ("topic", "payload")
        if unknown := sorted(options.keys() - {*names, *_OPTIONS}):
            msg = f"publish has no option {unknown[0]}=. The options are attributes=, client=, {'=, '.join(_OPTIONS)}=."
            raise TypeError(msg)
        named = {name: options.pop(name) for name in names if name in options}
        if len(given) + len(named) == 1:
            given = (self.topic, *given)
        if len(given) + len(named) != len(names) or (given and "topic" in named):
            msg = "publish takes a payload, or a topic and a payload. Write publish(payload) or publish('my-topic', payload)."
            raise TypeError(msg)
        topic, payload = (*given, *named.values())
        data, read = self._serialised(payload)
        publication = Publication(kind=self.name, topic=topic, data=data, payload=read, attributes=attributes or {}, **options)
        return publication, client


def callers_scope() -> Mapping[str, Any]:
    """The local names of the code that calls this package, which annotations of decorated functions may use."""
    frame = _callers_frame()
    return frame.f_locals if frame else {}


def callers_place() -> str:
    """The file and the line of the code that calls this package."""
    frame = _callers_frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else NO_SOURCE


def _callers_frame() -> FrameType | None:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") in _REGISTER:
        frame = frame.f_back
    return frame


#: The modules that register functions.
_REGISTER: Final = {__name__, f"{__package__}.router"}
