"""The few pieces of HTML that the report is made of.  `text` is the only way for words from outside into a page."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from stashport.runs.wording import number, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable


def text(value: object) -> str:
    """Anything as text that is only text on the page."""
    return html.escape(one_line(str(value)))


def lines(block: str) -> str:
    """Text that keeps its line breaks."""
    return "\n".join(text(line) for line in block.split("\n"))


def section(title: str, body: str, *, note: str = "") -> str:
    """A card with a heading."""
    small = f" <small>{text(note)}</small>" if note else ""
    return f"<section><h2>{text(title)}{small}</h2>{body}</section>"


def table(name: str, head: str, rows: Iterable[str], foot: str = "") -> str:
    """Wide tables scroll in their own box, which the keyboard can reach."""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    foot = f"<tfoot><tr>{foot}</tr></tfoot>" if foot else ""
    start = f'<div class="scroll" tabindex="0" role="region" aria-label="{text(name)}">'
    return f"{start}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"


def heads(*names: str) -> str:
    """Column headings."""
    return "".join(f'<th scope="col">{text(name)}</th>' for name in names)


def cell(n: int) -> str:
    """A number in a table; zeros step back."""
    return f'<td class="n{"" if n else " zero"}">{number(n)}</td>'
