"""Cloud Storage: what changed in a bucket, by Eventarc or by a Pub/Sub notification.

Facts: google/events/cloud/storage/v1/data.proto of googleapis/google-cloudevents; "Pub/Sub notifications for Cloud Storage"
and the JSON API's object resource of Cloud Storage's documentation.
"""

from __future__ import annotations

from .base import Attributes, Int32, Int64, Model, Timestamp

__all__ = ["CustomerEncryption", "NotificationAttributes", "StorageObjectData"]


class CustomerEncryption(Model):
    """The key with which a customer had an object encrypted."""

    encryption_algorithm: str = ""
    #: Of the key, in base64.
    key_sha256: str = ""


class StorageObjectData(Model):
    """An object of Cloud Storage.

    With Eventarc it is the payload of all four types of events; with a notification it is the message's data, where the
    notification's payload format is `JSON_API_V1`. With `NONE` there is no data, and `None` is what to declare.
    """

    content_encoding: str = ""
    content_disposition: str = ""
    cache_control: str = ""
    content_language: str = ""
    #: The version of the metadata, within this generation of the object.
    metageneration: Int64 = 0
    time_deleted: Timestamp | None = None
    content_type: str = ""
    #: In bytes.
    size: Int64 = 0
    time_created: Timestamp | None = None
    #: Big-endian, in base64.
    crc32c: str = ""
    #: Of a composed object, how many parts it was made of.
    component_count: Int32 = 0
    #: In base64; a composed object has none.
    md5_hash: str = ""
    etag: str = ""
    updated: Timestamp | None = None
    storage_class: str = ""
    kms_key_name: str = ""
    time_storage_class_updated: Timestamp | None = None
    temporary_hold: bool = False
    retention_expiration_time: Timestamp | None = None
    #: The owner's own names and values.
    metadata: dict[str, str] = {}
    event_based_hold: bool = False
    #: The object's name, which may have slashes in it.
    name: str = ""
    #: Bucket, name and generation.
    id: str = ""
    bucket: str = ""
    #: The version of the content.
    generation: Int64 = 0
    customer_encryption: CustomerEncryption | None = None
    media_link: str = ""
    self_link: str = ""
    #: Always "storage#object".
    kind: str = ""


class NotificationAttributes(Attributes):
    """The attributes of a Pub/Sub notification: `NotificationAttributes.of(event.envelope.attributes)`.

    Attributes that the bucket's owner has added are in `model_extra`.
    """

    #: `OBJECT_FINALIZE`, `OBJECT_METADATA_UPDATE`, `OBJECT_DELETE` or `OBJECT_ARCHIVE`.
    event_type: str
    bucket_id: str
    object_id: str
    object_generation: Int64 = 0
    event_time: Timestamp | None = None
    #: `JSON_API_V1`, or `NONE` for messages without data.
    payload_format: str = ""
    #: The resource name of the bucket's notification.
    notification_config: str = ""
    #: On `OBJECT_FINALIZE`, the generation that this one replaced.
    overwrote_generation: Int64 | None = None
    #: On `OBJECT_DELETE` and `OBJECT_ARCHIVE`, the generation that replaced this one.
    overwritten_by_generation: Int64 | None = None
