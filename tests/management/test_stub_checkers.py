"""The stub that `manage.py events stubs` writes, as each type checker reads it. Those that are not installed are left out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from ..support import stub_project
from ..support.checkers import LIMIT
from ..support.large_projects import SHAPES
from ..support.payload_pairs import GOOGLE_UNREADABLE, UNDECIDED, UNREADABLE, modules, pair_at

SOURCES: Final = Path(__file__).resolve().parents[2] / "src"
#: The arguments of each checker. It finds the library in `lib`, beside the project, as if it were installed there.
CHECKERS: Final = {
    "mypy": ("--python-executable", sys.executable, "--config-file", "mypy.ini", "."),
    "mypy-plugin": ("--python-executable", sys.executable, "--config-file", "plugin.ini", "."),
    "pyright": ("--pythonpath", sys.executable),
    "basedpyright": ("--pythonpath", sys.executable),
    "pyrefly": ("check", "--python-interpreter-path", sys.executable, "--output-format", "min-text"),
    "ty": ("check", "--python", sys.executable, "--output-format", "concise", "."),
}
CONFIGURATION: Final = {
    "mypy.ini": "[mypy]\nmypy_path = ../lib\ncache_dir = .cache\n",
    "plugin.ini": """\
[mypy]
mypy_path = ../lib
cache_dir = .cache-plugin
plugins = gcp_event_router.mypy, pydantic.mypy
[gcp-event-router]
kinds = {kinds}
""",
    "pyrightconfig.json": '{"extraPaths": ["../lib"], "typeCheckingMode": "standard"}',
    "ty.toml": '[environment]\nroot = [".", "../lib"]\n',
    "pyrefly.toml": 'preset = "default"\nsearch-path = [".", "../lib"]\n',
}
#: The files of `stub_project` that a checker refuses although they are right.
REFUSED_TOO: Final = {"mypy": {"variables.py", "dicts.py"}, "pyrefly": {"dicts.py"}}
#: A line of a report: the file, the line, and whether it is an error.
REPORTED: Final = re.compile(r"^(?:ERROR )?\s*(\S+?\.pyi?):(\d+):\S* ?(?:- )?(?:error\b)?", re.MULTILINE)

pytestmark = [pytest.mark.proof, pytest.mark.timeout(LIMIT + 60)]


def command(checker: str) -> str | None:
    """The checker's program, from this environment or from the path."""
    return shutil.which(
        checker.removesuffix("-plugin"), path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of `stub_project`, with its stub."""
    files = {
        "site_settings.py": stub_project.SETTINGS,
        "store/__init__.py": "",
        "store/kinds.py": stub_project.KINDS,
        "store/accepted.py": stub_project.ACCEPTED,
        "store/variables.py": stub_project.VARIABLES,
        "store/dicts.py": stub_project.DICTS,
        "store/refused.py": stub_project.REFUSED,
        "store/event_handlers.py": stub_project.HANDLERS,
    }
    return project(tmp_path_factory.mktemp("store"), files, "store.kinds")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of all pairs of payloads, with its stub."""
    files = {
        "site_settings.py": 'SECRET_KEY = "for this run only"\nINSTALLED_APPS = ["gcp_event_router", "app"]\n',
        "app/__init__.py": "",
        "app/event_handlers.py": "import google_handlers\nimport pair_handlers\nimport pair_kinds\n",
    }
    return project(tmp_path_factory.mktemp("pairs"), {**files, **modules()}, "pair_kinds")


@pytest.fixture(scope="module", params=["one router", "several routers"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of more than fifty modules without a mistake, with its stub."""
    files = SHAPES[request.param]()
    imports = [f"import {name.removesuffix('.py').replace('/', '.')}\n" for name in files if "__init__" not in name]
    settings = 'SECRET_KEY = "for this run only"\nINSTALLED_APPS = ["gcp_event_router", "shop"]\n'
    files |= {"site_settings.py": settings, "shop/event_handlers.py": "".join(imports)}
    return project(tmp_path_factory.mktemp("large"), files, "shop.kinds")


def project(folder: Path, files: dict[str, str], kinds: str) -> Path:
    """Write a project with the library beside it, and have the command write its stub."""
    for package in ("gcp_event_router", "gcp_event_router_kinds"):
        shutil.copytree(SOURCES / package, folder / "lib" / package, ignore=shutil.ignore_patterns("__pycache__"))
    root = folder / "project"
    configuration = {name: text.replace("{kinds}", kinds) for name, text in CONFIGURATION.items()}
    for name, text in {**files, **configuration}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-m", "django", "events", "stubs"], cwd=root, env=environment, check=True, timeout=LIMIT)
    return root


def errors(checker: str, root: Path) -> set[tuple[str, int]]:
    """The files and lines in which a checker finds errors."""
    program = command(checker)
    if program is None:
        pytest.skip(f"{checker} is not installed here")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    checked = subprocess.run(
        [program, *CHECKERS[checker]], cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
    )
    lines = [line for line in checked.stdout.splitlines() if re.search(r"\berror\b", line, re.IGNORECASE)]
    found = [REPORTED.match(line) for line in lines]
    return {(Path(each[1]).name, int(each[2])) for each in found if each and "lib" not in Path(each[1]).parts}


@pytest.mark.parametrize("checker", CHECKERS)
def test_uses(store: Path, checker: str) -> None:
    """Each wrong line is refused, and nothing else; but some checkers refuse more than they should."""
    wrong = {("refused.py", number) for number, line in enumerate(stub_project.REFUSED.splitlines(), 1) if "# wrong" in line}

    found = errors(checker, store)

    assert {place for place in found if place[0] not in REFUSED_TOO.get(checker, ())} == wrong


@pytest.mark.parametrize("checker", sorted(CHECKERS.keys() - {"basedpyright", "mypy-plugin"}))  # the one decides as pyright does
def test_payloads(pairs: Path, checker: str) -> None:
    """A checker refuses exactly the handlers that `manage.py check` reports as unable to read their kind's payload."""
    found = {pair_at(name, line) for name, line in errors(checker, pairs) if name.endswith("_handlers.py")}

    assert {str(pair) for pair in found if pair not in UNDECIDED} == {str(pair) for pair in (*UNREADABLE, *GOOGLE_UNREADABLE)}


@pytest.mark.parametrize(("checker", "expected"), [("mypy-plugin", set[str]()), ("pyright", {"links.py"})])
def test_large_projects(large: Path, checker: str, expected: set[str]) -> None:
    """Nothing is refused in a large project, not even a kind in a variable; to pyright, literals put together are a literal."""
    assert {name for name, _ in errors(checker, large)} == expected
