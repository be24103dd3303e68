"""What stops a release before anything is built: a tag, a version or a changelog that do not agree, and an unlisted change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import __main__ as command
from . import announcements

DATED = "# Changelog\n\n## 0.2.0 (2026-12-01)\n\n- Handlers may be methods.\n\n## 0.1.0 (2026-06-01)\n\nThe first release.\n"
UNRELEASED = DATED.replace("2026-12-01", "unreleased")


class Repository:
    """A project that has released 0.1.0 and is about to release 0.2.0."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("pyproject.toml", '[project]\nversion = "0.1.0"\n')
        self.write("CHANGELOG.md", DATED[DATED.index("## 0.1.0") :])
        self.write("src/handlers.py", "")
        self.commit("all: begin")
        self.git("tag", "v0.1.0")
        self.write("pyproject.toml", '[project]\nversion = "0.2.0"\n')
        self.write("CHANGELOG.md", UNRELEASED)
        self.write("src/handlers.py", "methods = True\n")
        self.commit("handlers: allow methods")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def mistakes(self, tag: str | None = None) -> list[str]:
        return announcements.mistakes(self.root, tag)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_work_in_progress_passes(repository: Repository) -> None:
    """Between releases, the newest section may be unreleased."""
    assert repository.mistakes() == []


def test_agreeing_tag_passes(repository: Repository) -> None:
    """A tag whose version is that of pyproject.toml and of a dated section can be released, also once it exists."""
    repository.write("CHANGELOG.md", DATED)
    repository.commit("release: date 0.2.0")
    repository.git("tag", "v0.2.0")

    assert repository.mistakes("v0.2.0") == []
    assert repository.mistakes() == []


def test_wrong_tag_is_refused(repository: Repository) -> None:
    """A tag of another version is refused."""
    repository.write("CHANGELOG.md", DATED)
    repository.commit("release: date 0.2.0")

    assert repository.mistakes("v0.2.1") == [
        "The tag is v0.2.1, and pyproject.toml has 0.2.0. The tag of that version is v0.2.0.",
    ]


def test_wrong_version_is_refused(repository: Repository) -> None:
    """The changelog's newest section has to be that of the version in pyproject.toml."""
    repository.write("pyproject.toml", '[project]\nversion = "0.3.0"\n')

    assert repository.mistakes() == ["CHANGELOG.md begins with 0.2.0, and pyproject.toml has 0.3.0."]


def test_released_version_is_refused(repository: Repository) -> None:
    """A version that has its tag gets no further changes."""
    repository.git("tag", "v0.2.0")
    repository.write("src/handlers.py", "methods = False\n")
    repository.commit("handlers: refuse methods\n\nChangelog: none")

    assert repository.mistakes() == [
        "v0.2.0 is released, and src has changed since. Give pyproject.toml and CHANGELOG.md the next version.",
    ]


def test_unreleased_section_is_refused_for_a_tag(repository: Repository) -> None:
    """A release has a date."""
    assert repository.mistakes("v0.2.0") == ["CHANGELOG.md calls 0.2.0 unreleased. Give it the date of v0.2.0."]


def test_empty_section_is_refused(repository: Repository) -> None:
    """A section has to say something."""
    repository.write("CHANGELOG.md", "## 0.2.0 (unreleased)\n\n## 0.1.0 (2026-06-01)\n\nThe first release.\n")

    assert repository.mistakes() == ["CHANGELOG.md says nothing about 0.2.0."]


def test_impossible_date_is_refused(repository: Repository) -> None:
    """A date has to exist."""
    repository.write("CHANGELOG.md", DATED.replace("2026-12-01", "2026-02-30"))

    assert repository.mistakes() == ["CHANGELOG.md gives 0.2.0 the date 2026-02-30, which does not exist."]


@pytest.mark.parametrize("text", ["# Changelog\n", "## Unreleased\n\n- Methods.\n", "## 0.2.0 - 2026-12-01\n\n- Methods.\n"])
def test_other_headings_are_refused(repository: Repository, text: str) -> None:
    """A changelog without a section of the agreed form is refused."""
    repository.write("CHANGELOG.md", text)

    assert repository.mistakes() == [
        "CHANGELOG.md must begin with a section `## 0.2.0 (unreleased)`, or with a date, such as 2026-12-01.",
    ]


def test_unlisted_change_is_refused(repository: Repository) -> None:
    """Since the last tag, each commit that touches src says what users notice of it; others need not."""
    repository.write("src/handlers.py", "methods = 2\n")
    unlisted = repository.commit("handlers: allow two methods")
    repository.write("tests/test_handlers.py", "")
    repository.commit("tests: test methods")

    assert repository.mistakes() == [f"CHANGELOG.md does not list {unlisted[:12]} (handlers: allow two methods)."]


def test_what_leaves_the_package_is_refused(repository: Repository) -> None:
    """A file that is moved elsewhere is gone for users."""
    repository.write("src/helpers.py", "def parse(): ...\n" * 9)
    repository.commit("helpers: add some\n\nChangelog: none")
    repository.git("mv", "src/helpers.py", "helpers.py")
    moved = repository.commit("helpers: keep them for tests")

    assert repository.mistakes() == [f"CHANGELOG.md does not list {moved[:12]} (helpers: keep them for tests)."]


def test_change_without_effect_needs_no_line(repository: Repository) -> None:
    """A commit may say that users notice nothing of it."""
    repository.write("src/handlers.py", "methods = bool(1)\n")
    repository.commit("handlers: simplify\n\nThe value is the same.\n\nChangelog: none")

    assert repository.mistakes() == []


def test_change_may_be_listed_later(repository: Repository) -> None:
    """A later commit that changes the changelog may list earlier ones by their hashes."""
    repository.write("src/handlers.py", "methods = 2\n")
    first = repository.commit("handlers: allow two methods")
    repository.write("src/handlers.py", "methods = 3\n")
    second = repository.commit("handlers: allow three methods")
    repository.commit(f"docs: claim to list a change\n\nChangelog: {second}")
    repository.write("CHANGELOG.md", UNRELEASED.replace("methods.", "methods, even two."))
    repository.commit(f"docs: list what has changed\n\nChangelog: {first[:12]}")

    assert repository.mistakes() == [f"CHANGELOG.md does not list {second[:12]} (handlers: allow three methods)."]


def test_shallow_clone_is_refused(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A clone without history does not show what has changed."""
    clone = tmp_path_factory.mktemp("clone")
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", str(clone))

    assert announcements.mistakes(clone, None) == [
        "The clone is shallow, so it does not show what changed since the last release. Run git fetch --unshallow --tags.",
    ]


def test_command_stops_before_it_builds(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make release-check` prints each reason, and fails."""
    monkeypatch.setattr(command, "ROOT", repository.root)
    monkeypatch.setattr(sys, "argv", ["release", "--tag", "v0.3.0"])

    assert command.main() == 1
    assert capsys.readouterr().out == (
        "CHANGELOG.md calls 0.2.0 unreleased. Give it the date of v0.3.0.\n"
        "The tag is v0.3.0, and pyproject.toml has 0.2.0. The tag of that version is v0.2.0.\n"
        "This cannot be released.\n"
    )
