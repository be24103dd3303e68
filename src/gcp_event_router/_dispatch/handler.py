"""One registered function: the types that it declares, the events that are made for it, and its call.

`router` makes a `Handler` for each registration; `dispatch` and `pipeline` call it.
"""

from __future__ import annotations

from asyncio import CancelledError, create_task, current_task
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from functools import partial
from typing import Any, Final, Protocol, TypeVar, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from typing_extensions import override

from .._concurrency import LONG, STRAYS, as_failure, in_thread, is_meant
from .._frames import know_handler
from .._globs.attributes import ANY_ATTRIBUTES, AttributeGlobs
from .._globs.glob import Glob
from .._schema.type_names import type_text
from ..event import Event, new_event
from ..exceptions import ConfigurationError, InvalidEventError, RegistrationError, UnsupportedMediaTypeError
from .context import RunState, enter
from .event_types import UNSET, annotation_text, check_is_type, declared_types, event_text, type_of
from .middleware import RegisteredMiddleware, check_result, surround
from .options import DEFAULTS, Options
from .payload import ParametersReader, PayloadReader, may_hold_names, parameters_reader, payload_reader
from .raw_event import RawEvent
from .signature import BOUND, HOW, RegisteredFunction, code_of, event_annotation, refuse, resolved_annotation

#: Pydantic's codes for a type whose own annotations have an unknown name.
_INCOMPLETE = frozenset({"class-not-fully-defined", "undefined-annotation"})
#: The exceptions of an unknown name in an annotation.
_UNKNOWN = (NameError, AttributeError)


class _Unknown(Protocol):
    """A type that has an unknown name: it may be any, but `Any` does not say which."""


