"""Keys of events: the functions that find them, for `once_key` and `order_by`, and the texts by which keys are compared."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, TypeVar
from uuid import UUID

from ..event import Event
from .signature import is_async, is_generator, readable

#: What a function may return; None for an event without a key.
Key: TypeAlias = str | int | UUID | None
PayloadT = TypeVar("PayloadT")
#: The function that the options `once_key` and `order_by` take, for events with a payload.
KeyOf: TypeAlias = Callable[[Event[PayloadT, Any]], Key]
KeyFunction: TypeAlias = KeyOf[Any]
#: What `order_by` takes for the ordering key of the message.
OrderingKey: TypeAlias = Literal["ordering_key"]
ORDERING_KEY: Final[OrderingKey] = "ordering_key"

_EXAMPLES: Final = {
    "once_key": "once_key=lambda event: event.payload.payment_id",
    "order_by": f'order_by=lambda event: event.payload.customer_id, or order_by="{ORDERING_KEY}"',
}


def problem_of(option: str, function: object) -> str | None:
    """Return why something cannot be the function of an option; None if it can."""
    if not callable(function):
        return f"{option}={function!r} cannot be called. Write {_EXAMPLES[option]}."
    if is_async(function) or is_generator(function):
        return f'{option} is async or a generator, and the inbox needs the key before it runs anything. Write it with "def".'
    try:
        inspect.signature(readable(function)).bind(None)
    except TypeError:
        return f"{option} cannot be called with an event alone. Write it as `def key(event: Event[Model]) -> str`."
    except ValueError:  # a function in C without a signature
        return None
    return None


def key_text(option: str, handler: object, key: object) -> str | None:
    """Return the text of a key that the function of a handler's option has returned.

    Raises an exception, without the key, for anything that cannot be a key. An int and a UUID are the same key as their texts.
    """
    if key is None:
        return None
    if isinstance(key, str):
        text = str.__str__(key)  # the value of an enum's member
        if text:
            return text
        msg = f"{option} of {handler} returned an empty text, which would be the key of all such events. {_HOW}"
        raise ValueError(msg)
    if isinstance(key, UUID):
        return str(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return int.__repr__(key)
    if inspect.iscoroutine(key):
        key.close()
    msg = f"{option} of {handler} returned an object of type {type(key).__name__}, which cannot be a key. {_HOW}"
    raise TypeError(msg)


_HOW = "Return a text, an int or a UUID, or None for an event without a key."
