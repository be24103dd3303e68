"""Nothing at run time: type checkers read `__init__.pyi`, or the module that `manage.py events stubs` writes."""
