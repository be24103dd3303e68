"""Words of messages for people."""

from __future__ import annotations

from datetime import timedelta


def duration_words(time: timedelta) -> str:
    """Write a duration, such as `"6 days"` or `"0:00:09"`."""
    return str(time).removesuffix(", 0:00:00")


def counted(number: int, noun: str, plural: str = "") -> str:
    """Format a number with its noun, such as `"1 error"` or `"2 deliveries"`; the plural has an s unless it is given."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
