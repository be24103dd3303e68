"""What came back for an event that `manage.py events send` sent, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from ..exceptions import ErrorDetail

__all__ = ["Answer", "Called", "answer_of", "errors_of"]


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
        }


def answer_of(
    place: str, status: int, body: bytes, *, acknowledged: bool, retry_after: str | None, called: Sequence[Called], problem: str
) -> Answer:
    """An answer of the endpoint, its body read as far as it is ours."""
    content = _content(body)
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
