"""Firebase Authentication: a user who was created, changed or deleted.

Facts: google/events/firebase/auth/v1/data.proto and v2/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from pydantic import Field

from .base import Model, Struct, Timestamp

__all__ = ["AuthEventData", "AuthEventDataV2", "UserInfo", "UserMetadata"]


class UserMetadata(Model):
    """When the user came."""

    create_time: Timestamp | None = None
    last_sign_in_time: Timestamp | None = None


class UserInfo(Model):
    """What one identity provider knows of the user."""

    uid: str = ""
    email: str = ""
    display_name: str = ""
    photo_url: str = Field(default="", validation_alias="photoURL", serialization_alias="photoURL")
    #: Such as `google.com`.
    provider_id: str = ""


class AuthEventData(Model):
    """A user: the payload of version 1."""

    uid: str = ""
    email: str = ""
    email_verified: bool = False
    display_name: str = ""
    photo_url: str = Field(default="", validation_alias="photoURL", serialization_alias="photoURL")
    disabled: bool = False
    metadata: UserMetadata | None = None
    provider_data: list[UserInfo] = []
    phone_number: str = ""
    custom_claims: Struct = {}


class AuthEventDataV2(Model):
    """A user after and before the event: the payload of version 2."""

    #: None when the user was deleted.
    value: AuthEventData | None = None
    #: None when the user was created.
    old_value: AuthEventData | None = None
