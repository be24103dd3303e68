"""Registers handlers of kinds: the `EventRouter`, and `events`, a project's router unless it makes its own.

`apps` connects `events` to the signals in the settings; `checks` and the management commands read the registrations.
"""
# pyright: reportOverlappingOverload=false
# -- it does not see that only functions that find a key reach the overloads with `Keyed[KeyedT]`

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Unpack, cast, overload
from weakref import WeakSet

from django.dispatch import Signal
from typing_extensions import TypeVar, override

from ._dispatch.dispatch import Dispatcher
from ._dispatch.event_types import UNSET
from ._dispatch.explanation import Consulted, Explanation, explain
from ._dispatch.handler import Handler
from ._dispatch.lookup import GivenTraits, HandlersFound, HandlerTable, Registration, Traits, is_registered
from ._dispatch.middleware import AsyncCallNext, CallNext, Middleware, RegisteredMiddleware
from ._dispatch.options import HandlerOptions, Keyed, KeyedFallback, OnOptions, Options
from ._globs.attributes import NO_ATTRIBUTES, AttributeGlobs
from ._globs.glob import Glob, check_prefix, glob_of
from ._globs.kinds_by_name import KindsByName
from ._words import counted
from .exceptions import GlobError, RegistrationError
from .kinds import HandlerDecorator, Kind, PayloadDecorator, TakesAnEventAndReturnsNone, TypeOf, callers_place, callers_scope
from .signals import SignalListener

if TYPE_CHECKING:
    from typing_extensions import TypeForm  # the oldest supported release lacks it

    from gcp_event_router_kinds import Events

__all__ = [
    "AsyncCallNext",
    "CallNext",
    "Consulted",
    "EventRouter",
    "Explanation",
    "Glob",
    "Handler",
    "Middleware",
    "Registration",
    "events",
    "is_registered",
]

MiddlewareT = TypeVar("MiddlewareT", bound=Middleware)
PayloadT = TypeVar("PayloadT")
KeyedT = TypeVar("KeyedT", default=Any)
FormT = TypeVar("FormT", default=Any)  # Any is what it is to a mypy that does not know TypeForm


