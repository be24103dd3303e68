"""Reads what a function declares: the parameter for the event, its result, name and location. Refuses what cannot work."""

from __future__ import annotations

import functools
import inspect
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import CodeType, FunctionType, MethodType, NoneType
from typing import Any, Final, Never, TypeGuard, cast

from asgiref.sync import AsyncToSync, SyncToAsync
from typing_extensions import override

from .._concurrency import NOT_WITH_GEVENT, is_async_function, is_served_by_gevent
from .._schema.aliases import resolved
from .._schema.assignability import accepts
from .._schema.type_names import type_text
from ..exceptions import Answer, RegistrationError

#: The location of a function that is not written in Python.
NO_SOURCE: Final = "no source"
HOW: Final = "Write it as `def handler(event: Event[Model]) -> None`."
BOUND: Final = "If it is a method, register the bound method: `events.on(...)(instance.method)`."
#: As decorators of a method, they give a partial of their own `__call__`.
_ASGIREF: Final = (AsyncToSync, SyncToAsync)
#: The most functions in each other; two may wrap one another.
_MOST_LAYERS: Final = 100
_VARIADIC: Final = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_AWAITABLE: Final = Awaitable[None]
#: The result of a function that may be async.
_NOTHING: Final = Awaitable[None] | None


class RegisteredFunction:
    """A handler or a middleware: its function, as it was registered, with a name and a location."""

    def __init__(self, function: Callable[..., Any], name: str | None = None, scope: Mapping[str, Any] | None = None) -> None:
        self.function: Final = function
        #: Its module and qualified name, unless its options have another name.
        self.name: Final = name or name_of(function)
        #: Its file and line.
        self.location: Final = location_of(function)
        self._result: Final = _result_of(function, scope)
        self.is_async: Final = is_async(function) or self._result_is_awaited()
        if self.is_async and is_served_by_gevent():
            refuse(f"{self} is async, and gunicorn's gevent workers cannot await it: {NOT_WITH_GEVENT}")

    def check_declared_result(self) -> None:
        """Refuse a function whose annotation says that it returns something. Unknown names pass."""
        if _is_usual(self._result):
            return
        code = code_of(self.function)  # what is only marked as async may well return something to await
        is_coroutine = code is not None and bool(code.co_flags & inspect.CO_COROUTINE)
        wrappers: list[Any] = [layer for layer in _layers(self.function) if isinstance(layer, _ASGIREF)]
        is_in_thread = bool(wrappers) and isinstance(wrappers[-1], SyncToAsync)  # the innermost one calls the function
        expected = None if is_coroutine or is_in_thread else _NOTHING
        if not accepts(expected, self._result):
            text = type_text(self._result)
            advice = "Return None, and raise an exception if the event cannot be handled."
            if isinstance(self._result, type) and issubclass(self._result, Answer):
                advice = f"Write `raise {text}(...)`, and return None."
            refuse(f"{self} is annotated to return {text}, and nobody uses what it returns. {advice}")

    def _result_is_awaited(self) -> bool:
        """Whether a function without `async` is annotated to return something to await."""
        if _is_usual(self._result):
            return False
        is_awaitable = accepts(_AWAITABLE, self._result) and not accepts(None, self._result)
        return is_awaitable and not any(isinstance(layer, AsyncToSync) for layer in _layers(self.function))

    @override
    def __str__(self) -> str:
        return f"{self.name} ({self.location})"


def _is_usual(result: object) -> bool:
    """Whether a result is what nearly all handlers declare: None, or nothing."""
    return result is NoneType or result is Any


def event_annotation(function: Callable[..., Any], name: str) -> object:
    """Return the annotation of the parameter that takes the event, as it is written; no other parameter may be required."""
    if isinstance(function, type):
        refuse(f"{name} is a class, so calling it would only make an instance. Register a function, or an instance of it.")
    if is_generator(function):
        refuse(f"{name} is a generator function: calling it would run none of its code. Remove the `yield`.")
    if _is_plain(function) and (parameter := _sole_parameter(function)) is not None:
        return function.__annotations__.get(parameter, inspect.Parameter.empty)
    try:
        signature = inspect.signature(readable(function))
    except (ValueError, RecursionError) as error:
        msg = f"{name} is not written in Python and has no signature, so it cannot take an event. {HOW}"
        raise RegistrationError(msg) from error
    parameters = list(signature.parameters.values())
    positional = [item for item in parameters if item.kind in {item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD}]
    if not positional:
        lack = "has no parameter for a single positional argument" if parameters else "takes no parameter"
        refuse(f"{name} {lack}, so it cannot take an event. {how_to_write(function)}")
    for other in parameters:
        is_variadic = other.kind in {other.VAR_POSITIONAL, other.VAR_KEYWORD}
        if other is not positional[0] and other.default is other.empty and not is_variadic:
            hint = how_to_write(function)
            if positional[0].name in {"self", "cls"}:
                hint = BOUND
            refuse(f"{name} requires the parameter {other.name!r} besides the event, which it would not get. {hint}")
    annotation: object = positional[0].annotation
    return annotation


def _is_plain(function: object) -> TypeGuard[FunctionType]:
    """Whether `inspect.signature` would read nothing but the function's own code and annotations; they are read faster here."""
    return type(function) is FunctionType and not hasattr(function, "__wrapped__") and not hasattr(function, "__signature__")


def _sole_parameter(function: FunctionType) -> str | None:
    """Return the parameter of a plain function that has one, and no others."""
    code = function.__code__
    return code.co_varnames[0] if code.co_argcount == 1 and not (code.co_kwonlyargcount or code.co_flags & _VARIADIC) else None


