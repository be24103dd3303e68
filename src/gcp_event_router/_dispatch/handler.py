"""One registered function: what it declares, where it stands in the code, how an event is made for it, and its call.

`router` makes a `Handler` for each registration; `dispatch` and `pipeline` call it; `checks` asks it to resolve what it
declares.
"""

from __future__ import annotations

from asyncio import CancelledError, create_task, current_task
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from copy import copy
from functools import partial
from typing import Any, Final, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from typing_extensions import override

from .._concurrency import LONG, NOT_WITH_GEVENT, STRAYS, as_failure, in_thread, is_meant, is_served_by_gevent
from .._frames import know_handler
from .._globs.glob import Glob
from .._schema.type_names import type_text
from ..event import Event
from ..exceptions import ConfigurationError, InvalidEventError, UnsupportedMediaTypeError
from .context import enter
from .middleware import RegisteredMiddleware, RunState, check_result, surround, surrounded_run
from .options import Options
from .payload import ParametersReader, PayloadReader, may_hold_names, parameters_reader, payload_reader
from .raw_event import RawEvent
from .signature import (
    HOW,
    UNGIVEN,
    annotation_of,
    code_of,
    declared_types,
    event_parameter,
    event_text,
    is_async,
    location_of,
    name_of,
    refuse,
    type_of,
)

#: What a name that is not known, or not yet, raises in an annotation.
_UNKNOWN = (NameError, AttributeError)
_DEFAULTS: Final = Options()