class EventRouter(SignalListener):
    """A collection of handlers, with a receiver that passes a signal's events to them.

    Args:
        signal: A signal, or its dotted path, that sends the arguments of `event_received`. Leave it out for a router that is
            included in another.
        middleware: Surrounds each run of the router's handlers, the first outermost; see `use`.

    Raises:
        ConfigurationError: The path does not lead to a signal.
        RegistrationError: A middleware cannot be called with an event and `call_next`.

    """

    def __init__(self, signal: Signal | str | None = None, *, middleware: Iterable[Middleware] = ()) -> None:
        self._lock = Lock()
        self._entries: list[_Entry] = [RegisteredMiddleware(function) for function in middleware]
        self._parents: WeakSet[EventRouter] = WeakSet()
        self._table = HandlerTable(self)
        super().__init__(Dispatcher(self._table.find))
        if signal is not None:
            self.listen(signal)

    @overload
    def on(
        self, kind: str, /, *kinds: str, payload: TypeOf[PayloadT], ce_type: str | None = ..., **options: Unpack[Keyed[PayloadT]]
    ) -> PayloadDecorator[PayloadT]: ...

    @overload
    def on(
        self, /, *, payload: TypeOf[PayloadT], ce_type: str, **options: Unpack[Keyed[PayloadT]]
    ) -> PayloadDecorator[PayloadT]: ...

    @overload
    def on(
        self, *kinds: str, payload: None, ce_type: str | None = ..., **options: Unpack[Keyed[None]]
    ) -> PayloadDecorator[None]: ...

    @overload
    def on(
        self, kind: str, /, *kinds: str, payload: TypeForm[FormT], ce_type: str | None = ..., **options: Unpack[Keyed[FormT]]
    ) -> PayloadDecorator[FormT]: ...

    @overload
    def on(self, /, *, payload: TypeForm[FormT], ce_type: str, **options: Unpack[Keyed[FormT]]) -> PayloadDecorator[FormT]: ...

    @overload
    def on(self, kind: str, /, *kinds: str, ce_type: str | None = ..., **options: Unpack[OnOptions]) -> HandlerDecorator: ...

    @overload
    def on(self, /, *, ce_type: str, **options: Unpack[OnOptions]) -> HandlerDecorator: ...

    @overload
    def on(
        self, kind: str, /, *kinds: str, ce_type: str | None = ..., **options: Unpack[Keyed[KeyedT]]
    ) -> PayloadDecorator[KeyedT]: ...

    @overload
    def on(self, /, *, ce_type: str, **options: Unpack[Keyed[KeyedT]]) -> PayloadDecorator[KeyedT]: ...

    def on(self, *kinds: str, payload: object = UNSET, ce_type: str | None = None, **options: Any) -> Any:
        """Register the decorated function for all matching events, and return it unchanged.

        Args:
            kinds: Globs such as `"order-placed"`, `"order-*"` or `"order-v[12]"`. One of them has to match the kind.
            payload: The payload's type, or a `TypeAdapter`, for functions without an annotation. None is the type of events
                without a payload.
            ce_type: A glob of CloudEvents types, such as `"google.cloud.storage.object.v1.*"`, which has to match, too.
            attributes: Globs by the names of attributes, such as `{"eventType": "OBJECT_*"}`. All of them have to match, too: the
                attributes of a Pub/Sub message, and those of a CloudEvent, with its extensions.
            once_key: Finds the business key of an event, such as `lambda event: event.payload.payment_id`: a text, an int or a
                UUID, or None for an event without one. The function's effects happen once for each key, in the inbox.
            order_by: Finds the key, or is `"ordering_key"`, with which the inbox handles events one by one, as they arrive.
            options: How the function runs, mostly in the inbox. `name`: the handler's name, instead of its module and
                qualified name. `once`: whether its effects happen once. `once_for`: how long the inbox keeps a key of
                `once_key`. `deferred`: whether it runs after the answer to the sender. `lease`: how long one run may take.
                `max_attempts`: how many runs may fail before the inbox parks it. `retry`: when it is tried again, a `Backoff`.

        Raises:
            RegistrationError: A kind is not a string, `attributes` is not a mapping of strings, an option is invalid, or the
                function could never be called correctly.
            GlobError: A kind, a type or an attribute is empty or malformed, or neither a kind nor a type is given.

        """
        if not kinds and ce_type is None:
            msg = 'Without a kind, no event would ever reach the function. Name one: `@events.on("order-placed")`.'
            raise GlobError(msg)
        globs = tuple(dict.fromkeys(map(glob_of, kinds)))
        type_glob = None if ce_type is None else glob_of(ce_type, "type")
        attribute_globs = AttributeGlobs.of(options.pop("attributes", None))
        run_options = Options.of(options, "payload", "ce_type", "attributes")

        def register(function: Any) -> Any:
            self._register(Handler(function, globs, payload, callers_scope(), run_options, type_glob, attribute_globs))
            return function

        return register

    @overload
    def fallback(self, function: TakesAnEventAndReturnsNone, /) -> TakesAnEventAndReturnsNone: ...

    @overload
    def fallback(self, /, **options: Unpack[HandlerOptions]) -> HandlerDecorator: ...

    @overload
    def fallback(self, /, **options: Unpack[KeyedFallback[KeyedT]]) -> PayloadDecorator[KeyedT]: ...

    def fallback(self, function: Any = None, /, **options: Any) -> Any:
        """Register the decorated function for events that no other handler takes, and return it unchanged.

        It takes the options of `on`, with `once_key` and `order_by`. In an included router, it only gets kinds with the router's
        prefix.

        Raises `RegistrationError` for an invalid option, and a function that could never be called correctly.
        """
        run_options = Options.of(options)

        def register(function: Any) -> Any:
            self._register(Handler(function, (), UNSET, callers_scope(), run_options))
            return function

        return register if function is None else register(function)

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Surround each run of this router's handlers, and of included ones, with a function `(event, call_next)`, sync or async.

        The first one is the outermost. Returns the function, so that `use` works as a decorator.

        Raises `RegistrationError` for a function that cannot be called with an event and `call_next`.
        """
        self._append(RegisteredMiddleware(middleware))
        return middleware

    @overload
    def kind(self, name: str, payload: TypeOf[PayloadT], *, topic: str = ...) -> Kind[PayloadT]: ...

    @overload
    def kind(self, name: str, payload: None, *, topic: str = ...) -> Kind[None]: ...

    @overload
    def kind(self, name: str, payload: TypeForm[FormT], *, topic: str = ...) -> Kind[FormT]: ...

    def kind(self, name: str, payload: Any, *, topic: str = "") -> Any:
        """Declare a kind once, for its senders and its handlers.

        Args:
            name: The kind itself, not a glob.
            payload: The type of its payload.
            topic: The topic to which `Kind.publish` publishes it, unless the call names one.

        Raises:
            RegistrationError: No event can have the name, the topic is not a string, pydantic cannot validate the payload, or the
                kind is already declared with another payload.

        """
        declared = Kind(name, payload, self._register, callers_place(), topic)
        other = next((entry for entry in self._entries if isinstance(entry, Kind) and entry.name == name), None)
        if other is not None and other.payload_type != declared.payload_type:
            msg = f"{declared!r} conflicts with {other!r}, which is already declared. A kind has one payload: use that one."
            raise RegistrationError(msg)
        self._append(declared)
        return declared

    @property
    def kinds(self) -> Mapping[str, Kind[Any]]:
        """The declared kinds by name, including those of included routers, with their prefix. It is a copy.

        The `KeyError` of another name suggests a declared one.
        """
        kinds = KindsByName[Kind[Any]]()
        for entry in tuple(self._entries):
            if isinstance(entry, Kind):
                kinds[entry.name] = entry
            elif isinstance(entry, _Inclusion):
                kinds |= {entry.prefix + name: kind for name, kind in entry.router.kinds.items()}
        return kinds

    def include(self, router: EventRouter, prefix: str = "") -> None:
        """Include the handlers of another router, present and future, for kinds that begin with `prefix`.

        Raises `RegistrationError` for anything but a router, for a prefix that is not a string, and if a router would include
        itself, directly or through others; `GlobError` for a prefix that no kind can have.
        """
        if not isinstance(cast("object", router), EventRouter):
            msg = f"{router!r} is not a router, so it has no handlers to include. Give an EventRouter, not a module that has one."
            raise RegistrationError(msg)
        if router is self or self in router._included():
            msg = "A router cannot include itself, directly or through others: the search for handlers would never end."
            raise RegistrationError(msg)
        check_prefix(prefix)
        router._parents.add(self)
        self._append(_Inclusion(router, prefix))

    def find(self, kind: str, ce_type: str | None = None, attributes: Mapping[str, str] | None = None) -> HandlersFound:
        """Find the sync and the async handlers that run for events of a kind, with attributes and, for CloudEvents, a type."""
        return self._table.find(kind, GivenTraits(ce_type, attributes or NO_ATTRIBUTES))

    @override
    def find_for(self, kind: str, traits: Traits) -> HandlersFound:
        """Find the handlers that run for an event, by its kind and its envelope."""
        return self._table.find(kind, traits)

    def explain(self, kind: str, ce_type: str | None = None, attributes: Mapping[str, str] | None = None) -> Explanation:
        """Explain which handlers run for a kind, a type and attributes, and why the others do not."""
        traits = GivenTraits(ce_type, attributes or NO_ATTRIBUTES)
        return explain(kind, traits, tuple(self), self.find_for(kind, traits))

    @contextmanager
    def isolated(self, *, empty: bool = False) -> Generator[EventRouter]:
        """Undo all changes to the registrations at the end of the `with` block. For tests.

        Args:
            empty: Begin the block without registrations.

        """
        before = self._entries
        self._entries = [] if empty else before.copy()
        self._forget()
        try:
            yield self
        finally:
            self._entries = before
            self._forget()

    @override
    def __iter__(self) -> Iterator[Registration]:
        """Iterate over all registrations in order, including those of included routers."""
        entries = tuple(self._entries)
        middleware = tuple(entry for entry in entries if isinstance(entry, RegisteredMiddleware))
        for entry in entries:
            if isinstance(entry, Registration):
                yield entry.within(middleware)
            elif isinstance(entry, _Inclusion):
                yield from (registration.within(middleware) for registration in entry.registrations())

    def __len__(self) -> int:
        """The number of registrations."""
        return sum(1 for _ in self)

    def __contains__(self, function: object) -> bool:
        """Whether a function is registered."""
        return any(registration.handler.function == function for registration in self)

    def __bool__(self) -> bool:
        """True, even for an empty router."""
        return True

    @override
    def __repr__(self) -> str:
        return f"<EventRouter with {counted(len(self), 'registration')}>"

    def _register(self, handler: Handler) -> None:
        is_fallback = not handler.globs and handler.ce_type is None
        globs = (Glob("*"),) if is_fallback else handler.globs
        self._append(Registration(handler, globs, is_fallback, handler.ce_type, attributes=handler.attributes))

    def _append(self, entry: _Entry) -> None:
        with self._lock:
            self._entries.append(entry)
        self._forget()

    def _forget(self) -> None:
        """Drop the tables of this router and of those that include it."""
        self._table.forget()
        for parent in tuple(self._parents) if self._parents else ():
            parent._forget()  # noqa: SLF001 -- an instance of the same class

    def _included(self) -> Iterator[EventRouter]:
        for entry in tuple(self._entries):
            if isinstance(entry, _Inclusion):
                yield entry.router
                yield from entry.router._included()  # noqa: SLF001 -- an instance of the same class


class _Inclusion(NamedTuple):
    router: EventRouter
    prefix: str

    def registrations(self) -> Iterator[Registration]:
        for registration in self.router:
            globs = registration.globs or ((Glob("*"),) if self.prefix else ())
            prefixed = tuple(glob.prefixed(self.prefix) for glob in globs)
            yield registration._replace(globs=prefixed)


_Entry: TypeAlias = Registration | _Inclusion | Kind[Any] | RegisteredMiddleware


#: A project's router; `apps` connects it to `GCP_EVENT_ROUTER["SIGNALS"]`.
events: Events = EventRouter()
