"""Template: whatever text a template of the user's own makes of the records; docs/templates.md tells how to write one.

A template is a set of blocks: `header` and `footer`, one for each kind that is wanted (`scene`), rendered once for each of its records as it comes, and
`before_scenes` and `after_scenes` around those.  So no template ever holds more than a record, and every record has its own bounds of time and size.
"""

from __future__ import annotations

import codecs
import gc
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from stashport.errors import BadTemplate, CannotWrite, DiskFull, MissingLibrary, NotSupported, PortError, TemplateFailed, TemplateTooMuch
from stashport.formats import Header, Need, Option, Options, ReadMembers, WriteMembers, aside_of
from stashport.formats._names import Kept
from stashport.formats._template_source import LONGEST, PLAIN, check_blocks, find, shipped
from stashport.model.fields import KINDS
from stashport.model.records import Batch, Record
from stashport.model.table import LISTS, Field, Kind

if TYPE_CHECKING:
    from types import TracebackType

NAME, LABEL, EXTENSION, FOLDER = "template", "Template", PLAIN, False
DESCRIPTION = "Any text you like, by a Jinja2 template: playlists, lists, web pages; not to be read back."
READS = False
NEEDS = Need("templates", "jinja2", "Jinja2")
OPTIONS = (
    Option("template", "Template", "titles",
           "The template itself, or the name of one that is there: titles, markdown, playlist, or a file on the server that ends in .j2.", "text"),
    Option("paths", "Path map", "",
           "Where a player finds the files, for the filter map_path: FROM=TO, several with ; between. Example: /data=//nas/videos", "text"),
)

_HTML = ("html", "htm", "xhtml", "xml", "svg")
# All records together: enough for any sensible template, and an end for any other.
SECONDS, SECONDS_A_RECORD = 60.0, 0.02
BYTES, BYTES_A_RECORD = 64 << 20, 64 << 10
_NAMING = ("name", "title", "basename", "path")


def examples() -> list[dict[str, str]]:
    """The shipped templates."""
    return shipped()


def extension(options: Options) -> str:
    """The extension of what a template makes: list.md.j2 makes .md.  Errors: UnknownTemplate."""
    return find(options["template"]).extension


def _to_bytes(error: UnicodeError) -> tuple[bytes, int]:
    """Bytes of file names that were no UTF-8 leave as they came; what is no character at all becomes a question mark."""
    assert isinstance(error, UnicodeEncodeError)
    characters = error.object[error.start : error.end]
    return b"".join(bytes([ord(c) - 0xDC00]) if "\udc80" <= c <= "\udcff" else b"?" for c in characters), error.end


codecs.register_error("stashport-bytes", _to_bytes)


class _Kind:
    """What the writer needs of a kind: the value of each field that a record may lack."""

    def __init__(self, kind: Kind) -> None:
        self.empty: dict[str, Any] = {f.name: ({} if f.type == "map" else []) if f.type in LISTS else None for f in kind.fields}
        self._lists = [name for name, value in self.empty.items() if value is not None]
        self._naming = [name for name in _NAMING if name in kind.by_name]

    def name(self, record: Record) -> str:
        """What people call it; "" when it has no name."""
        return next(filter(None, map(record.get, self._naming)), "")

    def whole(self, record: Record) -> Record:
        """A record with all fields: what the source could not tell is null, or empty."""
        found = {**self.empty, **record}
        for name in self._lists:
            if found[name] is None:
                found[name] = self.empty[name]
        return found


_KINDS = {kind.name: _Kind(kind) for kind in KINDS}


def _kept_kinds() -> set[str]:
    """The kinds that a later one, or the same, refers to."""
    def targets(fields: tuple[Field, ...]) -> Iterator[str]:
        for one in fields:
            if one.to:
                yield one.to
            yield from targets(one.fields)

    order = {kind.name: number for number, kind in enumerate(KINDS)}
    return {to for kind in KINDS for to in targets(kind.fields) if order[to] <= order[kind.name]}


_KEPT = _kept_kinds()


