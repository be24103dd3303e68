"""What a release says about itself: the tag, the version in pyproject.toml and the changelog have to agree.

From the first tag on, each commit that touches `src` is listed: it changes CHANGELOG.md as well, or its message ends with the
line `Changelog: none`, since users notice nothing of it; or a later commit that changes CHANGELOG.md ends with `Changelog: ` and
its hash.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

_HEADING: Final = re.compile(r"^## (?P<version>\S+) \((?P<date>\d{4}-\d\d-\d\d|unreleased)\)$")
_RELEASES: Final = "v[0-9]*"
_SHORTEST_HASH: Final = 7


@dataclass(frozen=True)
class Section:
    """The newest section of the changelog."""

    version: str
    #: Empty if the section is called unreleased.
    dated: str
    text: str


@dataclass(frozen=True)
class Commit:
    """A commit since the last release."""

    hash: str
    subject: str
    #: What its message says after `Changelog:`.
    notes: tuple[str, ...]
    files: frozenset[str]

    @property
    def changes_changelog(self) -> bool:
        """Whether it changes the changelog."""
        return "CHANGELOG.md" in self.files

    @property
    def needs_a_line(self) -> bool:
        """Whether users may notice it, and it does not say what they notice."""
        return any(file.startswith("src/") for file in self.files) and not self.changes_changelog and "none" not in self.notes


def mistakes(root: Path, tag: str | None) -> list[str]:
    """Why a repository cannot be released, with a tag or at all; a sentence for each reason."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return [*_of_section(root, version, tag), *_of_tag(root, version, tag), *_of_commits(root, tag)]


def newest_section(changelog: str) -> Section | None:
    """Read the first section of a changelog; None if its heading is not of the agreed form."""
    _, *sections = re.split(r"^(?=## )", changelog, flags=re.MULTILINE)
    heading, _, text = (sections[0] if sections else "").partition("\n")
    found = _HEADING.match(heading)
    if found is None:
        return None
    return Section(found["version"], found["date"].replace("unreleased", ""), text.strip())


def _of_section(root: Path, version: str, tag: str | None) -> Iterator[str]:
    section = newest_section((root / "CHANGELOG.md").read_text())
    if section is None:
        yield f"CHANGELOG.md must begin with a section `## {version} (unreleased)`, or with a date, such as 2026-12-01."
        return
    if section.version != version:
        yield f"CHANGELOG.md begins with {section.version}, and pyproject.toml has {version}."
    if not section.text:
        yield f"CHANGELOG.md says nothing about {section.version}."
    if tag and not section.dated:
        yield f"CHANGELOG.md calls {section.version} unreleased. Give it the date of {tag}."
    if section.dated and not _is_date(section.dated):
        yield f"CHANGELOG.md gives {section.version} the date {section.dated}, which does not exist."


def _of_tag(root: Path, version: str, tag: str | None) -> Iterator[str]:
    if tag:
        if tag != f"v{version}":
            yield f"The tag is {tag}, and pyproject.toml has {version}. The tag of that version is v{version}."
    elif _git(root, "tag", "--list", f"v{version}") and _git(root, "diff", "--name-only", f"v{version}", "HEAD", "--", "src"):
        yield f"v{version} is released, and src has changed since. Give pyproject.toml and CHANGELOG.md the next version."


def _of_commits(root: Path, tag: str | None) -> Iterator[str]:
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        yield "The clone is shallow, so it does not show what changed since the last release. Run git fetch --unshallow --tags."
        return
    released = [name for name in _git(root, "tag", "--merged", "HEAD", "--sort=-creatordate", _RELEASES).split() if name != tag]
    commits = list(_commits(root, f"{released[0]}..HEAD")) if released else []
    listed = tuple(note for commit in commits if commit.changes_changelog for note in commit.notes if len(note) >= _SHORTEST_HASH)
    for commit in commits:
        if commit.needs_a_line and not commit.hash.startswith(listed):
            yield f"CHANGELOG.md does not list {commit.hash[:12]} ({commit.subject})."


def _commits(root: Path, range_: str) -> Iterator[Commit]:
    form = "%x00%H%x1f%s%x1f%(trailers:key=Changelog,valueonly,separator=%x20)%x1f"
    for record in _git(root, "log", "--no-merges", "--no-renames", "--name-only", f"--format={form}", range_).split("\x00")[1:]:
        name, subject, notes, files = record.split("\x1f")
        yield Commit(name, subject, tuple(re.split(r"[\s,]+", notes.strip())), frozenset(files.split("\n")))


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _git(root: Path, *arguments: str) -> str:
    """Return what git prints. Raises `CalledProcessError` if it fails."""
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout.strip()
