"""Describes the API from its docstrings, which are written for people who read the source.

A block `{names} module` of a page lists names of a module, one on a line; autodoc describes each, and if a colon follows the
name, only the members after it. A name between single backticks is code, and a link if the reference describes what it names.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

from docutils import nodes
from docutils.nodes import Node, system_message
from docutils.parsers.rst.states import Inliner
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import find_pending_xref_condition
from sphinx.util.typing import ExtensionMetadata

_BLOCK: Final = re.compile(r"^```\{names\} (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ALIAS: Final = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
#: More overloads than these say less than the signature of the function itself.
_MAX_OVERLOADS: Final = 3
#: The last comment of each sort of attribute.
_KEPT: Final[dict[str, list[str]]] = {"attribute": [], "data": [], "property": []}
#: Marks references that docstrings make: the name may as well be a setting or a piece of code.
_MARK: Final = "of_docstring"


def describe(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace the blocks of names by directives of autodoc."""
    source[0] = _BLOCK.sub(lambda block: "\n".join(_directives(block[1], block[2].splitlines())), source[0])


def _directives(module: str, lines: Sequence[str]) -> Iterator[str]:
    yield "```{eval-rst}"
    for line in lines:
        name, _, members = line.partition(":")
        described = getattr(import_module(module), name)
        if inspect.isclass(described):
            _drop_overloads(described.__module__)
            yield f".. auto{'exception' if issubclass(described, BaseException) else 'class'}:: {module}.{name}"
            yield f"   :members: {', '.join(members.split())}"
        elif inspect.isroutine(described):
            yield f".. autofunction:: {module}.{name}"
        else:
            yield f".. autodata:: {module}.{name}"
            if repr(described).startswith(("<", "Task(")):
                yield "   :no-value:"
        yield ""
    yield "```"


def _drop_overloads(module: str) -> None:
    """Have autodoc show the signature of each function of a module that has many overloads."""
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    for name in [name for name, signatures in analyzer.overloads.items() if len(signatures) > _MAX_OVERLOADS]:
        del analyzer.overloads[name]


def undo_napoleon(app: Sphinx, what: str, name: str, described: Any, options: Any, lines: list[str]) -> None:
    """Give attributes the comments that they had: napoleon would take what stands before a colon for a type."""
    if what in _KEPT:
        lines[:] = _KEPT[what]


def keep(app: Sphinx, what: str, name: str, described: Any, options: Any, lines: list[str]) -> None:
    """Prepare a docstring for napoleon: a fence of Markdown becomes a block of code. Keep the comment of an attribute."""
    lines[:] = _FENCE.sub(_block, "\n".join(lines)).splitlines()
    function = getattr(described, "func", None)
    if inspect.isfunction(function):  # a task of Django's, which has the docstring of its class
        lines[:] = [*inspect.cleandoc(function.__doc__ or "").splitlines(), ""]
    elif what == "data" and not _is_comment(name):
        lines[:] = [*_comment(name.rpartition(".")[2]), ""]
    elif what == "attribute" and _of_class(described, lines):
        lines.clear()
    if what in _KEPT:
        _KEPT[what] = lines.copy()


def _block(fence: re.Match[str]) -> str:
    return f".. code-block:: {fence[1]}\n\n{textwrap.indent(fence[2], '    ')}"


def _is_comment(name: str) -> bool:
    module, _, last = name.rpartition(".")
    return ("", last) in ModuleAnalyzer.for_module(module).find_attr_docs()


def _of_class(described: object, lines: Sequence[str]) -> bool:
    """Whether an attribute without a comment got the text of its descriptor: a named tuple's, or one of Django's models."""
    text = "\n".join(lines).strip()
    return text.startswith("Alias for field number") or (bool(text) and text == inspect.getdoc(type(described)))


def _comment(name: str) -> Sequence[str]:
    """The comment of a value where it is assigned: autodoc looks for it where the value is documented."""
    for module in sorted(module for module in sys.modules if module.startswith("gcp_event_router")):
        comments = ModuleAnalyzer.for_module(module).find_attr_docs()
        if ("", name) in comments:
            return comments["", name]
    return []


def shorten(
    app: Sphinx, what: str, name: str, described: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Write the names of aliases, and an ellipsis for `<factory>`, which Sphinx could not read."""
    return signature and _ALIAS.sub(r"\1", signature).replace("<factory>", "..."), returned


def forget_builtins(app: Sphinx, document: nodes.document) -> None:
    """Drop references to `type` and the like, for which Sphinx would find an attribute of one of our classes."""
    for reference in list(document.findall(pending_xref)):
        if reference.get("refdomain") == "py" and reference["reftarget"] in dir(builtins):
            found = find_pending_xref_condition(reference, "resolved")
            reference.replace_self(found.children if found is not None else reference.children)


def code(
    role: str, rawtext: str, text: str, lineno: int, inliner: Inliner, options: Any = None, content: Sequence[str] = ()
) -> tuple[list[Node], list[system_message]]:
    """The role of text between single backticks."""
    literal = nodes.literal(text, text, classes=["xref", "py"])
    env: BuildEnvironment = inliner.document.settings.env
    reference = pending_xref("", literal, refdomain="py", reftype="obj", reftarget=text.removesuffix("()"), refexplicit=False)
    reference["refdoc"] = env.docname
    reference["py:module"] = env.ref_context.get("py:module")
    reference["py:class"] = env.ref_context.get("py:class")
    reference[_MARK] = True
    return [reference], []


def resolve(app: Sphinx, env: BuildEnvironment, reference: pending_xref, content: Node) -> Node | None:
    """Find the class or function that a name means, wherever it is described; the text of all other names stays as it is."""
    if reference.get("refdomain") != "py":
        return None
    domain: PythonDomain = env.domains.python_domain
    last = reference["reftarget"].rpartition(".")[2]
    found = [(full, entry) for full, entry in domain.objects.items() if full.rpartition(".")[2] == last and not entry.aliased]
    if len(found) != 1 or not last[:1].isupper():
        return content
    ((full, entry),) = found
    uri = f"{app.builder.get_relative_uri(reference['refdoc'], entry.docname)}#{entry.node_id}"
    link = nodes.reference("", "", internal=True, reftitle=full, refuri=uri)
    link += content
    return link


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_role("code_or_name", code)
    app.connect("source-read", describe)
    app.connect("autodoc-process-docstring", keep, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", undo_napoleon, priority=600)
    app.connect("autodoc-process-signature", shorten)
    app.connect("doctree-read", forget_builtins)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
