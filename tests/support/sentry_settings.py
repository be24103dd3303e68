"""The settings of the tests, in a project that Sentry watches: `make sentry` runs the endpoint's tests with them.

Sentry's integration for Django is on by default. It wraps the receivers of every signal.
"""

from __future__ import annotations

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from ..settings import *  # noqa: F403 -- the same settings


class Nowhere(Transport):
    """Sends nothing."""

    def capture_envelope(self, envelope: Envelope) -> None:  # type: ignore[explicit-override]  # Sentry's own name
        """Take what would be sent."""


sentry_sdk.init(dsn="http://public@127.0.0.1:9/1", transport=Nowhere, traces_sample_rate=1.0)
