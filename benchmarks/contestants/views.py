"""The same endpoint written by hand, typed, without and with a table of the messages that it has handled."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pydantic import Base64Bytes, BaseModel, Field, ValidationError

from .models import Seen, write
from .orders import Order


class Message(BaseModel):
    """The message in a push."""

    data: Base64Bytes
    message_id: str = Field(alias="messageId")


class Push(BaseModel):
    """The body that Pub/Sub posts."""

    message: Message
    subscription: str


def read(request: HttpRequest) -> tuple[str, Order]:
    """Read the message's id and the order."""
    message = Push.model_validate_json(request.body).message
    return message.message_id, Order.model_validate_json(message.data)


@csrf_exempt
@require_POST
def seen(request: HttpRequest, kind: str, reference: str) -> HttpResponse:
    """Read the order, and do nothing."""
    try:
        read(request)
    except ValidationError:
        return HttpResponse(status=400)
    return HttpResponse(status=201)


@csrf_exempt
@require_POST
def placed(request: HttpRequest, kind: str, reference: str) -> HttpResponse:
    """Write the row, twice if the message comes twice."""
    try:
        _, order = read(request)
    except ValidationError:
        return HttpResponse(status=400)
    write(reference, order.customer)
    return HttpResponse(status=201)


@csrf_exempt
@require_POST
def placed_once(request: HttpRequest, kind: str, reference: str) -> HttpResponse:
    """Write the row and the message's id in one transaction."""
    try:
        message_id, order = read(request)
    except ValidationError:
        return HttpResponse(status=400)
    try:
        with transaction.atomic():
            Seen.objects.create(message_id=message_id)
            write(reference, order.customer)
    except IntegrityError:
        return HttpResponse(status=200)
    return HttpResponse(status=201)
