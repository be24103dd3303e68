"""Cloud Audit Logs: who did what to which resource, by Eventarc or from a sink of audit logs.

Facts: google/events/cloud/audit/v1/data.proto of googleapis/google-cloudevents; google/rpc/status.proto and
google/rpc/context/attribute_context.proto of googleapis/googleapis.
"""

from __future__ import annotations

from .base import Int32, Int64, Model, Struct, Timestamp
from .enums import OpenEnum
from .logs import LogEntryOperation, LogSeverity, LogSplit, MonitoredResource

__all__ = [
    "AuditLog",
    "Auth",
    "AuthenticationInfo",
    "AuthorizationInfo",
    "FirstPartyPrincipal",
    "LogEntryData",
    "Peer",
    "Request",
    "RequestMetadata",
    "Resource",
    "ResourceLocation",
    "ServiceAccountDelegationInfo",
    "Status",
    "ThirdPartyPrincipal",
]


class ResourceLocation(Model):
    """Where a resource is, and where it was before it was moved."""

    current_locations: list[str] = []
    original_locations: list[str] = []


class Status(Model):
    """How an operation ended."""

    #: Of `google.rpc.Code`; 0 is success.
    code: Int32 = 0
    message: str = ""
    #: Each with the URL of its type at "@type".
    details: list[Struct] = []


class FirstPartyPrincipal(Model):
    """A principal of Google's."""

    principal_email: str = ""
    service_metadata: Struct = {}


class ThirdPartyPrincipal(Model):
    """A principal of somebody else's."""

    third_party_claims: Struct = {}


class ServiceAccountDelegationInfo(Model):
    """Who acted as a service account: one of the two."""

    first_party_principal: FirstPartyPrincipal | None = None
    third_party_principal: ThirdPartyPrincipal | None = None


class AuthenticationInfo(Model):
    """Who asked."""

    principal_email: str = ""
    authority_selector: str = ""
    third_party_principal: Struct = {}
    service_account_key_name: str = ""
    #: From the first who delegated to the last.
    service_account_delegation_info: list[ServiceAccountDelegationInfo] = []
    principal_subject: str = ""


class Resource(Model):
    """What a permission was wanted for."""

    service: str = ""
    name: str = ""
    type: str = ""
    labels: dict[str, str] = {}
    uid: str = ""
    annotations: dict[str, str] = {}
    display_name: str = ""
    create_time: Timestamp | None = None
    update_time: Timestamp | None = None
    delete_time: Timestamp | None = None
    etag: str = ""
    location: str = ""


class AuthorizationInfo(Model):
    """One permission, and whether it was there."""

    resource: str = ""
    permission: str = ""
    granted: bool = False
    resource_attributes: Resource | None = None


class Auth(Model):
    """What a request's credentials said."""

    principal: str = ""
    audiences: list[str] = []
    presenter: str = ""
    claims: Struct = {}
    access_levels: list[str] = []


class Request(Model):
    """The request, as network policies see it."""

    id: str = ""
    method: str = ""
    headers: dict[str, str] = {}
    path: str = ""
    host: str = ""
    scheme: str = ""
    query: str = ""
    time: Timestamp | None = None
    #: In bytes; -1 where it is not known.
    size: Int64 = 0
    protocol: str = ""
    reason: str = ""
    auth: Auth | None = None
    origin: str = ""


class Peer(Model):
    """One end of a connection."""

    ip: str = ""
    port: Int64 = 0
    labels: dict[str, str] = {}
    principal: str = ""
    region_code: str = ""


class RequestMetadata(Model):
    """Where the request came from."""

    caller_ip: str = ""
    caller_supplied_user_agent: str = ""
    caller_network: str = ""
    request_attributes: Request | None = None
    destination_attributes: Peer | None = None


class AuditLog(Model):
    """An operation, and who asked for it."""

    #: Such as `storage.googleapis.com`.
    service_name: str = ""
    #: Such as `storage.objects.create`.
    method_name: str = ""
    resource_name: str = ""
    resource_location: ResourceLocation | None = None
    resource_original_state: Struct = {}
    num_response_items: Int64 = 0
    status: Status | None = None
    authentication_info: AuthenticationInfo | None = None
    authorization_info: list[AuthorizationInfo] = []
    request_metadata: RequestMetadata | None = None
    request: Struct = {}
    response: Struct = {}
    metadata: Struct = {}
    service_data: Struct = {}


class LogEntryData(Model):
    """An entry of an audit log."""

    log_name: str = ""
    resource: MonitoredResource | None = None
    proto_payload: AuditLog | None = None
    insert_id: str = ""
    labels: dict[str, str] = {}
    operation: LogEntryOperation | None = None
    timestamp: Timestamp | None = None
    receive_timestamp: Timestamp | None = None
    severity: OpenEnum[LogSeverity] = LogSeverity.DEFAULT
    trace: str = ""
    span_id: str = ""
    split: LogSplit | None = None