class Handler(RegisteredFunction):
    """A function, the kinds that it handles, and the types that it declares. `EventRouter.on` makes it.

    It reads the types from the annotation once: at registration, or, if the annotation refers to something that is defined
    further down in the file, when the project has started.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        globs: tuple[Glob, ...],
        payload: object = UNSET,
        scope: Mapping[str, Any] | None = None,
        options: Options = DEFAULTS,
        ce_type: Glob | None = None,
        attributes: AttributeGlobs = ANY_ATTRIBUTES,
    ) -> None:
        """Check a function and keep it. Raises `RegistrationError` if it could never be called correctly.

        Without `globs` and `ce_type`, it is a fallback. `payload` is the `payload=` of the registration, and `scope` has the
        local names to which annotations may refer.
        """
        how = HOW if globs or ce_type else "A fallback takes no kinds: write `@events.fallback` above a function."
        how = BOUND if isinstance(cast("object", function), classmethod) else how
        if not callable(function):
            refuse(f"{function!r}, of type {type(function).__name__}, cannot be called. {how}")
        super().__init__(function, options.name, scope)
        #: The function, or the middleware around it.
        self.run: Callable[[Event[Any, Any]], Any] = function
        #: The handler without middleware, if this is a copy with it.
        self._origin: Handler | None = None
        self.globs: Final = globs
        self.ce_type: Final = ce_type
        self.attributes: Final = attributes
        self.options: Final = options
        if (code := code_of(function)) is not None:
            know_handler(code)
        #: Equal for all registrations of a function or of a bound method.
        self.key: Final = (id(getattr(function, "__self__", None)), id(getattr(function, "__func__", function)))
        check_is_type(payload, self)
        self._declared_payload: object = type_of(payload)
        self._adapter: TypeAdapter[Any] | None = payload if isinstance(payload, TypeAdapter) else None
        self._annotation = event_annotation(function, self.name)
        self.check_declared_result()
        self._types: tuple[object, object] | None = None
        self._readers: tuple[PayloadReader, ParametersReader | None] | None = None
        self._reads_body = False
        with suppress(*_UNKNOWN):  # it may be defined further down; a system check looks again
            self._types = self._resolve(scope)

    def within(self, middleware: tuple[RegisteredMiddleware, ...]) -> Handler:
        """Return a copy of the handler that runs within middleware, the first outermost."""
        surrounded = copy(self)
        surrounded.run = surround(self, middleware)
        surrounded._origin = self  # noqa: SLF001 -- of the same class
        return surrounded

    @property
    def is_given_payload(self) -> bool:
        """Whether the registration gives the type of the payload: `payload=`, or a declared kind."""
        return self._declared_payload is not UNSET

    @property
    def payload_type(self) -> object:
        """The type of the payload. Raises `ConfigurationError` if the annotation cannot be resolved."""
        return self._resolved()[0]

    @property
    def parameters_type(self) -> object:
        """The type of the parameters: `dict[str, str]`, or the second argument of `Event[...]`. Raises as `payload_type`."""
        return self._resolved()[1]

    @property
    def adapter(self) -> TypeAdapter[Any]:
        """Validates the payload. Raises `ConfigurationError` if pydantic cannot."""
        self.prepare()
        return cast("TypeAdapter[Any]", self._adapter)

    def event(self, kind: str, reference: str, raw_event: RawEvent) -> Event[Any, Any]:
        """Make the event as this handler declares it; each handler gets objects of its own.

        Raises:
            InvalidEventError: The payload or the parameters do not fit the declared types.
            UnsupportedMediaTypeError: The payload does not fit, and its sender says that it is not JSON.
            ConfigurationError: The annotation cannot be resolved.

        """
        read_payload, read_parameters = self._readers or self.prepare()
        envelope = raw_event.envelope
        try:
            payload = read_payload(envelope.published if self._reads_body else envelope.data)
        except InvalidEventError as error:
            if envelope.is_json:
                raise
            msg = "The handler reads its payload from JSON, but the sender says that the payload has another format."
            raise UnsupportedMediaTypeError(msg) from error
        if read_parameters is None:
            parameters = raw_event.parameters() if raw_event.query else {}
        else:
            parameters = read_parameters(raw_event.query)
        return new_event(kind, reference, payload, parameters, envelope, raw_event.principal)

    def call(self, kind: str, reference: str, raw_event: RawEvent, run: RunState | None = None) -> None:
        """Make a sync handler its event, note it in `run`, and call the function, or the middleware around it.

        Call it in a context of its own, `copy_context().run(handler.call, ...)`, which ends with a language or time zone that
        the function activates, and with the current event of its log lines.
        """
        enter((kind, reference, raw_event, run))
        try:
            event = (None if run is None else _take_made(run)) or self.event(kind, reference, raw_event)
            if run is not None and self._origin is None:  # middleware may call the handler with another event
                run.event = event
            result = self.run(event)
        except STRAYS as error:
            if isinstance(error, Exception) or is_meant(error):
                raise
            raise as_failure(error) from error
        if result is not None:
            check_result(self, result)

    async def acall(self, kind: str, reference: str, raw_event: RawEvent, run: RunState | None = None) -> None:
        """Do the same with an async handler, in a context of its own."""
        try:
            await create_task(self._acall(kind, reference, raw_event, run))
        except CancelledError as error:  # the handler may have cancelled its own task, but not this one
            if is_meant(error):
                raise
            raise as_failure(error) from error

    async def _acall(self, kind: str, reference: str, raw_event: RawEvent, run: RunState | None) -> None:
        enter((kind, reference, raw_event, run))
        task = current_task()
        try:
            event = None if run is None else _take_made(run)
            if event is None and len(raw_event.envelope.body) > LONG:
                event = await in_thread(partial(self.event, kind, reference, raw_event))
            event = event or self.event(kind, reference, raw_event)
            if run is not None and self._origin is None:
                run.event = event
            result = await self.run(event)
        except STRAYS as error:
            if isinstance(error, (Exception, CancelledError)) or is_meant(error, task):
                raise
            raise as_failure(error) from error
        finally:
            del task  # which refers to the exception, whose traceback refers to this frame
        if result is not None:
            check_result(self, result)

    def prepare(self) -> tuple[PayloadReader, ParametersReader | None]:
        """Build the validators of the declared types, once, at start-up or for the first event.

        Raises `ConfigurationError` for an annotation that cannot be resolved, or that pydantic cannot validate.
        """
        if self._origin is not None:
            readers = self._origin.prepare()
            self._adapter, self._reads_body = self._origin.adapter, self._origin._reads_body  # noqa: SLF001 -- as above
            self._readers = readers  # last, since another thread may call event()
            return readers
        payload_type, parameters_type = self._resolved()
        try:
            self._adapter = adapter = self._adapter or _adapter(payload_type)
            parameters = None if parameters_type == dict[str, str] else parameters_reader(_adapter(parameters_type))
            self._reads_body = getattr(payload_type, "__reads_body__", False) is True
            self._readers = payload_reader(adapter, payload_type), parameters  # last, as above
        except Exception as error:  # whatever pydantic, or a schema of the project's own, raises for a type
            how = "Declare a model, a dataclass, a TypedDict or a built-in type."
            if getattr(error, "code", None) == "typed-dict-version":
                how = "Import TypedDict from typing_extensions: pydantic reads typing.TypedDict from Python 3.12 on."
            if getattr(error, "code", None) in _INCOMPLETE:
                name = _unknown_name(self._adapter, error)
                what = f"the name {name!r}, which" if name else "a name that"
                how = f"Its annotations use {what} is not known in its module. Import it there, outside `if TYPE_CHECKING`."
            msg = (
                f"{self} declares {event_text(payload_type, parameters_type)}, which pydantic cannot validate "
                f"({type(error).__name__}). {how}"
            )
            raise ConfigurationError(msg) from error
        return self._readers

    @override
    def __repr__(self) -> str:
        return f"<Handler {self.name} for {self.kinds}>"

    @property
    def kinds(self) -> str:
        """The globs, the type and the attributes, for people."""
        parts = [repr(glob.pattern) for glob in self.globs]
        parts += [f"ce_type={self.ce_type.pattern!r}"] if self.ce_type else []
        parts += [str(self.attributes)] if self.attributes else []
        return ", ".join(parts) or "all other events"

    def _resolved(self) -> tuple[object, object]:
        try:
            self._types = self._types or self._resolve(None)
        except _UNKNOWN as error:
            with suppress(RegistrationError, *_UNKNOWN):
                self._types = self._guessed()
                return self._types
            written = annotation_text(self._annotation)
            msg = (
                f"{self} annotates its parameter {written}, but the name {error.name!r} is not known in its module. "
                "Import it there, outside `if TYPE_CHECKING`, or leave the annotation out and pass the type as `payload=`."
            )
            raise ConfigurationError(msg) from error
        return self._types

    def _guessed(self) -> tuple[object, object]:
        """Return the types if `payload=` alone says what is validated: then, only type checkers need the unknown names."""
        make: Any = TypeVar
        guesses: dict[str, Any] = {}
        while True:
            try:
                payload_type, parameters_type = self._resolve(guesses)
            except NameError as error:
                if self._declared_payload is UNSET or error.name is None or error.name in guesses:
                    raise
                guesses[error.name] = make(error.name, bound=_Unknown)
            else:
                if payload_type is not self._declared_payload or parameters_type in guesses.values():
                    raise NameError
                return payload_type, parameters_type

    def _resolve(self, scope: Mapping[str, Any] | None) -> tuple[object, object]:
        annotation = resolved_annotation(self.function, self._annotation, scope)
        payload_type, parameters_type = declared_types(annotation, self._declared_payload, self)
        if payload_type is not self._declared_payload:
            self._adapter = None
        if parameters_type != dict[str, str]:
            with suppress(PydanticUserError, *_UNKNOWN):  # it may not be complete yet; `prepare` looks again
                if not may_hold_names(_adapter(parameters_type)):
                    refuse(
                        f"{self} annotates its parameter {event_text(payload_type, parameters_type)}, but the parameters of a "
                        f"URL have names and values, which {type_text(parameters_type)} cannot hold. "
                        f"Declare a model with a field for each, and write Event[{type_text(payload_type)}, Params]."
                    )
        return payload_type, parameters_type


def _take_made(run: RunState) -> Event[Any, Any] | None:
    """Return the event that was made before the call, if any: once, since the handler may change it."""
    event, run.made = run.made, None
    return event


def _adapter(declared: object) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", declared))  # or another form of type; pydantic raises an exception for anything else


def _unknown_name(adapter: TypeAdapter[Any] | None, error: Exception) -> str | None:
    """Return the name that the annotations of a type use, and that is not known, as far as pydantic can tell."""
    try:
        if adapter is not None:
            adapter.rebuild(force=True)
    except Exception as again:  # noqa: BLE001 -- whatever a schema raises; pydantic 2.9 has no such method
        error = again
    return error.name if isinstance(error, PydanticUndefinedAnnotation) else None
