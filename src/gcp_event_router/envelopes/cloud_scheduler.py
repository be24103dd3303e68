"""Reads the calls of Cloud Scheduler: the job's own body, with headers that name the job and its time.

Facts: `HttpTarget` in Cloud Scheduler's REST reference. Outside App Engine, anybody can send these headers: they are metadata,
and prove nothing about the sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from .base import Envelope, header_name, text_of

JOB_HEADER: Final = "HTTP_X_CLOUDSCHEDULER_JOBNAME"
_SCHEDULED: Final = "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME"
_HEADERS: Final = (JOB_HEADER, _SCHEDULED, "HTTP_X_CLOUDSCHEDULER")
_TIME: Final = TypeAdapter(datetime)


def read_job(body: bytes, meta: Mapping[str, Any]) -> Envelope | None:
    """Read a call of Cloud Scheduler, recognised by the header with the job's name."""
    if JOB_HEADER not in meta:
        return None
    return SchedulerJob(body, meta)


class SchedulerJob(Envelope):
    """A call of Cloud Scheduler. Each scheduled time is one event, however often Cloud Scheduler retries it."""

    __slots__ = ("_headers", "_schedule_time", "malformed")

    form = "scheduler-job"

    def __init__(self, body: bytes, meta: Mapping[str, Any]) -> None:
        """Read the headers; a malformed time is None."""
        super().__init__(body, meta.get("CONTENT_TYPE", ""))
        self._headers = {name: str(meta[name]) for name in _HEADERS if name in meta}
        text = self._headers.get(_SCHEDULED)
        self._schedule_time = None if text is None else _time(text)
        self.malformed: tuple[str, ...] = () if text is None or self._schedule_time else (header_name(_SCHEDULED),)

    @property
    def job_name(self) -> str:
        """The job's name."""
        return text_of(self._headers[JOB_HEADER])

    @property
    def schedule_time(self) -> datetime | None:
        """The scheduled time."""
        return self._schedule_time

    @property
    @override
    def message_id(self) -> str:
        return f"{self.job_name}@{self._headers.get(_SCHEDULED, '')}"

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        if not self.job_name or not self._schedule_time:  # without a time, all runs of the job would be one event
            return None
        return "scheduler-job", self.job_name, self._headers[_SCHEDULED]

    @property
    @override
    def meta(self) -> dict[str, str]:
        return {**super().meta, **self._headers}

    @override
    def _identity(self) -> tuple[object, ...]:
        return (*super()._identity(), self._headers)


def _time(text: str) -> datetime | None:
    try:
        time = _TIME.validate_strings(text)
    except ValidationError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
