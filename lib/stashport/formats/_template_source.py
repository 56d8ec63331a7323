"""The text of a template: where it comes from, and whether it is made of the right blocks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from stashport.errors import UnknownTemplate
from stashport.model.fields import BY_NAME, KINDS

SHIPPED = Path(__file__).with_name("templates")
ENDING = ".j2"
LONGEST = 256 << 10
PLAIN = "txt"
_EDGES = ("header", "footer")
_TITLED = re.compile(r"\s*\{#-?\s*([\w.-]{1,80}\.j2)\b(?:, ([^:\n]{1,80}):)?")


class Source(NamedTuple):
    """A template's text, what it is called in messages, and the extension of what it makes."""

    text: str
    name: str
    extension: str


def find(given: str) -> Source:
    """A template by the name of a shipped one, by its file, or the text itself.  Errors: UnknownTemplate.

    A text whose first remark begins with the name of a file makes files of that one's kind: {# list.md.j2 ... #}.
    """
    if "{%" in given or "{{" in given:
        titled = _TITLED.match(given)
        return Source(given, "(given as text)", _extension(titled[1]) if titled else PLAIN)
    known = {path.name.partition(".")[0]: path for path in _shipped()}
    path = known.get(given) or Path(given)
    if path.suffix != ENDING:
        raise UnknownTemplate(name=given, reason=f"no shipped one has this name, and a file of your own would end in {ENDING}", known=list(known))
    try:
        path = path.expanduser()
        if not path.is_file():
            raise FileNotFoundError("there is no such file")
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: the home of somebody who is not known
        raise UnknownTemplate(name=given, reason=getattr(error, "strerror", None) or error, known=list(known)) from error
    if len(data) > LONGEST:
        raise UnknownTemplate(name=given, reason="the file is longer than 256 kB", known=list(known))
    return Source(text, path.name, _extension(path.name))


def _shipped() -> list[Path]:
    return sorted(SHIPPED.glob(f"*{ENDING}"))


def shipped() -> list[dict[str, str]]:
    """The shipped templates as texts to begin with: `name`, which its first remark tells, and `text`."""
    texts = [path.read_text("utf-8") for path in _shipped()]
    return [{"name": str(titled[2]), "text": text} for text in texts if (titled := _TITLED.match(text))]


def _extension(name: str) -> str:
    ending = name.removesuffix(ENDING).rpartition(".")[2].lower()
    return ending if "." in name.removesuffix(ENDING) and re.fullmatch("[a-z0-9]{1,8}", ending) else PLAIN


def check_blocks(tree: Any, bad: Callable[[object, int], NoReturn]) -> set[str]:
    """Refuse what does not stand in blocks, and blocks that are not known; the texts and filters in the template, by which is seen what it uses."""
    from jinja2 import nodes

    known = {*_EDGES, *BY_NAME, *(f"{edge}_{kind.plural}" for edge in ("before", "after") for kind in KINDS)}
    found = set()
    for node in tree.body:
        if isinstance(node, nodes.Block):
            if node.name not in known:
                close = difflib.get_close_matches(node.name, known, 1)
                bad(f'there is no block "{node.name}"' + (f"; did you mean {close[0]}?" if close else ""), node.lineno)
            if inner := next(node.find_all(nodes.Block), None):
                bad(f"the block {inner.name} stands within another", inner.lineno)
            found.add(node.name)
        elif isinstance(node, nodes.Output):
            for part in node.nodes:
                if not isinstance(part, nodes.TemplateData) or part.data.strip():
                    bad("text outside of all blocks: put it into the block header, or into that of a kind", part.lineno)
        elif not isinstance(node, (nodes.Macro, nodes.Assign, nodes.AssignBlock)):
            bad("outside of blocks only macros and set can stand", node.lineno)
    if not found:
        bad(f"it has no block: {{% block scene %}}...{{% endblock %}} is rendered for each scene; known are {', '.join([*_EDGES, *BY_NAME])}", 1)
    return {node.name for node in tree.find_all(nodes.Filter)} | {node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)}
