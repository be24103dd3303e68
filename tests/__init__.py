"""The tests.

This package is imported before pytest's plugins read the settings. So what a shell says to libraries about other databases,
repositories, projects and traces reaches neither the tests nor the processes that they start.
"""

from __future__ import annotations

import os

_ELSEWHERE = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GOOGLE_", "OTEL_", "PG", "PUBSUB_")
#: Also set in the processes that the tests start, to which they may name an emulator or a database.
_STARTED = "TESTS_STARTED"

if "PYTEST_VERSION" in os.environ and _STARTED not in os.environ:  # benchmarks import this package, too
    os.environ[_STARTED] = "1"
    for _name in [name for name in os.environ if name.startswith(_ELSEWHERE)]:
        del os.environ[_name]
    # pip may need a proxy, but none leads to the servers of the tests
    os.environ["no_proxy"] = f"{os.environ.get('no_proxy') or os.environ.get('NO_PROXY', '')},localhost,127.0.0.1".lstrip(",")
