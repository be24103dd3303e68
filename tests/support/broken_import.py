"""A module that cannot be imported, for who names something in it."""

import nowhere_at_all  # type: ignore[import-not-found]  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport] -- what is tested
