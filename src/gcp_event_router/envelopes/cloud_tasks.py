"""Reads the calls of Cloud Tasks: the task's own body, with headers that name the task and its queue.

Facts: "Create HTTP target tasks" and "Create App Engine task handlers" in Cloud Tasks' documentation. Outside App Engine,
anybody can send these headers: they are metadata, and prove nothing about the sender.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from typing_extensions import override

from .base import HeaderEnvelope, read_only
from .cloud_scheduler import JOB_HEADER

#: The prefixes of headers for HTTP targets, and for App Engine targets.
_HTTP: Final = "HTTP_X_CLOUDTASKS_"
_APP_ENGINE: Final = "HTTP_X_APPENGINE_"
_SUFFIXES: Final = (
    "QUEUENAME",
    "TASKNAME",
    "TASKRETRYCOUNT",
    "TASKEXECUTIONCOUNT",
    "TASKETA",
    "TASKPREVIOUSRESPONSE",
    "TASKRETRYREASON",
    "FAILFAST",
)
_COUNT: Final = re.compile(r"\d{1,20}", re.ASCII)
_MAX_COUNT: Final = 2**31 - 1
#: Seconds since 1970, with decimals.
_SECONDS: Final = re.compile(r"(?=[\d.]{1,21}\Z)(\d{1,20})(?:\.(\d*))?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_task(body: bytes, meta: Mapping[str, Any]) -> CloudTask | None:
    """Read a call of Cloud Tasks, recognised by the headers with the names of the queue and the task."""
    if "HTTP_X_CLOUDTASKS_QUEUENAME" in meta and "HTTP_X_CLOUDTASKS_TASKNAME" in meta:
        return CloudTask(body, meta)
    # Cloud Scheduler calls App Engine through a queue; then the job matters, not the task
    if "HTTP_X_APPENGINE_QUEUENAME" in meta and "HTTP_X_APPENGINE_TASKNAME" in meta and JOB_HEADER not in meta:
        return CloudTask(body, meta, prefix=_APP_ENGINE)
    return None


class CloudTask(HeaderEnvelope):
    """A call of Cloud Tasks. The inbox identifies a task by its queue and its name, which all attempts share."""

    __slots__ = ("_eta", "_execution_count", "_queue", "_retry_count", "_task_name")

    form = "cloud-task"
    #: The queue's short name.
    queue: Final[str] = read_only("_queue")
    #: The task's short name.
    task_name: Final[str] = read_only("_task_name")
    #: The number of retries, including those after an answer of 5xx, or without one; 0 for the first attempt.
    retry_count: Final[int | None] = read_only("_retry_count")
    #: The number of answers to earlier attempts, of which Cloud Tasks does not count those of 5xx.
    execution_count: Final[int | None] = read_only("_execution_count")
    #: The scheduled time; aware.
    eta: Final[datetime | None] = read_only("_eta")

    def __init__(self, body: bytes, meta: Mapping[str, Any], *, prefix: str = _HTTP) -> None:
        """Read the headers with a prefix; a malformed optional one is None."""
        keys = [prefix + suffix for suffix in _SUFFIXES]
        super().__init__(body, meta, {key: str(meta[key]) for key in keys if key in meta})
        self._queue = self._text(prefix + "QUEUENAME") or ""
        self._task_name = self._text(prefix + "TASKNAME") or ""
        self._retry_count = self._optional(prefix + "TASKRETRYCOUNT", _parse_count)
        self._execution_count = self._optional(prefix + "TASKEXECUTIONCOUNT", _parse_count)
        self._eta = self._optional(prefix + "TASKETA", _parse_seconds)

    @property
    @override
    def message_id(self) -> str:
        return self.task_name

    @property
    @override
    def delivery_attempt(self) -> int | None:
        return None if self._retry_count is None else self._retry_count + 1

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return ("cloud-task", self.queue, self.task_name) if self.queue and self.task_name else None


def _parse_count(text: str) -> int | None:
    return int(text) if _COUNT.fullmatch(text) and int(text) <= _MAX_COUNT else None


def _parse_seconds(text: str) -> datetime | None:
    match = _SECONDS.fullmatch(text)
    if match is None:
        return None
    try:
        return _EPOCH + timedelta(seconds=int(match[1]), microseconds=int((match[2] or "")[:6].ljust(6, "0")))
    except OverflowError:  # such as milliseconds, which firebase-tools sends
        return None
