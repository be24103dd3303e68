"""Artifact Registry: an image that was pushed, tagged or deleted, from the Pub/Sub topic `gcr`.

Facts: "Configure Pub/Sub notifications" of Artifact Registry's documentation.
"""

from __future__ import annotations

from .base import Model

__all__ = ["ImageNotification"]


class ImageNotification(Model):
    """A change of a Docker repository."""

    #: `INSERT` or `DELETE`.
    action: str = ""
    #: The image with its digest; missing where a tag was deleted.
    digest: str = ""
    #: The image with its tag; missing where there is none.
    tag: str = ""
