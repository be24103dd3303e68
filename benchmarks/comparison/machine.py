"""What the figures depend on beside the contestants: the machine, the versions and the commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which

PACKAGES = (
    "Django",
    "pydantic",
    "psycopg",
    "gunicorn",
    "granian",
    "django-tasks-db",
    "procrastinate",
    "celery",
    "redis",
    "django-gcp",
)


def machine() -> dict[str, str | int]:
    """The machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _field("/proc/cpuinfo", "model name", ":") or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory": f"{memory:.0f} GiB",
        "system": _field("/etc/os-release", "PRETTY_NAME", "=") or platform.system(),
        "kernel": platform.release(),
        "Python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """The versions of all contestants that are installed."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if which("redis-server"):
        printed = subprocess.run(["redis-server", "--version"], check=True, capture_output=True, text=True).stdout
        found["redis-server"] = printed.partition("v=")[2].split()[0]
    return found


def commit(checkout: Path) -> str:
    """The last commit that changed the package of a checkout, and whether it has other changes."""
    last = _git(checkout, "log", "-1", "--abbrev=8", "--format=%h", "--", "src")
    return f"{last} with changes" if _git(checkout, "status", "--porcelain", "--", "src") else last


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _field(path: str, name: str, sign: str) -> str:
    """The first value of a name in a file of names and values."""
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(sign)
        if key.strip() == name:
            return value.strip(' "')
    return ""
