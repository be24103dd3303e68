"""Creates the transport that the settings name."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from django.core.signals import setting_changed

from ... import conf
from ..._backends import create_backend, import_backend
from ...exceptions import ConfigurationError
from .base import Transport

_NOUN: Final = "transport"


@cache
def transport_class() -> type[Transport]:
    """Return the class of the transport in the settings, imported once. Raises `ConfigurationError` if it is none."""
    path = conf.current().OUTBOX.TRANSPORT["BACKEND"]
    backend: Any = import_backend(_NOUN, path)
    if not (isinstance(backend, type) and issubclass(backend, Transport)):
        msg = (
            f"The transport {path!r} is not a class that derives from Transport, so the relay cannot use it. Name one that does."
        )
        raise ConfigurationError(msg)
    return backend


def create_transport() -> Transport:
    """Create the transport in the settings, without opening it. Raises `ConfigurationError` if it cannot be created."""
    setting = conf.current().OUTBOX.TRANSPORT
    transport_class()
    transport: Transport = create_backend(_NOUN, setting["BACKEND"], setting.get("OPTIONS", {}))
    return transport


@contextmanager
def opened_transport() -> Generator[Transport]:
    """Create and open the transport in the settings; close it at the end. Raises `ConfigurationError` if it cannot be used."""
    transport = create_transport()
    transport.open()
    try:
        yield transport
    finally:
        transport.close()


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        transport_class.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.outbox.transports")
