"""Reads the docstrings as they are written: a name between single backticks is code, and a link if the reference describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docutils import nodes
from docutils.nodes import Node, system_message
from docutils.parsers.rst.states import Inliner
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

#: Marks references that docstrings make: the name may as well be a setting or a piece of code.
_MARK = "of_docstring"


def name(
    role: str, rawtext: str, text: str, lineno: int, inliner: Inliner, options: Any = None, content: Sequence[str] = ()
) -> tuple[list[Node], list[system_message]]:
    """The role of text between single backticks: code, with a reference to the object of its name."""
    code = nodes.literal(text, text, classes=["xref", "py"])
    env: BuildEnvironment = inliner.document.settings.env
    reference = pending_xref("", code, refdomain="py", reftype="obj", reftarget=text.removesuffix("()"), refexplicit=False)
    reference["refdoc"] = env.docname
    reference["py:module"] = env.ref_context.get("py:module")
    reference["py:class"] = env.ref_context.get("py:class")
    reference[_MARK] = True
    return [reference], []


def resolve(app: Sphinx, env: BuildEnvironment, reference: pending_xref, content: Node) -> Node | None:
    """Find the only object that ends with a name; keep the text of names that are not of this package."""
    if reference.get("refdomain") != "py":
        return None
    target: str = reference["reftarget"]
    domain: PythonDomain = env.domains.python_domain
    found = {name for name in domain.objects if name == target or name.endswith(f".{target.rpartition('.')[2]}")}
    classes = {name for name in found if domain.objects[name].objtype != "module"}
    if len(classes) == 1 and target.rpartition(".")[2][:1].isupper():
        (full,) = classes
        entry = domain.objects[full]
        builder = app.builder
        made = nodes.reference("", "", internal=True, reftitle=full)
        uri = builder.get_relative_uri(reference["refdoc"], entry.docname)
        made["refuri"] = f"{uri}#{entry.node_id}"
        made += content
        return made
    if _MARK in reference or not target.startswith("gcp_event_router"):
        return content
    return None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_role("name", name)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
