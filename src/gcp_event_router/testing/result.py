"""What came of an event that a test sent: made by `push`, and looked at by the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from typing_extensions import override

from .._dispatch.signature import name_of
from .._endpoint.response import EventResponse
from ..exceptions import ConfigurationError, ErrorDetail
from ..outcomes import ACKNOWLEDGED, Outcome
from .recording import Delivery, Recording, Rejection, is_same, require_handler


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of a push."""

    status: int
    outcome: Outcome
    #: One a handler that was called, in the order in which they ended.
    deliveries: tuple[Delivery[Any, Any], ...]
    #: What turned the event away before any handler.
    rejections: tuple[Rejection, ...]
    #: The validation errors that the answer tells the sender.
    details: tuple[ErrorDetail, ...]
    response: HttpResponse

    @property
    def acknowledged(self) -> bool:
        """Whether Pub/Sub takes it as done."""
        return self.status in ACKNOWLEDGED

    @property
    def called(self) -> tuple[Callable[..., Any], ...]:
        """The handlers that were called, whatever came of it."""
        return tuple(each.handler for each in self.deliveries)

    @property
    def handled(self) -> tuple[Callable[..., Any], ...]:
        """The handlers that did their work."""
        return tuple(each.handler for each in self.deliveries if each.outcome is Outcome.HANDLED)

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What handlers raised, and what turned the event away."""
        raised = [each.error for each in self.deliveries if each.error is not None]
        return (*raised, *(each.error for each in self.rejections))

    def assert_handled(self, *handlers: Callable[..., Any]) -> None:
        """Assert that these handlers did their work, and no others. Raises `AssertionError` with all that is known."""
        __tracebackhide__ = True  # pytest shows the test
        for each in handlers:
            require_handler(each)
        if not _are_same(self.handled, handlers):
            wanted = " and ".join(map(name_of, handlers)) or "nobody"
            msg = f"{wanted} should have handled it:\n{self!r}"
            raise AssertionError(msg)

    @override
    def __repr__(self) -> str:
        """What a failing assertion shows."""
        lines = [f"<Pushed: {self.status} {self.outcome.value}"]
        lines += [f"  {each}" for each in self.deliveries]
        lines += [f"  rejected: {each}" for each in self.rejections]
        if self.outcome in {Outcome.FORBIDDEN, Outcome.UNAUTHENTICATED}:
            lines.append("  The settings let nobody in without credentials. Give push() headers=, or principal=.")
        return "\n".join(lines) + ">"


def pushed_of(response: HttpResponse, recording: Recording, *, raises: bool) -> Pushed:
    """What came of a request. Raises what failed in it, if asked to, and `ConfigurationError` for an answer of others."""
    if not isinstance(response, EventResponse):
        msg = (
            f"push() is answered {response.status_code} by something else than the events endpoint: "
            "by a middleware, or by another view at its path."
        )
        raise ConfigurationError(msg)
    if raises and response.outcome is Outcome.FAILED:
        ended: list[Delivery[Any, Any] | Rejection] = [*recording.deliveries, *recording.rejections]
        _raise([each.error for each in ended if each.outcome is Outcome.FAILED and each.error is not None])
    content: Mapping[str, Any] = json.loads(response.content)
    deliveries, rejections = tuple(recording.deliveries), tuple(recording.rejections)
    return Pushed(response.status_code, response.outcome, deliveries, rejections, tuple(content.get("errors", ())), response)


def _are_same(some: Sequence[Callable[..., Any]], others: Sequence[Callable[..., Any]]) -> bool:
    """Whether both hold the same functions, in any order. Names would not do: closures and bound methods share theirs."""
    left = list(others)
    for each in some:
        found = next((place for place, other in enumerate(left) if is_same(each, other)), None)
        if found is None:
            return False
        del left[found]
    return not left


def _raise(errors: Sequence[Exception]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        msg = "several handlers failed"
        raise ExceptionGroup(msg, errors)
