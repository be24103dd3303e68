"""The answer to an event that `manage.py events send` sent, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from ..._log import trail
from ...exceptions import ConfigurationError, ErrorDetail, InvalidEventError
from ...outcomes import ACKNOWLEDGED, Outcome
from ...testing.recording import Delivery

__all__ = ["DEFERRED", "RESULTS", "SentAnswer", "results_of"]

#: The result where handlers are deferred: the sender may forget the event, and a worker has yet to handle it.
DEFERRED: Final = "deferred"
#: All results that an event can have.
RESULTS: Final = (Outcome.HANDLED.value, DEFERRED, *(outcome.value for outcome in Outcome if outcome is not Outcome.HANDLED))


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """One answer."""

    #: Where it comes from: a URL without its query, or `this process`.
    place: str
    status: int
    body: bytes = b""
    retry_after: str | None = None
    #: Known only where the handlers ran in this process.
    deliveries: Sequence[Delivery] = ()
    #: Why no handler was called, or what else went wrong.
    problem: str = ""
    #: One of `RESULTS`; None where only the status is known.
    result: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether Pub/Sub takes the event as done."""
        return self.status in ACKNOWLEDGED

    def fits(self, expected: str) -> bool:
        """Whether the result is the expected one, as far as it is known; a foreign endpoint need only acknowledge."""
        if self.result is not None:
            return self.result == expected
        content = self._content()
        is_ours = content is not None and content.keys() <= {"error", "errors"}
        if expected == Outcome.HANDLED.value and not is_ours:
            return self.acknowledged
        return expected in results_of(self.status)

    def text(self) -> str:
        """For a terminal: the status and how Pub/Sub reads it, then handlers, then errors."""
        told = self.fields()
        read = "done, and not sent again" if self.acknowledged else "not done, and sent again"
        wait = f", after {told['retry_after']} s" if told["retry_after"] else ""
        place = self.place.replace("this", "This", 1)
        lines = [f"{place} answered {self.status}{_phrase(self.status)}: to Pub/Sub that is {read}{wait}."]
        for delivery in self.deliveries:
            problem, errors = _described(delivery.error)
            lines.append(f"  {delivery.name}: {delivery.outcome.value} in {delivery.duration * 1000:.1f} ms")
            lines += [f"    {_printable(line)}" for line in problem.splitlines()]
            lines += _listed(errors, "    ")
        lines += [f"  {told['error']}"] if told["error"] and not self.deliveries else []
        lines += [] if any(_described(each.error)[1] for each in self.deliveries) else _listed(told["errors"], "  ")
        lines += [f"  {told['problem']}"] if told["problem"] else []
        return "\n".join(lines)

    def fields(self) -> dict[str, Any]:
        """For scripts."""
        content, problem = self._content(), self.problem
        if content is None and self.body and not self.acknowledged:
            problem = problem or "Its body is not the endpoint's: is something else at that URL?"
        return {
            "place": self.place,
            "status": self.status,
            "acknowledged": self.acknowledged,
            "retry_after": None if self.retry_after is None else _printable(self.retry_after),
            "error": _printable((content or {}).get("error") or ""),
            "errors": _errors((content or {}).get("errors")),
            "handlers": [_handler(delivery) for delivery in self.deliveries],
            "problem": problem,
            "outcome": self.result,
        }

    def _content(self) -> Mapping[str, Any] | None:
        """The JSON object of the body; None for anything else, which is not the endpoint's."""
        try:
            decoded: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return cast("Mapping[str, Any]", decoded) if isinstance(decoded, dict) else None


def results_of(status: int) -> list[str]:
    """The results that a status of the endpoint may stand for."""
    return [result for result in RESULTS if status in _statuses(result)]


def _statuses(result: str) -> range | set[int]:
    outcome = Outcome.HANDLED if result == DEFERRED else Outcome(result)
    # a site may have other settings than this process, and so another status for failures
    return range(400, 600) if outcome is Outcome.FAILED else {outcome.status}


def _handler(delivery: Delivery) -> dict[str, Any]:
    problem, errors = _described(delivery.error)
    return {
        "handler": delivery.name,
        "outcome": delivery.outcome.value,
        "duration_ms": round(delivery.duration * 1000, 3),
        "problem": problem,
        "errors": list(errors),
    }


def _described(error: Exception | None) -> tuple[str, Sequence[ErrorDetail]]:
    """The problem with an event or its handler, and the validation errors."""
    if error is None:
        return "", ()
    if isinstance(error, InvalidEventError):
        return f"The event's {error.part} cannot be read as what it declares:", error.errors
    if isinstance(error, ConfigurationError):  # which says what to do, and where
        return str(error), ()
    return f"{trail(error)}: {error}" if str(error) else trail(error), ()


def _errors(listed: object) -> list[ErrorDetail]:
    """Validation errors, as far as they are what the endpoint lists."""
    found = cast("list[object]", listed) if isinstance(listed, list) else []
    return [
        {"loc": each.get("loc", []), "msg": _printable(each.get("msg", "")), "type": _printable(each.get("type", ""))}
        for each in (cast("dict[str, Any]", one) for one in found if isinstance(one, dict))
    ]


def _listed(errors: Sequence[ErrorDetail], indent: str) -> list[str]:
    return [f"{indent}{_place(each['loc'])}: {_printable(each['msg'])} ({each['type']})" for each in errors]


def _place(loc: object) -> str:
    steps = cast("list[object]", loc) if isinstance(loc, (list, tuple)) else []
    return ".".join(map(_printable, steps)) or "the payload"


def _printable(text: object) -> str:
    """Foreign text without the characters that a terminal obeys."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))


def _phrase(status: int) -> str:
    return f" {HTTPStatus(status).phrase}" if status in HTTPStatus._value2member_map_ else ""
