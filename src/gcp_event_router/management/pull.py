"""`manage.py events pull`: a subscription's messages, in the same handlers."""

from __future__ import annotations

import logging
import os
import re
from datetime import timedelta
from difflib import get_close_matches
from types import ModuleType
from typing import Any, Final

from django.core.management.base import CommandError, OutputWrapper

from .. import conf
from .._log import logger
from .._shutdown import stop_flag
from ..exceptions import ConfigurationError, PostError, PullError
from ..pulling import DeliveryResult, Forward, Here, Puller
from ..router import events, is_registered
from ..signals import event_received
from .arguments import age, label, positive, size
from .subcommands import argument, subcommand

_FULL: Final = re.compile(r"projects/[^/\s]{1,255}/subscriptions/[^/\s]{1,255}")
_SHORT: Final = re.compile(r"[^/\s]{1,255}")


@subcommand(
    "Pull the messages of a Pub/Sub subscription, and handle each as if it had been pushed.",
    argument("subscription", metavar="SUBSCRIPTION", help="projects/P/subscriptions/S, or S alone"),
    argument("--kind", type=label, required=True, help="the kind of the events"),
    argument("--reference", type=label, help="their reference; each one's message id unless given"),
    argument("--project", default="", help="of a SUBSCRIPTION without one; GOOGLE_CLOUD_PROJECT unless given"),
    argument(
        "--forward",
        default="",
        metavar="URL",
        help="post each as a push: to URL/events/KIND/REFERENCE, or to URL if that has a path; acknowledge what it does",
    ),
    argument("--workers", type=positive, default=4, metavar="N", help="so many threads; 4 unless given"),
    argument(
        "--max-messages",
        type=positive,
        default=100,
        metavar="N",
        help="so many messages here at once, those that wait for a thread included; 100 unless given",
    ),
    argument(
        "--max-bytes",
        type=size,
        default=100 * 1024 * 1024,
        metavar="N",
        help="so many bytes of messages here at once; 100 MiB unless given",
    ),
    argument("--limit", type=positive, metavar="N", help="stop after so many messages"),
    argument("--timeout", type=age, metavar="AGE", help="stop after so long, such as 30s or 2h"),
    argument(
        "--allow-unhandled",
        action="store_true",
        help="pull also where nothing handles the kind, so that each message is acknowledged and lost",
    ),
    argument("--verbose", action="store_true", help="print a line for each message"),
)
def pull(
    out: OutputWrapper,
    *,
    subscription: str,
    project: str,
    kind: str,
    reference: str | None,
    forward: str,
    limit: int | None,
    timeout: timedelta | None,
    verbose: bool,
    **options: Any,
) -> None:
    """Pull until SIGTERM, Ctrl-C, `--limit` or `--timeout`."""
    stream = _stream()
    name = _name(subscription, project)
    if not (forward or options["allow_unhandled"]):
        _require_handler(kind)

    def tell(message_id: str, delivered: DeliveryResult) -> None:
        out.write(f"{message_id}: {delivered.result}; {'acknowledged' if delivered.acknowledged else 'given back'}")

    try:
        with stop_flag() as stop:
            destination = Forward(forward, kind, stop) if forward else Here()
            told = tell if verbose or (forward and not logger.isEnabledFor(logging.INFO)) else None
            puller = Puller(destination, name, kind, reference, stop=stop, limit=limit, tell=told)
            _say(out, f"Pulling from {name}, as events of kind {kind!r}; Ctrl-C ends it.", subscription=name, event_kind=kind)
            try:
                stream.pull(
                    name,
                    puller.receive,
                    stop,
                    workers=options["workers"],
                    max_messages=min(options["max_messages"], limit or options["max_messages"]),
                    max_bytes=options["max_bytes"],
                    timeout=timeout and timeout.total_seconds(),
                )
            finally:
                done, back = puller.acknowledged, puller.given_back
                text = f"Stopped pulling from {name}: {done} acknowledged, {back} given back."
                _say(out, text, subscription=name, event_kind=kind, acknowledged=done, given_back=back)
    except (PullError, PostError, ConfigurationError) as error:
        raise CommandError(str(error)) from error


def _stream() -> ModuleType:
    """What needs google-cloud-pubsub."""
    try:
        from ..pulling import stream  # noqa: PLC0415 -- only here it is asked for
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("google"):
            raise
        msg = "events pull needs google-cloud-pubsub, which is not installed. pip install 'gcp-event-router[pubsub]'."
        raise CommandError(msg) from error
    return stream


def _require_handler(kind: str) -> None:
    """Refuse a kind that nothing takes and nothing keeps: its messages would be acknowledged, and gone."""
    if is_registered(kind) or event_received.plain_receivers() or conf.current().UNHANDLED == "keep":
        return
    near = get_close_matches(kind, {glob.pattern for each in events for glob in each.globs} | events.kinds.keys(), 1)
    advice = f"Did you mean {near[0]!r}? " if near else ""
    msg = (
        f"No handler, no fallback and no receiver takes events of kind {kind!r}, so each message would be acknowledged and lost. "
        f"{advice}See manage.py events list, or give --allow-unhandled."
    )
    raise CommandError(msg, returncode=2)


def _name(subscription: str, project: str) -> str:
    """The full name of a subscription."""
    if _FULL.fullmatch(subscription):
        return subscription
    if not _SHORT.fullmatch(subscription):
        msg = f"{subscription!r} names no subscription. Write projects/P/subscriptions/S, or S alone."
        raise CommandError(msg, returncode=2)
    project = project or os.environ.get("GOOGLE_CLOUD_PROJECT", "")
    if not _SHORT.fullmatch(project):
        msg = (
            f"The project of {subscription!r} is not known. Give --project, set GOOGLE_CLOUD_PROJECT, "
            f"or write projects/P/subscriptions/{subscription}."
        )
        raise CommandError(msg, returncode=2)
    return f"projects/{project}/subscriptions/{subscription}"


def _say(out: OutputWrapper, text: str, **fields: object) -> None:
    """Log what happens; or write it, where the log does not take it."""
    if logger.isEnabledFor(logging.INFO):
        logger.info("%s", text, extra=fields)
    else:
        out.write(text)
