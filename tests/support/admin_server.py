"""The site that the tests in a browser look at: `tests.support.admin_server:application`; run as a script, it makes its data."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.admin_server_settings")

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application
from pydantic import BaseModel

application = StaticFilesHandler(get_wsgi_application())

from django.contrib.auth.models import Permission, User  # noqa: E402 -- settings come first
from django.core.management import call_command  # noqa: E402 -- as above
from django.test import Client  # noqa: E402 -- as above
from django.utils import timezone  # noqa: E402 -- as above

from gcp_event_router import Event, Reject, Retry, events  # noqa: E402 -- as above
from gcp_event_router.inbox.models import Delivery, State, StoredEvent  # noqa: E402 -- as above
from gcp_event_router.utils import make_pubsub_message  # noqa: E402 -- as above

from .catalogue_handlers import HOSTILE, ROUTER  # noqa: E402 -- as above
from .kept import keep  # noqa: E402 -- as above

#: Whether the handler's mistake is mended, which the test says by making this file.
MENDED = Path(f"{os.environ.get('EVENTS_FILE', 'nothing')}.mended")
LONG = "shop-" + "0123456789" * 12
#: References of orders, and what their handler does until it is mended.
ORDERS = {
    State.DONE: (range(1, 41), None),
    State.PARKED: (range(41, 46), RuntimeError),
    State.REJECTED: (range(46, 49), Reject),
    State.PENDING: (range(49, 51), Retry),
}


class Order(BaseModel):
    order_id: int
    note: str = ""


events.include(ROUTER)


@events.on("order-*", name="shop.record", max_attempts=1)
def record_order(event: Event[Order]) -> None:
    for numbers, error in ORDERS.values():
        if error is not None and event.payload.order_id in numbers and not MENDED.exists():
            raise error


@events.on("invoice-*", name="shop.invoices.send_the_invoice_by_electronic_mail", max_attempts=3)
def send_invoice(event: Event[Order]) -> None:
    raise LookupError


def main() -> None:
    """Make the tables, somebody of the staff, and events in every state, nearly all as they come about."""
    call_command("migrate", verbosity=0)
    staff = User.objects.create_user("operator", password="a long one", is_staff=True)
    wanted = ["view_storedevent", "replay_delivery", "discard_delivery"]
    wanted += ["view_outgoingevent", "retry_outgoingevent", "discard_outgoingevent"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    for numbers, _ in ORDERS.values():
        for number in numbers:
            send("order-placed", number, {"order_id": number, "note": HOSTILE})
    send("order-placed", 51, {"order_id": "fifty-one"})
    for number in (61, 62):
        send("invoice-due", number, {"order_id": number})
    send("order-paid", LONG, {"order_id": 71})
    send("order-paid", 72, {"order_id": 72})
    lease = {"state": State.RUNNING, "lease_until": timezone.now() + timedelta(minutes=5)}
    Delivery.objects.filter(event__reference=LONG).update(**lease)
    Delivery.objects.filter(event__reference="72").update(state=State.DISCARDED)
    Client().post("/events/order-placed/broken", b'{"message": {"data": "####"}, "subscription": "s"}', "application/json")
    for event in StoredEvent.objects.filter(kind="order-placed", reference__in=map(str, range(1, 46))):
        StoredEvent.objects.filter(pk=event.pk).update(received_at=timezone.now() - timedelta(minutes=37 * int(event.reference)))
    for state in (State.DONE, State.PENDING, State.PARKED, State.FAILED):
        details: dict[str, Any] = {"data": json.dumps({"note": HOSTILE}).encode(), "cause": "order-placed-3"}
        if state is State.PARKED:
            details |= {"error_type": "shop.errors.Timeout", "error": LONG, "error_text": LONG}
        keep("default", state, LONG, **details)


def send(kind: str, reference: object, data: object) -> None:
    """Send an event as Pub/Sub does."""
    body = make_pubsub_message(data, message_id=f"{kind}-{reference}")
    Client().post(f"/events/{kind}/{reference}", body, "application/json")


if __name__ == "__main__":
    main()
