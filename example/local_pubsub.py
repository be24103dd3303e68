"""Runs Google's Pub/Sub emulator, if it is installed, for `make demo-emulator` and for the tests.

`gcloud components install pubsub-emulator`, or a package of the distribution, brings it; it also needs Java.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from unittest.mock import patch

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.types import PublisherOptions

PROJECT = "shop-project"
PATIENCE = 60.0
"""Seconds to wait for something that should take a few."""
JARS = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar"


class NoEmulatorError(Exception):
    """Raised if the emulator cannot run; says what is missing."""


class Emulator:
    """A running emulator, with Google's clients for it."""

    def __init__(self, port: int) -> None:
        address = f"127.0.0.1:{port}"
        #: The environment with which Google's clients in other processes use the emulator.
        self.environment: Mapping[str, str] = {
            "PUBSUB_EMULATOR_HOST": address,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "no_grpc_proxy": "127.0.0.1",  # else they would ask a proxy that the environment names
        }
        with patch.dict(os.environ, self.environment):  # only read when a client is created
            self._publisher = PublisherClient(publisher_options=PublisherOptions(enable_message_ordering=True))
            self.subscriber = SubscriberClient()

    def topic(self, name: str) -> str:
        """Make a topic, and return its full name."""
        return self._publisher.create_topic(name=f"projects/{PROJECT}/topics/{name}").name

    def subscription(self, name: str, topic: str, endpoint: str = "", dead_letters: str = "", **more: Any) -> str:
        """Make a subscription, and return its full name.

        Args:
            name: Its short name.
            topic: The full name of its topic.
            endpoint: Where to push to; without one, it is for pulling.
            dead_letters: The full name of a topic for what failed five times.
            more: Further fields of the API's `Subscription`, or, as `push`, of its `PushConfig`.

        """
        push = more.pop("push", {})
        request = {"name": f"projects/{PROJECT}/subscriptions/{name}", "topic": topic, **more}
        if endpoint:
            request["push_config"] = {"push_endpoint": endpoint, **push}
        if dead_letters:
            request["dead_letter_policy"] = {"dead_letter_topic": dead_letters, "max_delivery_attempts": 5}
        return self.subscriber.create_subscription(request).name

    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attributes: str) -> str:
        """Publish a message, and return its id."""
        return self._publisher.publish(topic, data, ordering_key, **attributes).result(PATIENCE)

    def close(self) -> None:
        """End the clients."""
        self._publisher.stop()
        self.subscriber.close()


def command() -> list[str]:
    """The command that starts the emulator, without options. Raises `NoEmulatorError`."""
    java = shutil.which("java", path=os.pathsep.join(_java_folders()))
    if java is None:
        msg = "there is no java, which Google's Pub/Sub emulator needs"
        raise NoEmulatorError(msg)
    jars = [jar for root in _sdk_folders() for jar in sorted(root.glob(JARS))]
    if not jars:
        msg = "there is no Google Cloud SDK with the Pub/Sub emulator; gcloud components install pubsub-emulator"
        raise NoEmulatorError(msg)
    return [java, "-jar", str(jars[0])]


@contextmanager
def running() -> Generator[Emulator]:
    """Run the emulator during the `with` block. Raises `NoEmulatorError`."""
    start = command()
    with tempfile.TemporaryFile() as said:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
        process = subprocess.Popen([*start, "--host=127.0.0.1", f"--port={port}"], stdout=said, stderr=said)
        try:
            _wait_for(process, port, said)
            emulator = Emulator(port)
            try:
                yield emulator
            finally:
                emulator.close()
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)


def _wait_for(process: subprocess.Popen[bytes], port: int, said: IO[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > until:
            said.seek(0)
            raise RuntimeError(f"the Pub/Sub emulator does not start:\n{said.read().decode(errors='replace')}")
        time.sleep(0.05)


def _java_folders() -> Iterator[str]:
    if home := os.environ.get("JAVA_HOME"):
        yield f"{home}/bin"
    yield os.environ.get("PATH", os.defpath)


def _sdk_folders() -> Iterator[Path]:
    if root := os.environ.get("CLOUDSDK_ROOT_DIR"):
        yield Path(root)
    if gcloud := shutil.which("gcloud"):
        yield Path(gcloud).resolve().parent.parent
    yield Path("/usr/lib/google-cloud-sdk")
    yield Path("/usr/share/google-cloud-sdk")
