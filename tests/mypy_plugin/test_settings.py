"""Settings and releases of mypy that the plugin refuses, and what it does when it fails itself."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is not installed here; `make check` installs it")

from mypy.options import Options

from gcp_event_router.mypy import plugin
from gcp_event_router.mypy._config import Config

REFUSED = {
    "kind = shop.kinds": "the section [gcp-event-router] of mypy.ini has the option 'kind', which the plugin does not know. "
    "Its options are kinds and disable.",
    "kinds = shop/kinds.py": "kinds in the section [gcp-event-router] of mypy.ini names 'shop/kinds.py', which is not a module. "
    "Write its dotted name, such as shop.kinds.",
    "disable = event-kinds": "disable in the section [gcp-event-router] of mypy.ini names 'event-kinds', which is not a code "
    "of the plugin. Choose from event-config, event-glob, event-handler, event-kind, event-part, event-payload and "
    "event-receiver.",
}


@pytest.mark.parametrize("line", REFUSED)
def test_wrong_settings_end_mypy(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mypy ends with a message for an option that would have no effect."""
    file = tmp_path / "mypy.ini"
    file.write_text(f"[mypy]\n[gcp-event-router]\n{line}\n")
    options = Options()
    options.config_file = str(file)

    with pytest.raises(SystemExit) as end:
        Config.of(options)

    assert (end.value.code, capsys.readouterr().err) == (2, f"gcp_event_router.mypy: {REFUSED[line]}\n")


def test_an_old_mypy_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A mypy with which the plugin is not tested ends with the oldest release that works."""
    with pytest.raises(SystemExit):
        plugin("1.15.0")

    expected = "mypy 1.15.0 is too old for the plugin. Install mypy 1.16 or newer, or remove the plugin."
    assert capsys.readouterr().err == f"gcp_event_router.mypy: {expected}\n"


def test_a_development_version_is_accepted() -> None:
    """Versions of mypy need not consist of numbers only."""
    assert plugin("2.5.0+dev.0123abc").__name__ == "EventRouterPlugin"
