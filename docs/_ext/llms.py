"""Writes llms.txt, which lists the pages for language models, and llms-full.txt, which has all of their text.

The form is that of llmstxt.org: a title, a summary, and a section of links for each folder. Their targets are relative, since the
site's address is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write both files beside the pages, after a build that has not failed."""
    if exception is not None or app.builder.format != "html":
        return
    env = app.env
    folder = Path(app.outdir)
    pages = list(_pages(env, env.config.root_doc))
    lines = [f"# {env.config.project}", "", f"> {_summary(env, env.config.root_doc)}"]
    texts: list[str] = []
    for page in pages:
        children = env.toctree_includes.get(page, [])
        if children:
            lines += ["", f"## {env.titles[page].astext()}", ""]
            continue
        is_generated = page.startswith("reference/api/")
        target = f"{page}.html" if is_generated else f"_sources/{page}.md.txt"
        lines.append(f"- [{env.titles[page].astext()}]({target}): {_summary(env, page)}")
        if not is_generated:
            texts.append(Path(env.doc2path(page)).read_text())
    (folder / "llms.txt").write_text("\n".join(lines) + "\n")
    (folder / "llms-full.txt").write_text("\n".join(texts))


def _pages(env: BuildEnvironment, page: str) -> Iterator[str]:
    """The pages below one, in the order of the menu."""
    for child in env.toctree_includes.get(page, []):
        yield child
        yield from _pages(env, child)


def _summary(env: BuildEnvironment, page: str) -> str:
    """The first sentence of a page."""
    for paragraph in env.get_doctree(page).findall(nodes.paragraph):
        sentence = re.split(r"(?<=[.?!]) ", " ".join(paragraph.astext().split()))[0]
        return sentence.removesuffix(":").removesuffix(".") + ("" if sentence.endswith("?") else ".")
    return ""


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
