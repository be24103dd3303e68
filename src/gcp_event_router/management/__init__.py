"""`manage.py events`: a module for each subcommand, and their arguments and output."""
