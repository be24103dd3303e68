"""Mends what axe finds in the pages of Sphinx and its theme: tests/test_site.py looks at them with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

#: What is written, and what is written in its place.
_MENDED: Final = (
    # two landmarks of a kind need names
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer">', '<aside class="toc-drawer" aria-label="This page">'),
    # people without a mouse scroll the element that has the focus
    ('<div class="highlight"><pre>', '<div class="highlight"><pre tabindex="0">'),
    (
        '<div class="table-wrapper colwidths-auto docutils container">',
        '<div class="table-wrapper docutils container" tabindex="0">',
    ),
    # the first column of some tables has no head
    ('<th class="head"><p></p></th>', "<td></td>"),
)
#: A list without terms, in which Sphinx puts the parameters of a signature.
_PARAMETERS: Final = re.compile(r"<dl>\s*((?:<dd>.*?</dd>\s*)+)</dl>", re.DOTALL)


def mend(app: Sphinx, exception: Exception | None) -> None:
    """Mend each page, after a build that has not failed."""
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text()
        mended = _PARAMETERS.sub(_as_blocks, text)
        for written, instead in _MENDED:
            mended = mended.replace(written, instead)
        if mended != text:
            path.write_text(mended)


def _as_blocks(parameters: re.Match[str]) -> str:
    lines = parameters[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
    return f'<span class="sig-lines">{lines}</span>'


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
