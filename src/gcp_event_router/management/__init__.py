"""`manage.py events`: its subcommands, a module each, and what they can be told."""
