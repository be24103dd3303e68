"""`manage.py events pull`: gives the messages of a subscription to the same handlers."""

from __future__ import annotations

import logging
import os
import re
from datetime import timedelta
from types import ModuleType
from typing import Any, Final

from django.core.management.base import CommandError, OutputWrapper

from .. import conf
from .._log import logger
from .._shutdown import stop_flag
from ..exceptions import PostError, PullError
from ..pulling import DeliveryResult, Forward, Here, Puller
from ..router import is_registered
from ..signals import event_received
from .arguments import age, label, positive, refuse, similar_kind
from .subcommands import argument, subcommand

_NAME: Final = re.compile(r"(projects/[^/\s]{1,255}/subscriptions/)?[^/\s]{1,255}")


@subcommand(
    "Pull the messages of a Pub/Sub subscription, and handle each as if it had been pushed.",
    argument("subscription", metavar="SUBSCRIPTION", help="projects/P/subscriptions/S, or S"),
    argument("--kind", type=label, required=True, help="the kind of the events"),
    argument("--reference", type=label, help="the reference of the events (default: each message's id)"),
    argument("--project", default="", help="the project of the subscription (default: GOOGLE_CLOUD_PROJECT)"),
    argument("--forward", default="", metavar="URL", help="post to URL/events/KIND/REFERENCE, or to URL itself if it has a path"),
    argument("--workers", type=positive, default=4, metavar="N", help="the number of threads (default: 4)"),
    argument("--max-messages", type=positive, default=100, metavar="N", help="hold at most N messages (default: 100)"),
    argument("--max-bytes", type=positive, default=100 << 20, metavar="N", help="hold at most N bytes (default: 100 MiB)"),
    argument("--limit", type=positive, metavar="N", help="stop after N messages"),
    argument("--timeout", type=age, metavar="AGE", help="stop after a time, such as 30s or 2h"),
    argument("--allow-unhandled", action="store_true", help="pull even if nothing handles the kind, and lose the messages"),
    argument("--verbose", action="store_true", help="print a line for each message"),
)
def pull(
    out: OutputWrapper,
    *,
    subscription: str,
    kind: str,
    forward: str,
    limit: int | None,
    timeout: timedelta | None,
    verbose: bool,
    **options: Any,
) -> None:
    """Pull until SIGTERM, Ctrl-C, `--limit` or `--timeout`."""
    stream = _stream()
    name = _full_name(subscription, options["project"])
    if not (forward or options["allow_unhandled"]):
        _require_handler(kind)

    def tell(message_id: str, delivered: DeliveryResult) -> None:
        out.write(f"{message_id}: {delivered.result}; {'acknowledged' if delivered.acknowledged else 'given back'}")

    def say(text: str, **fields: object) -> None:
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", text, extra={"subscription": name, "event_kind": kind, **fields})
        else:
            out.write(text)

    try:
        with stop_flag() as stop:
            destination = Forward(forward, kind, stop) if forward else Here()
            # the endpoint logs each event here, and a site to which messages are forwarded does not
            is_told = verbose or (forward and not logger.isEnabledFor(logging.INFO))
            puller = Puller(destination, name, kind, options["reference"], stop=stop, limit=limit, tell=tell if is_told else None)
            say(f"Pulling events of kind {kind!r} from {name}; Ctrl-C stops.")
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
                say(f"Stopped pulling from {name}: {done} acknowledged, {back} given back.", acknowledged=done, given_back=back)
    except (PullError, PostError) as error:
        raise CommandError(str(error)) from error


def _stream() -> ModuleType:
    try:
        from ..pulling import stream  # noqa: PLC0415 -- needs google-cloud-pubsub
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("google"):
            raise
        msg = "events pull needs google-cloud-pubsub, which is not installed. pip install 'gcp-event-router[pubsub]'."
        raise CommandError(msg) from error
    return stream


def _require_handler(kind: str) -> None:
    """Refuse a kind that nothing handles and nothing stores, since its messages would be lost."""
    if not (is_registered(kind) or event_received.plain_receivers() or conf.current().UNHANDLED == "keep"):
        refuse(
            f"No handler, fallback or receiver takes events of kind {kind!r}, so each message would be acknowledged and lost. "
            f"{similar_kind(kind)}See manage.py events list, or give --allow-unhandled."
        )


def _full_name(subscription: str, project: str) -> str:
    match = _NAME.fullmatch(subscription)
    if match is None:
        refuse(f"{subscription!r} is not the name of a subscription. Write projects/P/subscriptions/S, or S.")
    if match[1]:
        return subscription
    project = project or os.environ.get("GOOGLE_CLOUD_PROJECT", "")
    if not project:
        refuse(f"{subscription!r} has no project. Give --project, set GOOGLE_CLOUD_PROJECT, or write projects/P/subscriptions/S.")
    return f"projects/{project}/subscriptions/{subscription}"
