"""What a function declares besides its event: its result, and what is inside the wrappers around it."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# nothing gives these functions their types

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal, Never, NoReturn, Optional

import pytest
from asgiref.sync import async_to_sync, markcoroutinefunction, sync_to_async
from pydantic import BaseModel
from typing_extensions import TypeAliasType

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router._dispatch.handler import Handler
from gcp_event_router._dispatch.signature import documentation_of, name_of, readable
from gcp_event_router.exceptions import RegistrationError
from gcp_event_router.signals import event_received

if TYPE_CHECKING:
    pass

HERE = __file__
Nothing = TypeAliasType("Nothing", None)
Number = TypeAliasType("Number", int)


class Order(BaseModel):
    order_id: int


def returning(result: object, *, is_async: bool = False) -> Any:
    """Make a handler that is annotated to return something."""

    def handle(event: Event[Order]) -> Any: ...

    async def ahandle(event: Event[Order]) -> Any: ...

    function = ahandle if is_async else handle
    function.__annotations__["return"] = result
    return function


def registered(function: Any) -> Handler:
    """Return the handler of a function in a router of its own."""
    router = EventRouter()
    router.on("a")(function)
    (registration,) = router
    return registration.handler


def refusal(function: Any) -> str:
    """Return why a function is refused."""
    with pytest.raises(RegistrationError) as refused:
        registered(function)
    return str(refused.value)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "result",
    [
        *(None, "None", type(None), Any, "Any", Never, NoReturn, Nothing, Annotated[None, "doc"]),
        *("Decimal", "not a type", 5, [], {}, "[][0]", "1 / 0"),
    ],
    ids=str,
)
def test_results_that_pass(result: object, is_async: bool) -> None:
    """A handler returns nothing; what is unknown passes, too."""
    assert registered(returning(result, is_async=is_async)).is_async is is_async


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("result", "text"),
    [
        (int, "int"),
        ("bool", "bool"),
        (object, "object"),
        (Order, "Order"),
        (Literal[True], "typing.Literal[True]"),
        (Optional["int"], "typing.Optional[int]"),
        (int | None, "int | None"),
        (list[None], "list[None]"),
        (Number, "Number"),
        (Awaitable[int], "collections.abc.Awaitable[int]"),
        (Coroutine[Any, Any, int], "collections.abc.Coroutine[typing.Any, typing.Any, int]"),
        (Iterator[None], "collections.abc.Iterator[None]"),
        (Generator[None, None, None], "collections.abc.Generator[None, None, None]"),
        (AsyncIterator[None], "collections.abc.AsyncIterator[None]"),
        (Event[Order], str(Event[Order])),
    ],
    ids=str,
)
def test_results_that_nobody_uses(result: object, text: str, is_async: bool) -> None:
    """A handler that is annotated to return anything is refused: it would expect that somebody uses it."""
    function = returning(result, is_async=is_async)

    assert refusal(function) == (
        f"{function.__module__}.{function.__qualname__} ({HERE}:{function.__code__.co_firstlineno}) is annotated to return "
        f"{text}, and nobody uses what it returns. Return None, and raise an exception if the event cannot be handled."
    )


@pytest.mark.parametrize("answer", [Retry, Reject])
def test_an_answer_is_raised(answer: type[Exception]) -> None:
    """The advice for a handler that returns an answer is to raise it."""
    assert refusal(returning(answer)).partition(") ")[2] == (
        f"is annotated to return {answer.__name__}, and nobody uses what it returns. "
        f"Write `raise {answer.__name__}(...)`, and return None."
    )


@pytest.mark.parametrize("result", [Awaitable[None], Coroutine[Any, Any, None], "Awaitable[None]", asyncio.Future[None]], ids=str)
def test_a_function_that_returns_an_awaitable_is_async(result: object, router: EventRouter) -> None:
    """An annotation says it as well as `async def`, and type checkers take it."""
    seen: list[str] = []

    async def later(event: Event[Any]) -> None:
        seen.append(event.kind)

    def handle(event: Event[Any]) -> Any:
        return later(event)

    handle.__annotations__["return"] = result
    router.on("k")(handle)
    event_received.send(None, event_kind="k", event_reference="r", event_payload={}, event_parameters={})

    assert seen == ["k"]
    assert [registration.handler.is_async for registration in router] == [True]


@pytest.mark.parametrize("result", [Awaitable[None], Any], ids=str)
def test_a_function_that_is_marked_as_async(result: object) -> None:
    """It returns something to await, whether its annotation says so or not."""
    marked: Any = markcoroutinefunction(returning(result))

    assert registered(marked).is_async


@pytest.mark.parametrize("around", [lambda function: function, sync_to_async], ids=["sync", "async"])
def test_async_to_sync_awaits_what_a_function_returns(around: Callable[[Any], Any]) -> None:
    """It is marked as async and annotated to return something to await, and asgiref awaits it."""
    registered(around(async_to_sync(markcoroutinefunction(returning(Awaitable[None])))))


@pytest.mark.parametrize(
    "function",
    [
        sync_to_async(returning(Awaitable[None])),
        async_to_sync(sync_to_async(returning(Awaitable[None]))),
        async_to_sync(returning(Awaitable[None], is_async=True)),
    ],
    ids=["in a thread", "in a thread, waited for", "async"],
)
def test_nobody_awaits_what_an_awaited_function_returns(function: Any) -> None:
    """The wrapper awaits the call of the function, and nobody looks at its result."""
    assert "is annotated to return collections.abc.Awaitable[None], and nobody uses" in refusal(function)


def test_a_result_whose_name_the_scope_knows() -> None:
    """A local name is looked up where the handler is registered."""

    class Local: ...

    def returns(event: Event[Order]) -> Local:
        return Local()

    on: Any = EventRouter().on("a")
    with pytest.raises(RegistrationError, match=r"is annotated to return .*Local, and nobody uses what it returns"):
        on(returns)


def test_an_async_function_does_not_return_an_awaitable() -> None:
    """Nobody would await what is in the awaited result."""
    assert "is annotated to return collections.abc.Awaitable[None], and" in refusal(returning(Awaitable[None], is_async=True))


def test_middleware_returns_nothing() -> None:
    """The same holds for middleware."""

    def around(event: Event[Any], call_next: Callable[[Event[Any]], None]) -> int:
        return 1

    with pytest.raises(RegistrationError) as refused:
        EventRouter().use(around)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType] -- what is tested

    assert str(refused.value).partition(") ")[2] == (
        "is annotated to return int, and nobody uses what it returns. "
        "Return None, and raise an exception if the event cannot be handled."
    )


def test_middleware_inside_wrappers(router: EventRouter) -> None:
    """Middleware may be wrapped as handlers are."""
    seen: list[str] = []

    class Around:
        @passing_on
        def decorated(self, event: Event[Any], call_next: Callable[[Event[Any]], None]) -> None:
            seen.append("decorated")
            call_next(event)

        @async_to_sync
        async def made_sync(self, event: Event[Any], call_next: Callable[[Event[Any]], None]) -> None:
            seen.append("made sync")
            await sync_to_async(call_next)(event)

    router.use(Around().decorated)
    router.use(Around().made_sync)
    router.on("k")(returning(None))
    event_received.send(None, event_kind="k", event_reference="r", event_payload={"order_id": 1}, event_parameters={})

    assert seen == ["decorated", "made sync"]


def passing_on(function: Callable[..., Any]) -> Any:
    """Decorate a function, and return what it returns."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


