"""Cloud Logging: an entry that a sink exports to Pub/Sub, and what audit entries share with it.

Facts: "LogEntry" of the Logging API's REST reference; google/logging/type of googleapis/googleapis.
"""

from __future__ import annotations

from .base import Duration, Int32, Int64, Model, Struct, Timestamp
from .enums import Enumeration, OpenEnum

__all__ = [
    "HttpRequest",
    "LogEntry",
    "LogEntryOperation",
    "LogEntrySourceLocation",
    "LogErrorGroup",
    "LogSeverity",
    "LogSplit",
    "MonitoredResource",
    "MonitoredResourceMetadata",
]


class LogSeverity(Enumeration):
    """How bad it is; members are ordered."""

    DEFAULT = "DEFAULT", 0
    DEBUG = "DEBUG", 100
    INFO = "INFO", 200
    NOTICE = "NOTICE", 300
    WARNING = "WARNING", 400
    ERROR = "ERROR", 500
    CRITICAL = "CRITICAL", 600
    ALERT = "ALERT", 700
    EMERGENCY = "EMERGENCY", 800


class MonitoredResource(Model):
    """What wrote the entry."""

    #: Such as `gce_instance`.
    type: str = ""
    labels: dict[str, str] = {}


class MonitoredResourceMetadata(Model):
    """What else is known of what wrote the entry."""

    system_labels: Struct = {}
    user_labels: dict[str, str] = {}


class LogEntryOperation(Model):
    """The operation in whose course the entry was written."""

    id: str = ""
    producer: str = ""
    first: bool = False
    last: bool = False


class LogSplit(Model):
    """Which part of a long entry this is."""

    uid: str = ""
    #: From 0.
    index: Int32 = 0
    total_splits: Int32 = 0


class HttpRequest(Model):
    """The request that was being answered."""

    request_method: str = ""
    request_url: str = ""
    #: In bytes, headers included; so is `response_size`.
    request_size: Int64 = 0
    status: Int32 = 0
    response_size: Int64 = 0
    user_agent: str = ""
    remote_ip: str = ""
    server_ip: str = ""
    referer: str = ""
    latency: Duration | None = None
    cache_lookup: bool = False
    cache_hit: bool = False
    cache_validated_with_origin_server: bool = False
    cache_fill_bytes: Int64 = 0
    protocol: str = ""


class LogEntrySourceLocation(Model):
    """The line of code that wrote the entry."""

    file: str = ""
    line: Int64 = 0
    function: str = ""


class LogErrorGroup(Model):
    """A group of Error Reporting."""

    id: str = ""


class LogEntry(Model):
    """An entry of a log, with one of three payloads.

    An audit entry has a `proto_payload`; `audit.LogEntryData` is the model for a sink that exports nothing else.
    """

    log_name: str = ""
    resource: MonitoredResource | None = None
    timestamp: Timestamp | None = None
    receive_timestamp: Timestamp | None = None
    severity: OpenEnum[LogSeverity] = LogSeverity.DEFAULT
    insert_id: str = ""
    http_request: HttpRequest | None = None
    labels: dict[str, str] = {}
    metadata: MonitoredResourceMetadata | None = None
    operation: LogEntryOperation | None = None
    trace: str = ""
    span_id: str = ""
    trace_sampled: bool = False
    source_location: LogEntrySourceLocation | None = None
    split: LogSplit | None = None
    error_groups: list[LogErrorGroup] = []
    text_payload: str | None = None
    json_payload: Struct | None = None
    #: With the URL of its type at "@type".
    proto_payload: Struct | None = None
