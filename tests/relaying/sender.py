"""A process that publishes events in transactions, a tenth of which are rolled back, until so many are committed.

`python -m tests.relaying.sender EVENTS ACCOUNTS SECONDS`, where the last is the pause between two transactions.
"""

from __future__ import annotations

import os
import random
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.relaying.settings")

import django

django.setup()

from django.db import DatabaseError, InterfaceError, connection, transaction  # noqa: E402 -- settings come first

from ..effects.models import Account, Published  # noqa: E402 -- as above
from .event_handlers import Move, Moves  # noqa: E402 -- as above

ROLLED_BACK = 0.1
"""The share of the transactions that are rolled back."""


class GivenUpError(Exception):
    """Raised to roll back."""


def publish(account: str) -> None:
    with transaction.atomic():
        row = Account.objects.select_for_update().get(pk=account)
        row.number += 1
        row.save()
        Published.objects.create(account=account, number=row.number)
        Moves.publish(Move(account=account, number=row.number), ordering_key=account)
        if random.random() < ROLLED_BACK:
            raise GivenUpError


def main(events: int, accounts: int, pause: float) -> None:
    while True:
        try:
            if Published.objects.count() >= events:
                return
            publish(f"account {random.randrange(accounts)}")
        except GivenUpError:
            pass
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(0.1)
        time.sleep(pause)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