class Service:
    async def method(self, event: Event[Order]) -> None: ...

    async def __call__(self, event: Event[Order]) -> None: ...

    def sync(self, event: Event[Order]) -> None: ...

    @passing_on
    def decorated(self, event: Event[Order]) -> None: ...

    @passing_on
    def decorated_with_more(self, more: int, event: Event[Order]) -> None: ...

    @classmethod
    @passing_on
    def of_class(cls, event: Event[Order]) -> None: ...

    @async_to_sync
    async def made_sync(self, event: Event[Order]) -> None: ...

    @sync_to_async
    def made_async(self, event: Event[Order]) -> None: ...


class StepRunner:
    """A decorator that runs the generator that it wraps."""

    def __init__(self, function: Callable[..., Iterator[None]]) -> None:
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, event: Event[Any]) -> None:
        for _ in self._function(event):
            pass


def steps(event: Event[Order]) -> Iterator[None]:
    yield


async def coroutine(event: Event[Order], *, loud: bool = False) -> None: ...


async def with_more(event: Event[Order], more: int) -> None: ...


def plain(event: Event[Order]) -> None: ...


@pytest.mark.parametrize(
    ("function", "name", "is_async"),
    [
        (async_to_sync(coroutine), "coroutine", False),
        (async_to_sync(Service().method), "Service.method", False),
        (async_to_sync(Service()), "Service.__call__", False),
        (async_to_sync(functools.partial(with_more, more=1)), "with_more", False),
        (functools.partial(async_to_sync(with_more), more=1), "with_more", False),
        (passing_on(async_to_sync(coroutine)), "coroutine", False),
        (functools.partial(passing_on(async_to_sync(with_more)), more=1), "with_more", False),
        (async_to_sync(sync_to_async(plain)), "plain", False),
        (sync_to_async(plain), "plain", True),
        (sync_to_async(async_to_sync(coroutine)), "coroutine", True),
        (sync_to_async(Service().sync), "Service.sync", True),
        (functools.partial(sync_to_async(plain)), "plain", True),
        (Service().decorated, "Service.decorated", False),
        (functools.partial(Service().decorated_with_more, 1), "Service.decorated_with_more", False),
        (Service.of_class, "Service.of_class", False),
        (async_to_sync(sync_to_async(Service().decorated)), "Service.decorated", False),
        (Service().made_sync, "Service.made_sync", False),
        (Service().made_async, "Service.made_async", True),
        (passing_on(Service().made_sync), "Service.made_sync", False),
        (StepRunner(steps), "steps", False),
        (functools.update_wrapper(functools.partial(with_more, more=1), with_more), "with_more", True),
    ],
)
def test_what_is_inside_wrappers(function: Any, name: str, is_async: bool) -> None:
    """Handlers are named, placed and typed by the function inside, also inside asgiref's wrappers."""
    handler = registered(function)

    assert (handler.name, handler.is_async, handler.payload_type) == (f"{__name__}.{name}", is_async, Order)
    assert handler.location.startswith(f"{HERE}:")


