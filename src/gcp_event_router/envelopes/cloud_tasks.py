"""Reads the calls of Cloud Tasks: the task's own body, with headers that name the task and its queue.

Facts: "Create HTTP target tasks" and "Create App Engine task handlers" in Cloud Tasks' documentation. Outside App Engine,
anybody can send these headers: they are metadata, and prove nothing about the sender.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from typing_extensions import override

from .base import Envelope, header_name, text_of
from .cloud_scheduler import JOB_HEADER

ValueT = TypeVar("ValueT")

#: The prefixes of headers for HTTP targets, and for App Engine targets.
_TASKS: Final = "HTTP_X_CLOUDTASKS_"
_APP_ENGINE: Final = "HTTP_X_APPENGINE_"
_QUEUE: Final = "QUEUENAME"
_TASK: Final = "TASKNAME"
_RETRIES: Final = "TASKRETRYCOUNT"
_EXECUTIONS: Final = "TASKEXECUTIONCOUNT"
_ETA: Final = "TASKETA"
_SUFFIXES: Final = (_QUEUE, _TASK, _RETRIES, _EXECUTIONS, _ETA, "TASKPREVIOUSRESPONSE", "TASKRETRYREASON", "FAILFAST")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_NUMBER: Final = 2**31 - 1
_MAX_DIGITS: Final = 20


def read_task(body: bytes, meta: Mapping[str, Any]) -> Envelope | None:
    """Read a call of Cloud Tasks, recognised by the headers with the names of the queue and the task."""
    if "HTTP_X_CLOUDTASKS_QUEUENAME" in meta and "HTTP_X_CLOUDTASKS_TASKNAME" in meta:
        return CloudTask(body, meta)
    # Cloud Scheduler calls App Engine through a queue; then the job matters, not the task
    if "HTTP_X_APPENGINE_QUEUENAME" in meta and "HTTP_X_APPENGINE_TASKNAME" in meta and JOB_HEADER not in meta:
        return CloudTask(body, meta, prefix=_APP_ENGINE)
    return None


class CloudTask(Envelope):
    """A call of Cloud Tasks. The inbox identifies a task by its queue and its name, which all attempts share."""

    __slots__ = ("_eta", "_executions", "_headers", "_prefix", "_retries", "malformed")

    form = "cloud-task"

    def __init__(self, body: bytes, meta: Mapping[str, Any], *, prefix: str = _TASKS) -> None:
        """Read the headers with a prefix; a malformed optional one is None."""
        super().__init__(body, meta.get("CONTENT_TYPE", ""))
        self._prefix = prefix
        self._headers = {name: str(meta[prefix + name]) for name in _SUFFIXES if prefix + name in meta}
        malformed: list[str] = []
        self._retries = self._optional(_RETRIES, _number, malformed)
        self._executions = self._optional(_EXECUTIONS, _number, malformed)
        self._eta = self._optional(_ETA, _seconds, malformed)
        self.malformed: tuple[str, ...] = tuple(malformed)

    @property
    def queue(self) -> str:
        """The queue's short name."""
        return text_of(self._headers[_QUEUE])

    @property
    def task_name(self) -> str:
        """The task's short name."""
        return text_of(self._headers[_TASK])

    @property
    def retry_count(self) -> int | None:
        """The number of retries, including those that never reached a server; 0 for the first attempt."""
        return self._retries

    @property
    def execution_count(self) -> int | None:
        """The number of answers other than success."""
        return self._executions

    @property
    def eta(self) -> datetime | None:
        """The scheduled time."""
        return self._eta

    @property
    @override
    def message_id(self) -> str:
        return self.task_name

    @property
    @override
    def delivery_attempt(self) -> int | None:
        return None if self._retries is None else self._retries + 1

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return ("cloud-task", self.queue, self.task_name) if self.queue and self.task_name else None

    @property
    @override
    def meta(self) -> dict[str, str]:
        return {**super().meta, **{self._prefix + name: value for name, value in self._headers.items()}}

    @override
    def _identity(self) -> tuple[object, ...]:
        return (*super()._identity(), self._headers)

    def _optional(self, name: str, read: Callable[[str], ValueT | None], malformed: list[str]) -> ValueT | None:
        text = self._headers.get(name)
        value = None if text is None else read(text)
        if text is not None and value is None:
            malformed.append(header_name(self._prefix + name))
        return value


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS and int(text) <= _MAX_NUMBER
    return int(text) if is_number else None


def _seconds(text: str) -> datetime | None:
    """Parse seconds since 1970, with decimals."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdecimal() and whole and len(digits) <= _MAX_DIGITS):
        return None
    try:
        return _EPOCH + timedelta(seconds=int(whole), microseconds=int(fraction[:6].ljust(6, "0")))
    except OverflowError:  # such as milliseconds, which firebase-tools sends
        return None
