"""What came back for an event that `manage.py events send` sent, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from ...exceptions import ErrorDetail
from ...outcomes import Outcome

__all__ = ["DEFERRED", "RESULTS", "Answer", "Called", "answer_of", "errors_of", "statuses"]

#: What became of an event whose handlers are deferred: it is handled as far as its sender is concerned, and waits for a worker.
DEFERRED: Final = "deferred"
#: All that can become of an event.
RESULTS: Final = (Outcome.HANDLED.value, DEFERRED, *(each.value for each in Outcome if each is not Outcome.HANDLED))


@dataclass(frozen=True, slots=True)
class Called:
    """What became of one handler; known where it ran in this process."""

    handler: str
    outcome: str
    milliseconds: float
    #: What was wrong with the event, or with the handler.
    problem: str = ""
    errors: Sequence[ErrorDetail] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    #: Where it comes from: a URL without its query, or `this process`.
    place: str
    status: int
    acknowledged: bool
    error: str = ""
    errors: Sequence[ErrorDetail] = ()
    retry_after: str | None = None
    called: Sequence[Called] = ()
    #: Why nobody was called, or what else went wrong.
    problem: str = ""
    #: What became of the event: an outcome, or `DEFERRED`; None where only the status is known.
    result: str | None = None
    #: Whether the body is one that the endpoint writes.
    is_ours: bool = True

    def fits(self, expected: str) -> bool:
        """Whether the event became what was expected, as far as is known; a foreign endpoint need only acknowledge it."""
        if self.result is not None:
            return self.result == expected
        if expected == Outcome.HANDLED.value and not self.is_ours:
            return self.acknowledged
        return self.status in statuses(expected)

    def text(self) -> str:
        """For a terminal: the status and how Pub/Sub reads it, then handlers, then errors."""
        read = "done, and not sent again" if self.acknowledged else "not done, and sent again"
        wait = f", after {self.retry_after} s" if self.retry_after else ""
        place = self.place.replace("this", "This", 1)
        lines = [f"{place} answered {self.status}{_phrase(self.status)}: to Pub/Sub that is {read}{wait}."]
        for each in self.called:
            lines.append(f"  {each.handler}: {each.outcome} in {each.milliseconds:.1f} ms")
            lines += [f"    {_line(line)}" for line in each.problem.splitlines()]
            lines += _listed(each.errors, "    ")
        lines += [f"  {self.error}"] if self.error and not self.called else []
        lines += [] if any(each.errors for each in self.called) else _listed(self.errors, "  ")
        lines += [f"  {self.problem}"] if self.problem else []
        return "\n".join(lines)

    def fields(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "place": self.place,
            "status": self.status,
            "acknowledged": self.acknowledged,
            "retry_after": self.retry_after,
            "error": self.error,
            "errors": list(self.errors),
            "handlers": [
                {
                    "handler": each.handler,
                    "outcome": each.outcome,
                    "duration_ms": round(each.milliseconds, 3),
                    "problem": each.problem,
                    "errors": list(each.errors),
                }
                for each in self.called
            ],
            "problem": self.problem,
            "outcome": self.result,
        }


def statuses(result: str) -> frozenset[int]:
    """The statuses by which the endpoint may say what became of an event."""
    outcome = Outcome.HANDLED if result == DEFERRED else Outcome(result)
    # a site may have chosen another one for failures, and other settings than those of this process
    return frozenset(range(400, 600)) if outcome is Outcome.FAILED else frozenset({outcome.status})


def answer_of(
    place: str,
    status: int,
    body: bytes,
    *,
    acknowledged: bool,
    retry_after: str | None,
    called: Sequence[Called],
    problem: str,
    result: str | None = None,
) -> Answer:
    """An answer of the endpoint, its body read as far as it is ours."""
    content = _content(body)
    is_ours = content is not None and content.keys() <= {"error", "errors"}
    if content is None and body and not acknowledged:
        problem = problem or "Its body is not the endpoint's: is something else at that URL?"
    content = content or {}
    return Answer(
        place,
        status,
        acknowledged,
        _line(content.get("error") or ""),
        errors_of(content.get("errors")),
        None if retry_after is None else _line(retry_after),
        called,
        problem,
        result,
        is_ours,
    )


def errors_of(listed: object) -> list[ErrorDetail]:
    """Validation errors, as far as they are what the endpoint lists."""
    found = cast("list[object]", listed) if isinstance(listed, list) else []
    return [
        {"loc": each.get("loc", []), "msg": _line(each.get("msg", "")), "type": _line(each.get("type", ""))}
        for each in (cast("dict[str, Any]", one) for one in found if isinstance(one, dict))
    ]


def _content(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object of an answer; None, if it is something else, and so not the endpoint's."""
    try:
        decoded: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return cast("Mapping[str, Any]", decoded) if isinstance(decoded, dict) else None


def _line(text: object) -> str:
    """Foreign text for a terminal, which obeys some characters that cannot be printed."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))


def _listed(errors: Sequence[ErrorDetail], indent: str) -> list[str]:
    return [f"{indent}{_place(each['loc'])}: {_line(each['msg'])} ({each['type']})" for each in errors]


def _place(loc: object) -> str:
    steps = cast("list[object]", loc) if isinstance(loc, (list, tuple)) else []
    return ".".join(map(_line, steps)) or "the payload"


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
