"""Selections: deliveries by what people know about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

from gcp_event_router.exceptions import GlobError
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.selections import Selection

from ..support.deliveries import with_databases

pytestmark = with_databases
KEYS = [uuid4() for _ in range(4)]


@pytest.fixture
def kept(inbox: str) -> str:
    """Four events of different kinds, ages and states."""
    rows: list[tuple[str, str, int, str, State, str]] = [
        ("order-placed", "1", 0, "shop.a", State.DONE, ""),
        ("order-paid", "2", 2, "shop.b", State.PARKED, "builtins.ValueError"),
        ("order[x]", "3", 5, "", State.REJECTED, "UndecodableBodyError"),
        ("invoice", "1", 9, "Shop.a", State.RUNNING, ""),
    ]
    for key, (kind, reference, days, handler, state, error) in zip(KEYS, rows, strict=True):
        StoredEvent.objects.using(inbox).create(key=key, kind=kind, reference=reference, body=b"", digest=b"")
        age = ExpressionWrapper(Now() - timedelta(days=days), output_field=DateTimeField())
        StoredEvent.objects.using(inbox).filter(key=key).update(received_at=age)
        Delivery.objects.using(inbox).create(event_id=key, handler=handler, state=state, error_type=error, error=error[:3])
    return inbox


@pytest.mark.parametrize(
    ("selected", "found"),
    [
        ({}, [0, 1, 2, 3]),
        ({"states": ["done", "parked"]}, [0, 1]),
        ({"kind": "order-*"}, [0, 1]),
        ({"kind": "order-placed"}, [0]),
        ({"kind": "order[[]x]"}, [2]),
        ({"kind": "*"}, [0, 1, 2, 3]),
        ({"kind": "Order-*"}, []),
        ({"kind": "order-p[!l]*"}, [1]),
        ({"handler": "shop.*"}, [0, 1]),
        ({"handler": "Shop.?"}, [3]),
        ({"reference": "1"}, [0, 3]),
        ({"error": "Error"}, [1, 2]),
        ({"error": "Und"}, [2]),
        ({"error": "%"}, []),
        ({"older_than": timedelta(days=1)}, [1, 2, 3]),
        ({"newer_than": timedelta(days=3)}, [0, 1]),
        ({"older_than": timedelta(days=1), "newer_than": timedelta(days=3)}, [1]),
        ({"older_than": timedelta.max}, []),
        ({"newer_than": timedelta.max}, [0, 1, 2, 3]),
        ({"kind": "order-*", "reference": "1"}, [0]),
        ({"events": [KEYS[1], KEYS[2], UUID(int=0)]}, [1, 2]),
        ({"idle": True}, [0, 1, 2, 3]),
    ],
)
def test_what_fits(kept: str, selected: dict[str, Any], found: list[int]) -> None:
    """A selection has the deliveries that match all options: globs like those of handlers, ages by the database's clock."""
    keys = Selection(**selected).deliveries(kept).values_list("event_id", flat=True)

    assert [KEYS.index(key) for key in keys] == found


def test_whose_worker_is_at_work(kept: str) -> None:
    """A running delivery is idle once its lease has expired."""
    running = Delivery.objects.using(kept).filter(state=State.RUNNING)
    ends = [ExpressionWrapper(Now() + timedelta(hours=hours), output_field=DateTimeField()) for hours in (1, -1)]
    counts: list[int] = []
    for end in ends:
        running.update(lease_until=end)
        counts.append(Selection(idle=True, kind="invoice").deliveries(kept).count())

    assert counts == [0, 1]


@pytest.mark.parametrize(("selection", "what"), [(Selection(kind="["), "kind"), (Selection(handler="["), "glob")])
def test_a_malformed_glob(inbox: str, selection: Selection, what: str) -> None:
    """A glob that could match nothing is refused, and a glob of handlers' names is not called a kind."""
    with pytest.raises(GlobError) as caught:
        selection.deliveries(inbox)

    assert str(caught.value) == (
        f"The {what} '[' opens a '[' that is never closed, so it would match nothing. "
        "Close the sequence, as in '[ab]', or write '[[]' for the character itself."
    )