def resolved_annotation(function: Callable[..., Any], annotation: object, scope: Mapping[str, Any] | None) -> object:
    """Return an annotation with its strings resolved. Raises `NameError` or `AttributeError` for unknown names."""
    try:
        return resolved(annotation, _namespace(function, scope))
    except (SyntaxError, TypeError) as error:
        msg = f"{name_of(function)} annotates its parameter {type_text(annotation)}, which cannot be read. {HOW}"
        raise RegistrationError(msg) from error


def _namespace(function: Callable[..., Any], scope: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the names that a function's annotations may use, without a copy: a module may have thousands."""
    code = _unwrapped(function)
    variables = {variable.__name__: variable for variable in getattr(code, "__type_params__", ())}
    module: dict[str, Any] = getattr(code, "__globals__", {})
    if not variables and (not scope or scope is module):  # as in most modules
        return module
    return ChainMap(variables, cast("dict[str, Any]", scope or {}), module)


def _result_of(function: Callable[..., Any], scope: Mapping[str, Any] | None) -> object:
    """Return what a function is annotated to return; `Any` if that is not known.

    `functools.wraps` gives a decorator's function the annotations of the decorated one, which may return something else.
    """
    layers = _layers(function)
    if any(hasattr(layer, "__wrapped__") and not isinstance(layer, SyncToAsync) for layer in layers):
        return Any
    try:
        result = _return_annotation(layers[-1])
        return Any if result is inspect.Signature.empty else resolved(result, _namespace(function, scope))
    except Exception:  # noqa: BLE001 -- the code in an annotation may raise anything
        return Any


def _return_annotation(function: Callable[..., Any]) -> object:
    if _is_plain(function):
        return function.__annotations__.get("return", inspect.Signature.empty)
    return inspect.signature(function).return_annotation


def how_to_write(function: Callable[..., Any]) -> str:
    """Say how to write a handler, or the decorator that made this one of another function without `functools.wraps`."""
    closure: dict[str, object] = {}
    if _is_plain(function):
        with suppress(ValueError):  # a variable without a value yet
            closure.update(inspect.getclosurevars(function).nonlocals)
    for name, wrapped in closure.items():
        if inspect.isfunction(wrapped):
            advice = f"decorate its `def {function.__name__}` with `@functools.wraps({name})`."
            return f"{HOW} If a decorator made it of {name_of(wrapped)}, {advice}"
    return HOW


def refuse(message: str) -> Never:
    """Raise `RegistrationError`."""
    raise RegistrationError(message)


def _layers(function: Any) -> list[Any]:
    """List a function, and what it calls: inside partials, bound methods, callable objects and decorators."""
    layers = [function]
    while (inner := _inner(layers[-1])) is not None and len(layers) < _MOST_LAYERS:
        layers.append(inner)
    return layers


def _inner(function: Any) -> Any:
    """Return what a function calls; None for one that has code of its own, or none in Python."""
    if type(function) is FunctionType:  # most are, and all of this also holds for them
        return getattr(function, "__wrapped__", None)
    if isinstance(function, functools.partial):
        return function.func
    if isinstance(function, AsyncToSync):
        return function.awaitable
    if inspect.ismethod(function):
        return getattr(function, "__self__" if isinstance(function.__self__, _ASGIREF) else "__func__")
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None or inspect.isroutine(function) or isinstance(function, type):
        return wrapped
    return type(function).__call__


def _unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function whose code runs in the end."""
    if _is_plain(function):
        return function
    return cast("Callable[..., Any]", _layers(function)[-1])


def readable(function: Any) -> Any:
    """Return a function with the same parameters that `inspect.signature` can read: it cannot look into `async_to_sync`."""
    if isinstance(function, functools.partial):
        return functools.partial(readable(function.func), *function.args, **function.keywords)
    if isinstance(function, AsyncToSync):
        return readable(function.awaitable)
    if inspect.ismethod(function):  # with all attributes of its function
        owner: Any = function.__self__
        return readable(owner) if isinstance(owner, _ASGIREF) else MethodType(readable(function.__func__), owner)
    wrapped = getattr(function, "__wrapped__", None)
    return function if wrapped is None or hasattr(function, "__signature__") else readable(wrapped)


def is_generator(function: Callable[..., Any]) -> bool:
    """Whether calling it runs none of its code, since it has a `yield`. An object may run the generator that it wraps."""
    if _is_plain(function):
        return bool(function.__code__.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR))
    passing_on = (functools.partial, *_ASGIREF)
    objects = (layer for layer in _layers(function) if not inspect.isroutine(layer) and not isinstance(layer, passing_on))
    code = _unwrapped(next((type(item).__call__ for item in objects), function))
    return inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it returns something to await."""
    while isinstance(function, functools.partial):
        function = function.func
    if is_async_function(function):
        return True
    return type(function) is not FunctionType and is_async_function(getattr(function, "__call__", None))  # noqa: B004 -- asks whether it is async, not whether it exists


def name_of(function: Callable[..., Any]) -> str:
    """Return its module and qualified name."""
    code = function if isinstance(function, type) else _unwrapped(function)
    qualname = getattr(code, "__qualname__", type(function).__qualname__)
    return f"{getattr(code, '__module__', '?')}.{qualname}"


def location_of(function: Callable[..., Any]) -> str:
    """Return its file and line."""
    code = code_of(function)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else NO_SOURCE


def documentation_of(function: Callable[..., Any]) -> str:
    """Return its docstring, or that of the function inside it; "" if there is none."""
    functions = (layer for layer in _layers(function) if isinstance(layer, FunctionType | MethodType))
    return next((text for layer in functions if (text := inspect.getdoc(layer))), "")


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """Return its code; None if it is not written in Python."""
    code = getattr(_unwrapped(function), "__code__", None)
    return code if isinstance(code, CodeType) else None
