"""Reads the calls of Cloud Scheduler: the job's own body, with headers that name the job and its time.

Facts: `HttpTarget` in Cloud Scheduler's REST reference. Outside App Engine, anybody can send these headers: they are metadata,
and prove nothing about the sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from .base import HeaderEnvelope, parse_time, read_only

JOB_HEADER: Final = "HTTP_X_CLOUDSCHEDULER_JOBNAME"
_TIME: Final = "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME"
_HEADERS: Final = (JOB_HEADER, _TIME, "HTTP_X_CLOUDSCHEDULER")


def read_job(body: bytes, meta: Mapping[str, Any]) -> SchedulerJob | None:
    """Read a call of Cloud Scheduler, recognised by the header with the job's name."""
    return SchedulerJob(body, meta) if JOB_HEADER in meta else None


class SchedulerJob(HeaderEnvelope):
    """A call of Cloud Scheduler. Each scheduled time is one event, however often Cloud Scheduler retries it."""

    __slots__ = ("_job_name", "_schedule_time")

    form = "scheduler-job"
    #: The job's name.
    job_name: Final[str] = read_only("_job_name")
    #: The scheduled time.
    schedule_time: Final[datetime | None] = read_only("_schedule_time")

    def __init__(self, body: bytes, meta: Mapping[str, Any]) -> None:
        """Read the headers; a malformed time is None."""
        super().__init__(body, meta, {key: str(meta[key]) for key in _HEADERS if key in meta})
        self._job_name = self._text(JOB_HEADER) or ""
        self._schedule_time = self._optional(_TIME, parse_time)

    @property
    @override
    def message_id(self) -> str:
        return f"{self.job_name}@{self._headers.get(_TIME, '')}"

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        if not self.job_name or not self._schedule_time:  # without a time, all runs of the job would be one event
            return None
        return "scheduler-job", self.job_name, self._headers[_TIME]