class Handler:
    """A function, the kinds that it handles, and the types that it declares. Made by `EventRouter.on`.

    Types are read from the annotation once: at registration where its names are known by then, and otherwise when the project
    has started, so that a model may stand further down in the file.
    """

    __slots__ = (
        "_adapter",
        "_given",
        "_origin",
        "_parameter",
        "_readers",
        "_reads_body",
        "_types",
        "ce_type",
        "function",
        "globs",
        "is_async",
        "key",
        "location",
        "name",
        "options",
        "run",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        globs: tuple[Glob, ...],
        payload: object = UNGIVEN,
        scope: Mapping[str, Any] | None = None,
        options: Options = _DEFAULTS,
        ce_type: Glob | None = None,
    ) -> None:
        """Check `function` and keep it.

        Args:
            function: Anything that can be called with one `Event`, sync or async.
            globs: Which kinds it handles; without any, and without a type, it is a fallback.
            payload: What `payload=` says: a type, which may be None, or a `TypeAdapter`.
            scope: Local names of the place of registration, in which annotations may be written.
            options: How it is to be run.
            ce_type: Which types of CloudEvents it handles.

        Raises:
            RegistrationError: The function could never be called rightly.

        """
        #: The function as it was registered.
        self.function: Final = function
        #: What `pipeline` calls: the function, or the middleware around it.
        self.run: Callable[[Event[Any, Any]], Any] = function
        self._origin: Handler | None = None
        self.globs: Final = globs
        self.ce_type: Final = ce_type
        how = HOW if globs or ce_type else "A fallback is given no kinds: write `@events.fallback` above a function."
        if not callable(function):
            refuse(f"{function!r}, of type {type(function).__name__}, cannot be called. {how}")
        self.options: Final = options
        #: Module and qualified name of the function, unless it is registered by another.
        self.name: Final = options.name or name_of(function)
        #: The file and the line where it is written.
        self.location: Final = location_of(function)
        if (code := code_of(function)) is not None:
            know_handler(code)
        self.is_async: Final = is_async(function)
        if self.is_async and is_served_by_gevent():
            refuse(f"{self} is async, and gunicorn's gevent workers cannot await it: {NOT_WITH_GEVENT}")
        #: The same for two registrations of one function, or of one bound method.
        self.key: Final = (id(getattr(function, "__self__", None)), id(getattr(function, "__func__", function)))
        self._given: object = type_of(payload)
        self._adapter: TypeAdapter[Any] | None = payload if isinstance(payload, TypeAdapter) else None
        self._parameter = event_parameter(function, self.name)
        self._types: tuple[object, object] | None = None
        self._readers: tuple[PayloadReader, ParametersReader | None] | None = None
        self._reads_body = False
        with suppress(*_UNKNOWN):  # perhaps defined further down; a system check looks again
            self._resolve(scope)

    def within(self, middleware: tuple[RegisteredMiddleware, ...]) -> Handler:
        """Return the handler as it runs in a router that has middleware, the first outermost."""
        surrounded = copy(self)
        surrounded.run = surround(self, self.function, middleware)
        surrounded._origin = self  # noqa: SLF001 -- another one of its own class
        return surrounded

    @property
    def payload_type(self) -> object:
        """The type of the payload. Raises `ConfigurationError` where the annotation cannot be resolved."""
        return self._resolved()[0]

    @property
    def parameters_type(self) -> object:
        """The type of the parameters: `dict[str, str]`, or the second argument of `Event[...]`."""
        return self._resolved()[1]

    @property
    def adapter(self) -> TypeAdapter[Any]:
        """What validates a payload. Raises `ConfigurationError` where that cannot be."""
        self.prepare()
        return cast("TypeAdapter[Any]", self._adapter)

    def event(self, kind: str, reference: str, raw_event: RawEvent) -> Event[Any, Any]:
        """The event as this handler declares it, validated afresh, so that no handler sees what another one changed.

        Raises:
            InvalidEventError: The payload or the parameters are not what the handler declares.
            UnsupportedMediaTypeError: So is the payload, and its sender says that it is in another format than JSON.
            ConfigurationError: The annotation cannot be resolved.

        """
        read_payload, read_parameters = self._readers or self.prepare()
        envelope = raw_event.envelope
        try:
            payload = read_payload(envelope.published if self._reads_body else envelope.data)
        except InvalidEventError as error:
            if envelope.is_json:
                raise
            msg = "The payload is in a format that the handler does not read: it declares a type that is read from JSON."
            raise UnsupportedMediaTypeError(msg) from error
        return Event(
            kind,
            reference,
            payload,
            raw_event.parameters() if read_parameters is None else read_parameters(raw_event.query),
            envelope,
            raw_event.principal,
        )

    def call(self, kind: str, reference: str, raw_event: RawEvent, run: RunState | None = None) -> None:
        """Make a sync handler its event, note that in `run`, and call the function with it, or the middleware around it.

        To be run in a context of its own, `copy_context().run(handler.call, ...)`, so that a language or time zone that the
        function activates ends with it, and so does what is noted for its log lines.
        """
        enter((kind, reference, raw_event))
        try:
            event = self.event(kind, reference, raw_event)
            if self._origin is not None:
                surrounded_run.set(run)
            elif run is not None:
                run.event = event
            result = self.run(event)
        except STRAYS as error:
            if isinstance(error, Exception) or is_meant(error):
                raise
            raise as_failure(error) from error
        if result is not None:
            check_result(self, result)

    async def acall(self, kind: str, reference: str, raw_event: RawEvent, run: RunState | None = None) -> None:
        """Do the same with an async handler, which is awaited in a context of its own as well."""
        try:
            await create_task(self._acall(kind, reference, raw_event, run), context=copy_context())
        except CancelledError as error:  # perhaps the handler has cancelled its own task, which is not this one
            if is_meant(error):
                raise
            raise as_failure(error) from error

    async def _acall(self, kind: str, reference: str, raw_event: RawEvent, run: RunState | None) -> None:
        enter((kind, reference, raw_event))
        task = current_task()
        try:
            if len(raw_event.envelope.body) > LONG:
                event = await in_thread(partial(self.event, kind, reference, raw_event))  # since validation may take long
            else:
                event = self.event(kind, reference, raw_event)
            if self._origin is not None:
                surrounded_run.set(run)
            elif run is not None:
                run.event = event
            result = await self.run(event)
        except STRAYS as error:
            if isinstance(error, (Exception, CancelledError)) or is_meant(error, task):
                raise
            raise as_failure(error) from error
        finally:
            del task  # which refers to what is raised, by whose traceback this frame is kept
        if result is not None:
            check_result(self, result)

    def prepare(self) -> tuple[PayloadReader, ParametersReader | None]:
        """Build the validators of the declared types; done once, at start-up or by the first event.

        Raises `ConfigurationError` for an annotation that cannot be resolved, or that pydantic cannot validate.
        """
        if self._origin is not None:  # which does it once for all
            self._readers, self._adapter = self._origin.prepare(), self._origin.adapter
            self._reads_body = self._origin._reads_body  # noqa: SLF001 -- as above
            return self._readers
        payload_type, parameters_type = self._resolved()
        try:
            self._adapter = adapter = self._adapter or _adapter(payload_type)
            parameters = None if parameters_type == dict[str, str] else parameters_reader(_adapter(parameters_type))
            self._readers = payload_reader(adapter, payload_type), parameters
            self._reads_body = getattr(payload_type, "__reads_body__", False) is True
        except (PydanticUserError, NameError) as error:
            how = "Declare a type that it can: a model, a dataclass, a TypedDict, a built-in."
            if getattr(error, "code", None) == "typed-dict-version":
                how = "Import TypedDict from typing_extensions: that of typing is read from Python 3.12 on."
            msg = (
                f"{self} declares {event_text(payload_type, parameters_type)}, which pydantic cannot validate "
                f"({type(error).__name__}). {how}"
            )
            raise ConfigurationError(msg) from error
        return self._readers

    @override
    def __repr__(self) -> str:
        return f"<Handler {self.name} for {self.kinds}>"

    @override
    def __str__(self) -> str:
        return f"{self.name} ({self.location})"

    @property
    def kinds(self) -> str:
        """The globs, for people."""
        parts = [repr(glob.pattern) for glob in self.globs]
        parts += [f"ce_type={self.ce_type.pattern!r}"] if self.ce_type else []
        return ", ".join(parts) or "what nothing else handles"

    def _resolved(self) -> tuple[object, object]:
        try:
            return self._types or self._resolve(None)
        except _UNKNOWN as error:
            msg = (
                f"{self} annotates its parameter {type_text(self._parameter.annotation)}, and the name {error.name!r} is not "
                "known in its module. Import it there, outside of `if TYPE_CHECKING`, "
                "or leave the annotation out and give the type as `payload=`."
            )
            raise ConfigurationError(msg) from error

    def _resolve(self, scope: Mapping[str, Any] | None) -> tuple[object, object]:
        annotation = annotation_of(self.function, self._parameter, scope)
        payload_type, parameters_type = declared_types(annotation, self._given, self)
        if parameters_type != dict[str, str]:
            self._check_parameters(payload_type, parameters_type)
        self._types = payload_type, parameters_type
        return self._types

    def _check_parameters(self, payload_type: object, parameters_type: object) -> None:
        """Refuse a type that no URL's parameters fit. Raises `RegistrationError`."""
        try:
            fits = may_hold_names(_adapter(parameters_type))
        except (PydanticUserError, *_UNKNOWN):  # perhaps not complete yet; `prepare` tells
            return
        if not fits:
            refuse(
                f"{self} annotates its parameter {event_text(payload_type, parameters_type)}, and the parameters of a URL are "
                f"names with values, which {type_text(parameters_type)} cannot be. "
                f"Declare a model with a field for each, and write Event[{type_text(payload_type)}, Params]."
            )


def _adapter(declared: object) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", declared))  # any form of type, in fact; pydantic says if it is none
