"""The calls of Cloud Scheduler: a body of the job's own, and headers that name the job and its time.

Facts: `HttpTarget` of Cloud Scheduler's REST reference. Anybody can write these headers to a site that is not on App Engine:
they are metadata, and no proof of who called.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from .base import Envelope, header_name, text_of

__all__ = ["JOB_HEADER", "SchedulerJob", "read_job"]

JOB_HEADER: Final = "HTTP_X_CLOUDSCHEDULER_JOBNAME"
_SCHEDULED: Final = "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME"
_OF_SCHEDULER: Final = (JOB_HEADER, _SCHEDULED, "HTTP_X_CLOUDSCHEDULER")
_TIME: Final = TypeAdapter(datetime)


def read_job(body: bytes, meta: Mapping[str, Any]) -> Envelope | None:
    """A run of a job of Cloud Scheduler, known by the header that names the job."""
    if JOB_HEADER not in meta:
        return None
    return SchedulerJob(body, meta)


class SchedulerJob(Envelope):
    """A call of Cloud Scheduler. Each time that is scheduled is one event, however often it is called for that."""

    __slots__ = ("_headers", "_schedule_time", "malformed")

    form = "scheduler-job"

    def __init__(self, body: bytes, meta: Mapping[str, Any]) -> None:
        """Read the headers; a malformed time is None."""
        super().__init__(body, meta.get("CONTENT_TYPE", ""))
        self._headers = {name: str(meta[name]) for name in _OF_SCHEDULER if name in meta}
        text = self._headers.get(_SCHEDULED)
        self._schedule_time = None if text is None else _time(text)
        self.malformed: tuple[str, ...] = () if text is None or self._schedule_time else (header_name(_SCHEDULED),)

    @property
    def job_name(self) -> str:
        """The job's name, as the header has it."""
        return text_of(self._headers[JOB_HEADER])

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
        # a time that cannot be read does not tell one run from the next
        known = self.job_name and self._schedule_time
        return ("scheduler-job", self.job_name, self._headers[_SCHEDULED]) if known else None

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
