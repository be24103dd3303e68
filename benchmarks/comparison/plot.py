"""A bar chart as SVG, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .figures import Figure

WIDTH, LABELS, STEP = 760, 330, 26
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.page { fill: #ffffff } .bar { fill: #8c959f } .ours { fill: #0969da } .spread { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .page { fill: #0d1117 } .bar { fill: #6e7681 } .ours { fill: #4493f8 } .spread { stroke: #e6edf3 }
}
"""


def bars(title: str, rows: Sequence[tuple[str, Figure, bool]]) -> str:
    """Draw a bar for each row, with its spread; the third of a row is whether it is ours."""
    most = max(figure.most for _, figure, _ in rows)
    scale = (WIDTH - LABELS - 70) / most
    height = 36 + len(rows) * STEP
    lines = [
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text x="8" y="18" font-weight="bold">{escape(title)}</text>',
    ]
    for number, (name, figure, is_ours) in enumerate(rows):
        y = 30 + number * STEP
        kind = "ours" if is_ours else "bar"
        start, end = LABELS + figure.least * scale, LABELS + figure.most * scale
        lines += [
            f'<text x="{LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{figure.median * scale:.1f}" height="18"/>',
            f'<line class="spread" x1="{start:.1f}" x2="{end:.1f}" y1="{y + 9}" y2="{y + 9}"/>',
            f'<text x="{end + 8:.1f}" y="{y + 14}">{figure.median:,.0f}</text>',
        ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *lines, "</svg>", ""])
