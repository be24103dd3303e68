"""W016: handlers in modules that nothing imports."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest
from django.core.checks import Warning as Warn
from django.test import modify_settings, override_settings

from gcp_event_router.checks import check_project
from gcp_event_router.checks.sources import LARGEST
from gcp_event_router.checks.unimported import check_modules

from .test_checks import told

HANDLER = """\
from gcp_event_router import Event, events

@events.on("order-placed")
def placed(event: Event[int]) -> None: ...
"""

App = Callable[[dict[str, str]], Path]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Write an app of some files, and install it; the folder of it is returned."""
    folder = tmp_path / "till"

    def write(files: dict[str, str]) -> Path:
        for name, source in {"__init__.py": "", **files}.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        invalidate_caches()
        installed.enter_context(modify_settings(INSTALLED_APPS={"append": "till"}))
        return folder

    with ExitStack() as installed:
        yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "till"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"handlers.py": HANDLER}, "till.handlers"),
        ({"billing/__init__.py": "", "billing/events.py": HANDLER}, "till.billing.events"),
        ({"event_handlers/__init__.py": "", "event_handlers/orders.py": HANDLER}, "till.event_handlers.orders"),
        ({"event_handlers/__init__.py": "", "event_handlers/old/__init__.py": HANDLER}, "till.event_handlers.old"),
    ],
)
def test_w016_module_that_nothing_imports(app: App, files: dict[str, str], name: str) -> None:
    """It is said where the handler stands, and what imports it; nothing is said once it is imported."""
    folder = app(files)
    if "event_handlers/__init__.py" in files:
        import_module("till.event_handlers")

    path = next(folder / file for file, source in files.items() if source)
    assert told(check_project()) == [
        (
            Warn,
            "gcp_event_router.W016",
            f"Write `import {name}` in the module till.event_handlers.",
            f"{name} ({path}:3) registers a handler, which does not run, since nothing imports the module.",
        )
    ]
    assert name not in sys.modules
    with override_settings(SILENCED_SYSTEM_CHECKS=["gcp_event_router.W016"]):
        assert [each.is_silenced() for each in check_modules()] == [True]


def test_imported_modules_are_fine(app: App) -> None:
    """What the app's `event_handlers` imports is registered, and nothing is said."""
    app(
        {
            "event_handlers.py": "from . import handlers",
            "handlers.py": HANDLER.replace("events.on", "EventRouter().on").replace(
                "import Event, events", "import Event, EventRouter"
            ),
        }
    )
    import_module("till.event_handlers")

    assert list(check_modules()) == []