def test_async_to_sync_runs(router: EventRouter) -> None:
    """A handler that `async_to_sync` wraps is sync, and gets the event."""
    seen: list[str] = []

    @router.on("k")
    @async_to_sync
    async def handle(event: Event[dict[str, int]]) -> None:
        seen.append(event.kind)

    event_received.send(None, event_kind="k", event_reference="r", event_payload={}, event_parameters={})
    assert seen == ["k"]


def test_refusals_inside_wrappers() -> None:
    """What would be refused without a wrapper is refused inside one; a decorator may change the result."""

    async def number(event: Event[Order]) -> int:
        return 1

    def generates(event: Event[Order]) -> Iterator[None]:
        yield

    assert "is annotated to return int, and" in refusal(async_to_sync(number))
    assert "is annotated to return int, and" in refusal(functools.partial(number))
    assert "requires the parameter 'more' besides the event" in refusal(async_to_sync(with_more))
    assert "is a generator function" in refusal(functools.partial(generates))
    assert registered(passing_on(number)).is_async is False


def test_functions_that_wrap_each_other() -> None:
    """Two functions that name each other as wrapped are refused, and the search ends."""
    one, other = returning(None), returning(None)
    one.__wrapped__, other.__wrapped__ = other, one

    assert "has no signature" in refusal(one)


class Documented:
    """Of the class."""

    def __call__(self, event: Event[Any]) -> None:
        """Of the call."""

    def method(self, event: Event[Any]) -> None:
        """Of the method."""


def documented(event: Event[Any], more: int = 0) -> None:
    """Of the function."""


@functools.wraps(documented)
def around(*arguments: Any) -> None: ...


around.__doc__ = None


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (documented, "Of the function."),
        (functools.partial(documented, more=1), "Of the function."),
        (async_to_sync(sync_to_async(documented)), "Of the function."),
        (around, "Of the function."),
        (Documented().method, "Of the method."),
        (Documented(), "Of the call."),
        (lambda event: None, ""),
        (print, ""),
    ],
)
def test_documentation_is_that_of_the_function_inside(function: Callable[..., Any], text: str) -> None:
    """Wrappers, partials and instances speak of themselves, not of what a handler does."""
    assert documentation_of(function) == text


def test_a_signature_of_ones_own_counts() -> None:
    """A decorator may say what its function takes, other than the function inside."""

    def inner(event: int) -> None: ...

    @functools.wraps(inner)
    def outer(event: str) -> None: ...

    assert readable(outer) is inner
    vars(outer)["__signature__"] = inspect.Signature()
    assert readable(outer) is outer


def test_a_plain_function_with_a_signature_of_its_own() -> None:
    """A decorator may say what its function takes without naming the function inside."""

    def outer(event: Any) -> None: ...

    def inner(event: Event[Order]) -> None: ...

    vars(outer)["__signature__"] = inspect.signature(inner)

    assert registered(outer).payload_type is Order


def test_an_object_that_wraps_itself_has_a_name() -> None:
    """Its type's."""

    class Endless:
        def __call__(self) -> None: ...

    endless = Endless()
    vars(endless)["__wrapped__"] = endless

    assert name_of(endless) == f"{__name__}.{Endless.__qualname__}"


def test_a_callable_that_is_not_written_in_python_has_a_name() -> None:
    """Its type's; the module is not known."""
    assert name_of(itemgetter(0)) == "?.itemgetter.__call__"
