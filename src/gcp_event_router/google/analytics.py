"""Google Analytics for Firebase: events that an app has logged.

Facts: google/events/firebase/analytics/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from .base import Double, Int32, Int64, Model

__all__ = [
    "AnalyticsLogData",
    "AnalyticsValue",
    "AppInfo",
    "DeviceInfo",
    "EventDimensions",
    "ExportBundleInfo",
    "GeoInfo",
    "LtvInfo",
    "TrafficSource",
    "UserDimensions",
    "UserPropertyValue",
]


class AnalyticsValue(Model):
    """A value of one of four types."""

    string_value: str | None = None
    int_value: Int64 | None = None
    float_value: Double | None = None
    double_value: Double | None = None


class UserPropertyValue(Model):
    """A user's property."""

    value: AnalyticsValue | None = None
    #: Microseconds of Unix time.
    set_timestamp_usec: Int64 = 0
    index: Int32 = 0


class DeviceInfo(Model):
    """The device."""

    device_category: str = ""
    mobile_brand_name: str = ""
    mobile_model_name: str = ""
    mobile_marketing_name: str = ""
    device_model: str = ""
    platform_version: str = ""
    device_id: str = ""
    resettable_device_id: str = ""
    user_default_language: str = ""
    device_time_zone_offset_seconds: Int32 = 0
    limited_ad_tracking: bool = False


class GeoInfo(Model):
    """Where the device was."""

    continent: str = ""
    country: str = ""
    region: str = ""
    city: str = ""


class AppInfo(Model):
    """The app."""

    app_version: str = ""
    app_instance_id: str = ""
    app_store: str = ""
    app_platform: str = ""
    app_id: str = ""


class TrafficSource(Model):
    """How the user came to the app."""

    user_acquired_campaign: str = ""
    user_acquired_source: str = ""
    user_acquired_medium: str = ""


class ExportBundleInfo(Model):
    """The bundle in which the events were uploaded."""

    bundle_sequence_id: Int32 = 0
    server_timestamp_offset_micros: Int64 = 0


class LtvInfo(Model):
    """What the user has been worth."""

    revenue: Double = 0
    currency: str = ""


class UserDimensions(Model):
    """The user."""

    user_id: str = ""
    #: Microseconds of Unix time.
    first_open_timestamp_micros: Int64 = 0
    user_properties: dict[str, UserPropertyValue] = {}
    device_info: DeviceInfo | None = None
    geo_info: GeoInfo | None = None
    app_info: AppInfo | None = None
    traffic_source: TrafficSource | None = None
    bundle_info: ExportBundleInfo | None = None
    ltv_info: LtvInfo | None = None


class EventDimensions(Model):
    """One event of the app."""

    #: `YYYYMMDD`, in the app's registered time zone.
    date: str = ""
    name: str = ""
    params: dict[str, AnalyticsValue] = {}
    #: Microseconds of Unix time, as the one below.
    timestamp_micros: Int64 = 0
    previous_timestamp_micros: Int64 = 0
    value_in_usd: Double = 0


class AnalyticsLogData(Model):
    """A user and the user's events."""

    user_dim: UserDimensions | None = None
    event_dim: list[EventDimensions] = []