#: Modules, and the lines at which they register a handler.
HANDLERS: list[tuple[str, int | None]] = [
    ("import gcp_event_router\n@gcp_event_router.events.on('a')\ndef f(event): ...", 2),
    ("from gcp_event_router.router import events\nclass A:\n  @events.on('a')\n  async def f(event): ...", 3),
    ("import gcp_event_router as g\n@g.events.on('a')\nasync def f(event): ...", 2),
    ("from gcp_event_router import EventRouter\nshop_router = EventRouter()\n@shop_router.on('a')\ndef f(event): ...", 3),
    ("from gcp_event_router import events\nevents.on('a')(print)", 2),
    ("from gcp_event_router import events\n@events.fallback\ndef f(event): ...", 2),
    # other names are not recognized
    ("from gcp_event_router import EventRouter\nr: EventRouter = EventRouter()\n@r.on('a')\ndef f(event): ...", None),
    # kinds
    ("from gcp_event_router import events\nKind = events.kind('a', int)\n@Kind.on\ndef f(event): ...", 3),
    (
        "from .kinds import Placed, gcp_event_router\nif 1:\n try:\n  @Placed.on()\n  def f(event): ...\n finally: pass",
        4,
    ),
    ("from .kinds import Placed # gcp_event_router\nPlaced.on(print)", 2),
    # other things with a method of that name
    ("from blinker import events\n@events.on('a')\ndef f(event): ...", None),
    ("from till import nothing\n@nothing.on('a')\ndef f(event): ...", None),
    ("from ..... import events\n@events.on('a')\ndef f(event): ...", None),
    ("@print('a').on('a')\ndef f(event): ...", None),
    ("from gcp_event_router import events\nimport ui\n@ui.button.on('a')\ndef f(event): ...", None),
    ("import gcp_event_router\nqueue.on('a')", None),
    ('"""gcp_event_router:\n\n@events.on()\ndef f(event): ...\n"""', None),
    ("from gcp_event_router import events\nevents.on('a'", None),
    # also in a block
    ("from gcp_event_router import events\ntry:\n  events.on('a')(print)\nfinally: pass", 3),
    ("from gcp_event_router import events\n\nregister = events.on('a')", 3),
    # only when it is called
    ("from gcp_event_router import events\ndef later():\n  @events.on('a')\n  def f(event): ...", None),
    ("from gcp_event_router import events\ndef later():\n  events.on('a')(print)", None),
    # no registration
    ("from gcp_event_router import events\nevents.find('a') or events.on", None),
    ("from gcp_event_router import events\nevents.on('\\d')(print)", 2),
    ("# events.on(\n" + "x = 1\n" * (LARGEST // 6) + "from gcp_event_router import events\nevents.on('a')(print)", None),
]


def test_what_registers_a_handler(app: App) -> None:
    """What is written as a registration counts, in a module that mentions the package; the source is not run."""
    kinds = "from gcp_event_router import EventRouter\nPlaced = EventRouter().kind('a', int)"
    folder = app({"kinds.py": kinds} | {f"more_{number:02}.py": source for number, (source, _) in enumerate(HANDLERS)})
    import_module("till.kinds")

    assert [str(message.msg) for message in check_modules()] == [
        f"till.more_{number:02} ({folder}/more_{number:02}.py:{line}) registers a handler, which does not run, since nothing "
        "imports the module."
        for number, (_, line) in enumerate(HANDLERS)
        if line
    ]


def test_what_is_passed_over(app: App) -> None:
    """Tests, migrations, commands, folders that are no packages and files that are no modules are not read."""
    names = ["tests/test_a.py", "tests/__init__.py", "tests.py", "test_a.py", "a_test.py", "conftest.py", "__main__.py"]
    names += ["migrations/__init__.py", "management/__init__.py", "folder/a.py", "no-module.py", "a.b.py", "text.txt"]
    folder = app(dict.fromkeys(names, HANDLER))
    (folder / "again").symlink_to(folder)  # would lead round in circles
    (folder / "loop.py").symlink_to("loop.py")

    assert list(check_modules()) == []


def test_a_folder_that_is_not_there(app: App) -> None:
    """What cannot be listed holds nothing that could be imported."""
    shutil.rmtree(app({"handlers.py": HANDLER}))

    assert list(check_modules()) == []


def test_other_peoples_apps_are_passed_over(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed among the packages is not the project's to change."""
    monkeypatch.setattr("gcp_event_router.checks.sources._INSTALLED", frozenset({tmp_path.name}))
    app({"handlers.py": HANDLER})

    assert list(check_modules()) == []


#: Modules that end with the decorator of a function, and the lines at which they connect it.
RECEIVERS: list[tuple[str, int | None]] = [
    (
        "from django.dispatch import receiver\nfrom gcp_event_router.signals import event_received\n@receiver(event_received)\n",
        3,
    ),
    ("import django.dispatch as d\nimport gcp_event_router.signals as s\n@d.receiver(\n    s.event_received,\n)\n", 3),
    ("import django.dispatch as d\nimport gcp_event_router.signals as s\n@d.receiver(s.event_received, weak=False)\n", 3),
    (
        "from django.dispatch import receiver\nfrom django.db.models.signals import post_save\n"
        "from gcp_event_router.signals import event_received\n@receiver([post_save, event_received])\n",
        4,
    ),
    # other signals, and other decorators
    ("from django.dispatch import receiver\nfrom django.db.models.signals import post_save\n@receiver(post_save)\n", None),
]


def test_what_connects_a_receiver(app: App) -> None:
    """A plain receiver in a module that nothing imports receives no event."""
    function = "def f(sender, event_kind, **kwargs): ..."
    folder = app({f"more_{number}.py": source + function for number, (source, _) in enumerate(RECEIVERS)})

    assert [str(message.msg) for message in check_modules()] == [
        f"till.more_{number} ({folder}/more_{number}.py:{line}) connects a receiver, which does not run, since nothing imports "
        "the module."
        for number, (_, line) in enumerate(RECEIVERS)
        if line
    ]


def test_a_receiver_is_connected_by_a_call(app: App) -> None:
    """`event_received.connect(...)` counts as the decorator does."""
    folder = app({"more.py": "from gcp_event_router.signals import event_received\nevent_received.connect(print)"})

    assert [str(each.msg) for each in check_modules()] == [
        f"till.more ({folder}/more.py:2) connects a receiver, which does not run, since nothing imports the module."
    ]
