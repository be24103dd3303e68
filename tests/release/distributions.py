"""Builds wheel and sdist, looks into them, and uses each in an empty environment, as a new project does.

It also builds the wheel of django_gcp-stubs, which has the stubs of django-gcp. What a distribution leaves out, takes from the
folder by accident, or needs beyond its own requirements fails here.
"""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..smoke import smoke

#: Where the two distributions are, below the folder that `mistakes` gets.
BUILT: Final = "built"


def mistakes(root: Path, folder: Path) -> list[str]:
    """Build the distributions of a project into an empty folder; return what is wrong with them."""
    wheel, sdist = build(root, folder / BUILT)
    return (
        [*contents(root, wheel, sdist), *descriptions(root, wheel, sdist), *stubs(root, folder / "stubs")]
        or rebuilt(wheel, sdist, folder)
        or [*used(wheel, sdist, folder / "wheel"), *used(sdist, sdist, folder / "sdist")]
    )


def build(source: Path, place: Path) -> tuple[Path, Path]:
    """Build wheel and sdist from a folder, each on its own."""
    _run(sys.executable, "-m", "build", "--wheel", "--sdist", "--outdir", str(place), str(source))
    (wheel,), (sdist,) = place.glob("*.whl"), place.glob("*.tar.gz")
    return wheel, sdist


def contents(root: Path, wheel: Path, sdist: Path) -> Iterator[str]:
    """Compare the wheel with `src`, and the sdist with the files that git knows, or would not ignore."""
    yield from differences(wheel, wheel_files(wheel), files_below(root / "src"))
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    known = {name for name in listed.stdout.split("\0") if (root / name).is_file()}
    yield from differences(sdist, sdist_files(sdist), {*known, "PKG-INFO"})


def files_below(folder: Path) -> set[str]:
    """The paths of the files that belong into a wheel, relative to their folder."""
    files = {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return {path.relative_to(folder).as_posix() for path in files}


def wheel_files(wheel: Path) -> set[str]:
    """The files in a wheel, its metadata aside."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def sdist_files(sdist: Path) -> set[str]:
    """The files in an sdist, without the name of the one folder that it has."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


def differences(distribution: Path, written: set[str], wanted: set[str]) -> Iterator[str]:
    """Say which files a distribution lacks, or has and should not."""
    for what, names in (("lacks", wanted - written), ("has, and should not", written - wanted)):
        for name in sorted(names):
            yield f"{distribution.name} {what}: {name}"


def descriptions(root: Path, wheel: Path, sdist: Path) -> Iterator[str]:
    """What two tools say of the metadata, of the README and of the wheel's layout, by the rules in pyproject.toml."""
    for tool in (["twine", "--no-color", "check", "--strict", str(wheel), str(sdist)], ["check_wheel_contents", str(wheel)]):
        yield from _complaints([sys.executable, "-m", *tool], cwd=root)


def stubs(root: Path, place: Path) -> Iterator[str]:
    """Build the stubs of django-gcp, and compare their wheel with its source."""
    wheel, _ = build(root / "stubs", place)
    yield from differences(
        wheel, wheel_files(wheel), {f"django_gcp-stubs/{file}" for file in files_below(root / "stubs/django_gcp")}
    )


def rebuilt(wheel: Path, sdist: Path, folder: Path) -> list[str]:
    """Build both again from the sdist, in another place, and compare every byte; the sdist has to have every test, too."""
    source = unpacked(sdist, folder / "unpacked")
    (source / "PKG-INFO").unlink()  # a checkout has none
    again = build(source, folder / "again")
    different = [
        f"{one.name} is another file if it is built again."
        for one, other in zip((wheel, sdist), again, strict=True)
        if not filecmp.cmp(one, other, shallow=False)
    ]
    collected = _complaints([sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider"], cwd=source)
    return [*different, *(f"The tests of {sdist.name} cannot be collected:\n{text}" for text in collected)]


def unpacked(sdist: Path, place: Path) -> Path:
    """Unpack an sdist, and return the folder that it has."""
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    (source,) = place.iterdir()
    return source


def used(distribution: Path, sdist: Path, place: Path) -> Iterator[str]:
    """Install a distribution alone; use it in a new project, and then in the sdist's demo with what that needs."""
    example = unpacked(sdist, place / "source") / "example"
    venv.create(place / "venv", with_pip=True)
    python = str(place / "venv" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet"]
    _run(*pip, "--upgrade", "pip>=25.1")
    _run(*pip, str(distribution))
    ended = smoke(python)
    if ended.returncode:
        yield f"A new project cannot use {distribution.name}:\n{ended.stdout}"
        return
    _run(*pip, "--group", f"{example.parent / 'pyproject.toml'}:demo")
    where = "import gcp_event_router; print(gcp_event_router.__file__)"
    imported = subprocess.run([python, "-c", where], cwd=example, capture_output=True, text=True, check=True).stdout
    if not imported.startswith(str(place / "venv")):
        yield f"The demo would not use {distribution.name}, but {imported}"
    yield from (f"The demo fails with {distribution.name}:\n{text}" for text in _complaints([python, "demo.py"], cwd=example))


def _complaints(command: list[str], cwd: Path) -> Iterator[str]:
    """Yield what a command prints, if it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ended.returncode:
        yield ended.stdout


def _run(*command: str) -> None:
    """Run a command. Raises `RuntimeError` with what it printed if it fails."""
    for printed in _complaints(list(command), Path.cwd()):
        raise RuntimeError(" ".join(command) + "\n" + printed)
