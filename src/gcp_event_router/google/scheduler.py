"""Cloud Scheduler: a job that was run, by Eventarc.

A job with an HTTP target sends whatever bytes its owner gave it, and no event of Google's.

Facts: google/events/cloud/scheduler/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from .base import Bytes, Model

__all__ = ["SchedulerJobData"]


class SchedulerJobData(Model):
    """What the job's owner gave it to send."""

    custom_data: Bytes = b""
