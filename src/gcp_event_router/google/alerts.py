"""Firebase Alerts: from Crashlytics, App Distribution, billing and Performance Monitoring.

Facts: google/events/firebase/firebasealerts/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from .base import Model, Struct, Timestamp

__all__ = ["AlertData"]


class AlertData(Model):
    """An alert. What sort it is of is in the CloudEvents attribute `alerttype`."""

    create_time: Timestamp | None = None
    #: None while it goes on, and for alerts that are about a moment.
    end_time: Timestamp | None = None
    #: What the sort of alert has, with the URL of its type at "@type".
    payload: Struct = {}
