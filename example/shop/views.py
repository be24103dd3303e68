"""The shop's own pages: what there is, and the till, where customers bring orders back."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# as in models.py

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from .kinds import OrderReturned
from .models import Order, Return
from .payloads import Returned

WHAT_THERE_IS = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The example shop</title>
<main>
<h1>The example shop</h1>
<ul>
<li><a href="{catalogue}">The catalogue</a> shows the events that the shop takes, with commands that send them.</li>
<li><a href="{inbox}">The inbox</a> shows what became of events that came.</li>
<li><a href="{outbox}">The outbox</a> shows what became of events that the shop published.</li>
</ul>
<p>Events go to <code>/events/&lt;kind&gt;/&lt;reference&gt;</code>, and CloudEvents to <code>/events/</code>.</p>
</main>
</html>
"""


@require_safe
def what_there_is(request: HttpRequest) -> HttpResponse:
    """Name the pages for the staff; `make serve` prints who may log in."""
    pages = {
        "catalogue": reverse("gcp-catalogue:list"),
        "inbox": reverse("admin:gcp_event_inbox_storedevent_changelist"),
        "outbox": reverse("admin:gcp_event_outbox_outgoingevent_changelist"),
    }
    return HttpResponse(WHAT_THERE_IS.format(**pages))


@csrf_exempt  # tills call it, and not browsers
@require_POST
def take_back(request: HttpRequest, order_id: int) -> HttpResponse:
    """Take an order back. The event is committed with the row, or rolled back with it."""
    order = get_object_or_404(Order, pk=order_id)
    try:
        with transaction.atomic():
            OrderReturned.publish(Returned(order_id=order_id, cents=int(order.total * 100)), ordering_key=f"order-{order_id}")
            Return.objects.create(order=order)
    except IntegrityError:
        return HttpResponse("It was returned before.\n", "text/plain", 409)
    return HttpResponse("Thank you.\n", "text/plain", 202)
