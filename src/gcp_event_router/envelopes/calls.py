"""The calls of Cloud Tasks and Cloud Scheduler: a body of the caller's own, and headers that say which call it is.

Facts: "Create HTTP target tasks" of Cloud Tasks' documentation, `HttpTarget` of Cloud Scheduler's REST reference. Anybody can
write these headers to a site that is not on App Engine: they are metadata, and no proof of who called.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Never

from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from ..exceptions import EnvelopeError
from .base import Envelope

__all__ = ["CloudTask", "SchedulerJob", "read_job", "read_task"]

_QUEUE: Final = "HTTP_X_CLOUDTASKS_QUEUENAME"
_TASK: Final = "HTTP_X_CLOUDTASKS_TASKNAME"
_RETRIES: Final = "HTTP_X_CLOUDTASKS_TASKRETRYCOUNT"
_EXECUTIONS: Final = "HTTP_X_CLOUDTASKS_TASKEXECUTIONCOUNT"
_ETA: Final = "HTTP_X_CLOUDTASKS_TASKETA"
_OF_TASKS: Final = (
    _QUEUE,
    _TASK,
    _RETRIES,
    _EXECUTIONS,
    _ETA,
    "HTTP_X_CLOUDTASKS_TASKPREVIOUSRESPONSE",
    "HTTP_X_CLOUDTASKS_TASKRETRYREASON",
)
_JOB: Final = "HTTP_X_CLOUDSCHEDULER_JOBNAME"
_SCHEDULED: Final = "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME"
_OF_SCHEDULER: Final = (_JOB, _SCHEDULED, "HTTP_X_CLOUDSCHEDULER")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST: Final = 2**31 - 1
_DIGITS: Final = 20
_TIME: Final = TypeAdapter(datetime)


def read_task(body: bytes, meta: Mapping[str, Any]) -> Envelope | None:
    """A task of Cloud Tasks, known by the headers that name its queue and itself."""
    if _QUEUE not in meta or _TASK not in meta:
        return None
    return CloudTask(body, meta)


def read_job(body: bytes, meta: Mapping[str, Any]) -> Envelope | None:
    """A run of a job of Cloud Scheduler, known by the header that names the job."""
    if _JOB not in meta:
        return None
    return SchedulerJob(body, meta)


class CloudTask(Envelope):
    """A call of Cloud Tasks. A task keeps its name over all its tries, so the inbox knows it by queue and name."""

    __slots__ = ("_eta", "_executions", "_headers", "_retries")

    form = "cloud-task"

    def __init__(self, body: bytes, meta: Mapping[str, Any]) -> None:
        """Read the headers. Raises `EnvelopeError` for numbers and times that are none."""
        super().__init__(body, meta.get("CONTENT_TYPE", ""))
        self._headers = {name: str(meta[name]) for name in _OF_TASKS if name in meta}
        self._retries = _number(self._headers, _RETRIES)
        self._executions = _number(self._headers, _EXECUTIONS)
        self._eta = _seconds(self._headers, _ETA)

    @property
    def queue(self) -> str:
        """The queue's short name."""
        return self._headers[_QUEUE]

    @property
    def task_name(self) -> str:
        """The task's short name."""
        return self._headers[_TASK]

    @property
    def retry_count(self) -> int | None:
        """How often it was retried, tries included that never reached a server; 0 for the first one."""
        return self._retries

    @property
    def execution_count(self) -> int | None:
        """How often it got an answer other than success."""
        return self._executions

    @property
    def eta(self) -> datetime | None:
        """When it was to be called."""
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
        return {**super().meta, **self._headers}

    @override
    def _identity(self) -> tuple[object, ...]:
        return (*super()._identity(), self._headers)


class SchedulerJob(Envelope):
    """A call of Cloud Scheduler. Each time that is scheduled is one event, however often it is called for that."""

    __slots__ = ("_headers", "_schedule_time")

    form = "scheduler-job"

    def __init__(self, body: bytes, meta: Mapping[str, Any]) -> None:
        """Read the headers. Raises `EnvelopeError` for a time that is none."""
        super().__init__(body, meta.get("CONTENT_TYPE", ""))
        self._headers = {name: str(meta[name]) for name in _OF_SCHEDULER if name in meta}
        self._schedule_time = _time(self._headers, _SCHEDULED)

    @property
    def job_name(self) -> str:
        """The job's name, as the header has it."""
        return self._headers[_JOB]

    @property
    def schedule_time(self) -> datetime | None:
        """The time for which it was scheduled."""
        return self._schedule_time

    @property
    @override
    def message_id(self) -> str:
        return f"{self.job_name}@{self._headers.get(_SCHEDULED, '')}"

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        time = self._headers.get(_SCHEDULED)
        return ("scheduler-job", self.job_name, time) if self.job_name and time else None

    @property
    @override
    def meta(self) -> dict[str, str]:
        return {**super().meta, **self._headers}

    @override
    def _identity(self) -> tuple[object, ...]:
        return (*super()._identity(), self._headers)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) <= _MOST):
        _refuse(name, "a number")
    return int(text)


def _seconds(headers: Mapping[str, str], name: str) -> datetime | None:
    """A time in seconds since 1970, with decimals."""
    text = headers.get(name)
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdecimal() and whole and len(digits) <= _DIGITS):
        _refuse(name, "a time")
    try:
        return _EPOCH + timedelta(seconds=int(whole), microseconds=int(fraction[:6].ljust(6, "0")))
    except OverflowError:
        _refuse(name, "a time")


def _time(headers: Mapping[str, str], name: str) -> datetime | None:
    text = headers.get(name)
    if text is None:
        return None
    try:
        time = _TIME.validate_strings(text)
    except ValidationError:
        _refuse(name, "a time")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _refuse(name: str, what: str) -> Never:
    msg = f"The header {name.removeprefix('HTTP_').replace('_', '-').lower()} does not hold {what}."
    raise EnvelopeError(msg)
