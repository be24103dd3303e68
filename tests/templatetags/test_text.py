"""How names and docstrings are written in pages."""

from __future__ import annotations

from gcp_event_router.templatetags.gcp_event_text import breakable, prose, summary


def test_names_are_broken_behind_separators() -> None:
    """A name may be broken behind separators, in long words before a capital, and nowhere else; it is escaped."""
    names = {
        "google.cloud.storage.object.v1.finalized": "google.|cloud.|storage.|object.|v1.|finalized",
        "orders.event_handlers.record": "orders.|event_|handlers.|record",
        "OBJECT_FINALIZE": "OBJECT_|FINALIZE",
        "projects/p/messagePublished": "projects/|p/|message|Published",
        "InvalidEventError": "Invalid|Event|Error",
        "InvalidEventError: order_id": "Invalid|Event|Error: order_|id",
        "OrderPlaced | None": "OrderPlaced | None",
        "V1 | V2": "V1 | V2",
        "a__b--c": "a__|b--|c",
        "<b>&": "&lt;b&gt;&amp;",
        "": "",
    }

    assert {name: breakable(name).replace("<wbr>", "|") for name in names} == names


def test_docstrings_become_paragraphs() -> None:
    """Line breaks and back-ticks of a source are not shown; lists and indented blocks stay what they are."""
    written = prose(
        """Take an `order` of
        either version, see :class:`~shop.Order` and ``total``.

        It has
        - an id,
          which is a number
        - a <b>total</b>

        Args:
            event: the `event`
              as it came

        The end.
        """
    )

    assert written == (
        "<p>Take an <code>order</code> of either version, see <code>shop.Order</code> and <code>total</code>.</p>"
        "<p>It has</p><ul><li>an id, which is a number</li><li>a &lt;b&gt;total&lt;/b&gt;</li></ul>"
        "<p>Args:</p><pre>event: the `event`\n  as it came</pre>"
        "<p>The end.</p>"
    )


def test_summary_is_the_first_paragraph() -> None:
    """A list has room for the first paragraph only, in one line."""
    assert summary("Take an\n    `order`.\n\n    More.") == "Take an <code>order</code>."
    assert summary("") == ""


def test_docstrings_that_are_odd() -> None:
    """A back-tick without another is text, and a docstring that is too long is cut off."""
    assert prose("one ` and two `` <i>") == "<p>one ` and two `` &lt;i&gt;</p>"
    assert len(prose("x" * 10_000)) < 5_000
