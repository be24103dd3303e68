"""Reads the plugin's settings from the file that configures mypy.

[gcp-event-router]
kinds = shop.kinds, billing.kinds
disable = event-payload
"""

from __future__ import annotations

import configparser
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from mypy.options import Options

from ._codes import CODES

_SECTION: Final = "gcp-event-router"
_OPTIONS: Final = ("kinds", "disable")


@dataclass(frozen=True)
class Config:
    """The plugin's settings."""

    #: The modules that declare kinds or include routers, in the order of the setting.
    kinds: tuple[str, ...] = ()
    #: The codes of errors that the plugin does not report.
    disable: frozenset[str] = frozenset()
    #: Where the settings are, as messages name it.
    place: str = f"the section [{_SECTION}] of mypy.ini"

    @classmethod
    def of(cls, options: Options) -> Config:
        """Read the settings. Ends mypy with a message if they are wrong, since a misspelt one would switch off checks unseen."""
        path = options.config_file
        if path is None:
            return cls()
        is_toml = path.endswith(".toml")
        place = f"the section [{'tool.' if is_toml else ''}{_SECTION}] of {Path(path).name}"
        given = _toml(path) if is_toml else _ini(path)
        for option in given:
            if option not in _OPTIONS:
                refuse(f"{place} has the option {option!r}, which the plugin does not know. Its options are {_and(_OPTIONS)}.")
        kinds, disable = (_items(place, name, given.get(name, ())) for name in _OPTIONS)
        for module in kinds:
            if not all(part.isidentifier() for part in module.split(".")):
                refuse(f"kinds in {place} names {module!r}, which is not a module. Write its dotted name, such as shop.kinds.")
        for code in disable:
            if code not in CODES:
                refuse(
                    f"disable in {place} names {code!r}, which is not a code of the plugin. Choose from {_and(sorted(CODES))}."
                )
        return cls(tuple(dict.fromkeys(kinds)), frozenset(disable), place)


def _toml(path: str) -> Mapping[str, Any]:
    tools: Mapping[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("tool", {})
    section: Mapping[str, Any] = tools.get(_SECTION, {})
    return section


def _ini(path: str) -> Mapping[str, Any]:
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
    parser.read(path, encoding="utf-8")
    return dict(parser[_SECTION]) if parser.has_section(_SECTION) else {}


def _items(place: str, option: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return [item for item in re.split(r"[,\s]+", value) if item]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in cast("list[object]", value)):
        refuse(f'{option} in {place} is {value!r}. Write a list of strings, such as ["shop.kinds"].')
    return list(cast("list[str]", value))


def _and(names: tuple[str, ...] | list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def refuse(message: str) -> NoReturn:
    """End mypy with a message."""
    # mypy would print the traceback of any other exception
    sys.stderr.write(f"gcp_event_router.mypy: {message}\n")
    sys.exit(2)
