"""Firebase Remote Config: a template that was published.

Facts: google/events/firebase/remoteconfig/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from .base import Int64, Model, Timestamp
from .enums import Enumeration, OpenEnum

__all__ = ["RemoteConfigEventData", "RemoteConfigUpdateOrigin", "RemoteConfigUpdateType", "RemoteConfigUser"]


class RemoteConfigUpdateOrigin(Enumeration):
    """Where the update came from."""

    REMOTE_CONFIG_UPDATE_ORIGIN_UNSPECIFIED = "REMOTE_CONFIG_UPDATE_ORIGIN_UNSPECIFIED", 0
    CONSOLE = "CONSOLE", 1
    REST_API = "REST_API", 2
    ADMIN_SDK_NODE = "ADMIN_SDK_NODE", 3


class RemoteConfigUpdateType(Enumeration):
    """What sort of update it was."""

    REMOTE_CONFIG_UPDATE_TYPE_UNSPECIFIED = "REMOTE_CONFIG_UPDATE_TYPE_UNSPECIFIED", 0
    INCREMENTAL_UPDATE = "INCREMENTAL_UPDATE", 1
    FORCED_UPDATE = "FORCED_UPDATE", 2
    ROLLBACK = "ROLLBACK", 3


class RemoteConfigUser(Model):
    """Who published it."""

    name: str = ""
    email: str = ""
    image_url: str = ""


class RemoteConfigEventData(Model):
    """The version that was published."""

    version_number: Int64 = 0
    update_time: Timestamp | None = None
    update_user: RemoteConfigUser | None = None
    description: str = ""
    update_origin: OpenEnum[RemoteConfigUpdateOrigin] = RemoteConfigUpdateOrigin.REMOTE_CONFIG_UPDATE_ORIGIN_UNSPECIFIED
    update_type: OpenEnum[RemoteConfigUpdateType] = RemoteConfigUpdateType.REMOTE_CONFIG_UPDATE_TYPE_UNSPECIFIED
    #: Of a rollback, the version that it went back to.
    rollback_source: Int64 = 0
