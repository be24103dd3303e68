"""Places in a value of JSON: keys and numbers, from the outside to the inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

Place: TypeAlias = tuple[str | int, ...]


def inside_of(value: object, step: str | int) -> list[object]:
    """What is at a key or a number, if there is anything."""
    if isinstance(value, dict):
        mapping = cast("dict[object, object]", value)
        return [mapping[step]] if step in mapping else []
    return cast("list[object]", value)[step : step + 1] if isinstance(value, list) and isinstance(step, int) else []


def put(made: dict[str, object], path: Sequence[str | int], value: object) -> None:
    """Put a value where it is read from, which may be within others."""
    inside: Any = made
    for step, following in zip(path, [*path[1:], None], strict=True):
        empty: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            inside += [None] * (step + 1 - len(inside))
            inside[step] = empty if following is None or inside[step] is None else inside[step]
        else:
            inside[step] = empty if following is None else inside.get(step, empty)
        inside = inside[step]
