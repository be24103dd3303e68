"""The documentation site: `make docs` builds it into docs/_build/html, with warnings as errors."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

import django
from django.conf import settings

sys.path.append(str(Path(__file__).parent / "_ext"))

# autodoc imports the modules that it describes, and the models among them need their apps
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "gcp_event_router",
        "gcp_event_router.inbox",
        "gcp_event_router.outbox",
        "gcp_event_router.catalogue",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()

project = "gcp-event-router"
release = version_of(project)
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstrings",
    "llms",
    "accessible",
]
exclude_patterns = ["_build", "_ext"]

# Markdown, with the anchors that other viewers of Markdown give to headings
myst_heading_anchors = 4
myst_links_external_new_tab = False

# each relative link, and each name of this package in a signature, leads somewhere
nitpicky = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("Exceptions", "Leeway", "Middleware", "Strings")}
autodoc_default_options = {
    "undoc-members": True,
    # Django and pydantic add them to each model
    "exclude-members": "__init__, __new__, DoesNotExist, MultipleObjectsReturned, objects, pk, model_config",
}
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
# what docstrings write between single backticks: docs/_ext/docstrings.py
default_role = "code_or_name"
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).with_name("_static") / "scorer.js")
html_show_copyright = False
html_show_sphinx = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False}

# the prompt of a command is not part of it, nor is what the command prints
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"

# `make docs-links` asks them; this machine's own addresses are examples
linkcheck_ignore = [r"http://(127\.0\.0\.1|localhost)", r"https?://([a-z-]+\.)*example(\.(com|org))?\b"]
linkcheck_timeout = 20