class _Writer:
    def __init__(self, members: WriteMembers, header: Header, options: Options) -> None:
        try:
            from jinja2.exceptions import TemplateError

            from stashport.formats._budget import Budget
            from stashport.formats._sandbox import Environment
            from stashport.formats._template_filters import filters, read_map
        except ImportError as error:  # not there, or from before 3.0
            raise MissingLibrary(feature=LABEL, package="Jinja2 (3.0 or later)", feature_name=NEEDS.feature) from error

        source = find(options["template"])
        self._source, self._header = source.name, header
        self._budget = Budget()
        pairs = read_map(options["paths"])
        environment = Environment(self._budget, filters(self._budget, pairs, self._name_of, self._record_of), autoescape=source.extension in _HTML)
        if len(source.text.encode("utf-8", "replace")) > LONGEST:
            self._bad("it is longer than 256 kB", 1)
        try:
            used = check_blocks(environment.parse(source.text), self._bad)
            self._template = environment.compile_safely(source.text)
        except TemplateError as error:
            self._bad(_plain(error), getattr(error, "lineno", 1))
        except (RecursionError, MemoryError, SyntaxError, ValueError, OverflowError) as error:
            self._bad(f"it is nested too deeply, or not to be understood ({type(error).__name__})", 1)
        aside = aside_of(members)
        self._names = Kept(aside) if "name" in used else None
        self._records = Kept(aside) if "lookup" in used else None
        self._seconds, self._size, self._rendered = 0.0, 0, 0
        self._hash = hashlib.sha256()
        self._file = members.open(f"library.{source.extension}")
        self._member = f"library.{source.extension}"
        self.rendered: dict[str, tuple[int, str]] = {}
        self._top = self._top_names()
        self._kind: Kind | None = None
        self._number = 0
        self._render("header")

    def _bad(self, reason: object, line: int) -> NoReturn:
        raise BadTemplate(name=self._source, line=line, reason=reason)

    # --- what filters ask for ---

    def _name_of(self, identity: str) -> str | None:
        found = self._names.get(identity) if self._names else None
        return found.decode("utf-8", "surrogatepass") if found else None

    def _record_of(self, identity: str) -> Record | None:
        line = self._records.get(identity) if self._records else None
        if line is None:
            return None
        self._budget.charge(len(line))
        return _KINDS[identity.partition(":")[0]].whole(json.loads(line))

    # --- rendering ---

    def _top_names(self) -> dict[str, Any]:
        """What stands outside of the blocks: macros, and names that are set."""
        context = self._template.new_context({"header": self._header})
        context.blocks = {name: [lambda _: iter(())] for name in context.blocks}
        self._guarded(lambda: "".join(self._template.root_render_func(context)))
        return {name: context.vars[name] for name in context.exported_vars}

    def _render(self, name: str, **given: Any) -> None:
        block = self._template.blocks.get(name)
        if block is None:
            return
        context = self._template.new_context({**self._top, "header": self._header, "number": self._number, **given})
        text = self._guarded(lambda: "".join(block(context)))
        data = text.encode("utf-8", "stashport-bytes")
        self._size += len(data)
        if self._size > BYTES + BYTES_A_RECORD * self._rendered:
            raise TemplateTooMuch(name=self._source, line=1, reason=f"it makes more than {BYTES_A_RECORD:,} bytes for each record")
        self._hash.update(data)
        self._file.write(data)

    def _guarded(self, render: Callable[[], str]) -> str:
        self._budget.begin()
        started = time.thread_time()
        try:
            text = render()
        except Exception as error:  # a template can go wrong in any way that Python knows
            self._let_go()
            raise self._told(error) from error
        self._seconds += time.thread_time() - started
        if self._seconds > SECONDS + SECONDS_A_RECORD * self._rendered:
            raise TemplateTooMuch(name=self._source, line=1, reason=f"it works for more than {SECONDS_A_RECORD:g} seconds on each record")
        return text

    def _told(self, error: Exception) -> PortError:
        from stashport.formats._budget import TooMuch

        if isinstance(error, (CannotWrite, DiskFull)):  # of what was kept for it: not the template's fault
            return error
        line = self._line(error.__traceback__)
        if isinstance(error, RecursionError):
            return TemplateTooMuch(name=self._source, line=line, reason="a macro in it calls itself without end")
        if isinstance(error, MemoryError):
            return TemplateTooMuch(name=self._source, line=line, reason="it needs too much memory")
        return (TemplateTooMuch if isinstance(error, TooMuch) else TemplateFailed)(name=self._source, line=line, reason=_plain(error))

    def _line(self, trace: TracebackType | None) -> int:
        line = 1
        while trace:
            if trace.tb_frame.f_code.co_filename == "<template>":
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line

    # --- what a writer does ---

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        self._end()
        self._kind, self._number = kind, 0

    def write(self, batch: Batch) -> None:
        assert self._kind is not None
        kind = self._kind
        about = _KINDS[kind.name]
        if kind.name in _KEPT and self._names:
            self._names.add((r["id"], name.encode("utf-8", "surrogatepass")) for r in batch.records if (name := about.name(r)))
        if kind.name in _KEPT and self._records:
            self._records.add(zip([r["id"] for r in batch.records], batch.lines, strict=True))
        wanted = {kind.name, f"before_{kind.plural}", f"after_{kind.plural}"}
        for record in () if wanted.isdisjoint(self._template.blocks) else batch.records:
            self._number += 1
            if self._number == 1:
                self._render(f"before_{kind.plural}", kind=kind.name)
            self._rendered += 1
            self._render(kind.name, kind=kind.name, record=about.whole(record))
        # A macro within a block knows itself: such circles are looked for here, as an export has Python's own search for them turned off.
        gc.collect(0)

    def _end(self) -> None:
        if self._kind and self._number:
            self._render(f"after_{self._kind.plural}", kind=self._kind.name)

    def finish(self, counts: dict[str, int]) -> None:
        self._end()
        self._number = sum(counts.values())
        self._render("footer", counts={**dict.fromkeys((kind.plural for kind in KINDS), 0), **counts})
        self._file.close()
        self.rendered[self._member] = (self._size, self._hash.hexdigest())
        self._let_go()

    def _let_go(self) -> None:
        for kept in (self._names, self._records):
            if kept:
                kept.close()


def _plain(error: Exception) -> str:
    """What Python says of an error, without the names of our functions."""
    return re.sub(r"[\w.]+(<locals>\.[\w<>]+)?\(\)", "this", str(error)).rstrip(".") or type(error).__name__


def write(members: WriteMembers, header: Header, options: Options) -> _Writer:
    """Begin a file.  Errors: UnknownTemplate, BadTemplate, TemplateFailed, TemplateTooMuch, BadRequest for the path map."""
    return _Writer(members, header, {option.name: option.default for option in OPTIONS} | options)


def read(members: ReadMembers) -> NoReturn:
    """Nothing can be read back.  Errors: NotSupported."""
    raise NotSupported(what="What a template made cannot be read back.", instead="Export as JSON, NDJSON, CSV or XML for that.")


def recognises(members: ReadMembers) -> bool:
    """Any text can come from a template; none is known for it."""
    return False
