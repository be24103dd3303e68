"""Google's client for publishing, and the names of topics: for `publishing`, and for the outbox's transport."""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import Any, Final

from .exceptions import ConfigurationError

_FULL: Final = re.compile(r"projects/[^/]+/topics/[^/]+")
#: Such as `"orders"` ("Resource names" in Pub/Sub's documentation).
_SHORT: Final = re.compile(r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
#: The environment variable with the project of short names.
_PROJECT: Final = "GOOGLE_CLOUD_PROJECT"


def topic_path(topic: str, project: str = "") -> str:
    """Return the full path of a topic; a short name belongs to `project`, or else to that of the environment.

    Raises `ValueError` if it is neither a path nor a name, or belongs to no project.
    """
    if _FULL.fullmatch(topic):
        return topic
    if not _SHORT.fullmatch(topic):
        msg = f"The topic {topic!r} is neither a path nor a name. Write 'projects/my-project/topics/my-topic', or 'my-topic'."
        raise ValueError(msg)
    project = project or os.environ.get(_PROJECT, "")
    if not project:
        msg = (
            f"The topic {topic!r} is a short name, and no project is known for it. "
            f"Write 'projects/my-project/topics/{topic}', or set the environment variable {_PROJECT}."
        )
        raise ValueError(msg)
    return f"projects/{project}/topics/{topic}"


def make_client(endpoint: str = "") -> Any:
    """Make a client that publishes the messages of an ordering key in order, to the emulator if the environment names it.

    Without credentials in the environment, it asks Google's metadata server, for a few seconds.

    Args:
        endpoint: Where the API is, such as `"europe-west1-pubsub.googleapis.com"`; by default, Google chooses.

    Raises:
        ConfigurationError: The client is not installed, or there are no usable credentials.

    """
    try:
        pubsub: Any = import_module("google.cloud.pubsub_v1")
        auth_error: type[Exception] = import_module("google.auth.exceptions").GoogleAuthError
    except ImportError as error:
        msg = "Publishing needs Google's client, which is not installed: pip install 'gcp-event-router[pubsub]'."
        raise ConfigurationError(msg) from error
    options = {"client_options": {"api_endpoint": endpoint}} if endpoint else {}
    try:
        return pubsub.PublisherClient(publisher_options=pubsub.types.PublisherOptions(enable_message_ordering=True), **options)
    except auth_error as error:
        msg = (
            f"Publishing needs credentials for Google, and there are none that can be used ({type(error).__name__}). "
            "Run gcloud auth application-default login, name a key file in GOOGLE_APPLICATION_CREDENTIALS, or an emulator in "
            "PUBSUB_EMULATOR_HOST."
        )
        raise ConfigurationError(msg) from error
