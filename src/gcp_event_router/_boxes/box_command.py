"""The command of a box."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from django.core.management.base import CommandError
from django.db import connections
from typing_extensions import override

from .._database_errors import code, is_away
from ..management.subcommands import CommandGroup
from .conflicts import AWAY
from .missing_tables import tables_to_create


class BoxCommand(CommandGroup):
    """Runs the subcommands of a box, and says in a sentence what is wrong with its database."""

    #: The name of the box for messages, and the label of its app.
    box: ClassVar[str]
    app: ClassVar[str]

    def alias(self) -> str:
        """Return the alias of the box's database."""
        raise NotImplementedError

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except AWAY as error:
            raise CommandError(self._problem(error)) from error

    def _problem(self, error: Exception) -> str:
        """Describe an error of the database: it is not there, has no tables, is busy, or refuses a statement."""
        alias = self.alias()
        name = ", ".join(filter(None, (type(error).__name__, code(error))))
        try:
            tables = connections[alias].introspection.table_names()
        except AWAY:
            return f"The database {alias!r} is unavailable ({name}). Start it, or correct DATABASES[{alias!r}]."
        needed = {model._meta.db_table for model in apps.get_app_config(self.app).get_models()}  # noqa: SLF001 -- documented
        if not needed <= {*tables}:
            return tables_to_create(alias, self.box, self.app)
        if is_away(error):
            return (
                f"The database {alias!r} cannot run a statement now ({name}): it is locked, full or read-only, or the connection "
                "broke. Run the command again."
            )
        return (
            f"The database {alias!r} refuses a statement ({name}). Let its user write, and apply all migrations: "
            f"manage.py showmigrations {self.app}"
        )
