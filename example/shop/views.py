"""The shop's own pages: the till, where customers bring orders back."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# as in models.py

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .kinds import OrderReturned
from .models import Order, Return
from .payloads import Returned


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
