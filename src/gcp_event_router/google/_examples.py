"""Telling examples of the payloads that most projects receive: a model's own defaults would be fields without a value."""

from __future__ import annotations

from typing import Final

__all__ = ["EXAMPLES"]

_TIME: Final = "2026-01-02T03:04:05.678Z"

#: By module and model.
EXAMPLES: Final[dict[str, dict[str, object]]] = {
    "alerts.AlertData": {
        "createTime": _TIME,
        "payload": {"issue": {"id": "7c3f9a", "title": "com.example.shop.Cart.total", "appVersion": "2.1.0"}},
    },
    "audit.LogEntryData": {
        "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Fdata_access",
        "resource": {"type": "gcs_bucket", "labels": {"bucket_name": "photos", "location": "europe-west1"}},
        "protoPayload": {
            "serviceName": "storage.googleapis.com",
            "methodName": "storage.objects.create",
            "resourceName": "projects/_/buckets/photos/objects/cats/1.jpg",
            "authenticationInfo": {"principalEmail": "uploader@shop.iam.gserviceaccount.com"},
        },
        "insertId": "1f2e3d4c",
        "timestamp": _TIME,
        "severity": "INFO",
    },
    "auth.AuthEventData": {
        "uid": "Zk3vQ8tLw1",
        "email": "ada@example.com",
        "emailVerified": True,
        "displayName": "Ada",
        "metadata": {"createTime": _TIME},
    },
    "billing.BudgetNotification": {
        "budgetDisplayName": "shop",
        "costAmount": 90.5,
        "costIntervalStart": "2026-01-01T00:00:00Z",
        "budgetAmount": 100,
        "budgetAmountType": "SPECIFIED_AMOUNT",
        "currencyCode": "EUR",
        "alertThresholdExceeded": 0.9,
    },
    "cloudbuild.BuildEventData": {
        "id": "9d8c7b6a-0000-4000-8000-000000000001",
        "projectId": "shop",
        "status": "SUCCESS",
        "createTime": _TIME,
        "finishTime": "2026-01-02T03:08:05Z",
        "images": ["europe-docker.pkg.dev/shop/images/shop:1.4"],
        "logUrl": "https://console.cloud.google.com/cloud-build/builds",
        "substitutions": {"BRANCH_NAME": "main"},
    },
    "database.ReferenceEventData": {"data": None, "delta": {"orders": {"4711": {"paid": True}}}},
    "firestore.DocumentEventData": {
        "value": {
            "name": "projects/shop/databases/(default)/documents/orders/4711",
            "fields": {"paid": {"booleanValue": True}, "total": {"doubleValue": 12.5}},
            "createTime": "2026-01-01T00:00:00Z",
            "updateTime": _TIME,
        },
        "oldValue": {
            "name": "projects/shop/databases/(default)/documents/orders/4711",
            "fields": {"paid": {"booleanValue": False}, "total": {"doubleValue": 12.5}},
            "createTime": "2026-01-01T00:00:00Z",
            "updateTime": "2026-01-01T00:00:00Z",
        },
        "updateMask": {"fieldPaths": ["paid"]},
    },
    "gmail.MailboxNotification": {"emailAddress": "orders@example.com", "historyId": "9876543210"},
    "logs.LogEntry": {
        "logName": "projects/shop/logs/run.googleapis.com%2Fstderr",
        "resource": {"type": "cloud_run_revision", "labels": {"service_name": "shop"}},
        "timestamp": _TIME,
        "severity": "ERROR",
        "insertId": "1f2e3d4c",
        "textPayload": "The printer is out of paper.",
    },
    "pubsub.MessagePublishedData": {
        "message": {
            "data": "eyJvcmRlcl9pZCI6IDQ3MTF9",
            "attributes": {"region": "eu"},
            "messageId": "17",
            "publishTime": _TIME,
        },
        "subscription": "projects/shop/subscriptions/orders",
    },
    "remoteconfig.RemoteConfigEventData": {
        "versionNumber": "12",
        "updateTime": _TIME,
        "updateUser": {"name": "Ada", "email": "ada@example.com"},
        "updateOrigin": "CONSOLE",
        "updateType": "INCREMENTAL_UPDATE",
    },
    "scheduler.SchedulerJobData": {"customData": "bmlnaHRseQ=="},
    "storage.StorageObjectData": {
        "kind": "storage#object",
        "id": "photos/cats/1.jpg/1767323045678000",
        "name": "cats/1.jpg",
        "bucket": "photos",
        "generation": "1767323045678000",
        "metageneration": "1",
        "contentType": "image/jpeg",
        "size": "48213",
        "storageClass": "STANDARD",
        "timeCreated": _TIME,
        "updated": _TIME,
        "md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "metadata": {"uploaded-by": "ada"},
    },
}
