"""Records without a server: random ones made from the table of fields, a reader for them, and short ways to write, read and prove an export."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from stashport import formats
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.jobs.sample import SampleReader
from stashport.model.fields import FORMAT_VERSION, KINDS
from stashport.model.records import Batch, canonical, encode, number_of
from stashport.output.members import Target
from stashport.output.source import Source
from stashport.runs.state import State
from stashport.stash.source import Opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stashport.model.records import IdSet, Record
    from stashport.model.table import Field, Kind
    from stashport.runs.record import Run

HEADER = {"format_version": FORMAT_VERSION, "made_by": "a test", "choices": {}, "fields": {}}
PACKINGS = ("none", "gzip", "zip")
HOSTILE = (
    'say "yes"', '"', '""', "a,b;c\td", "two\nlines", "\r", "\r\n", "\n", "\t", " ", "\x00", "a\x00b", "\x01\x1f\x7f", "\x1c\x85\u2028\u2029",
    "=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "''", "\t=1", "\r=1", "|", "a|b", "||", "\\", "\\\\", "\\|", "\\e", "|\\e|", "e\\", "null", "true", "[]",
    "🎬", "👩\u200d👩\u200d👧", "שלום", "\u202eevil\u202c", "e\u0301", "\ufeffmark", "\ufffe", "caf\udce9", "\udcff\udc80", "</script>", "{{7*7}}", "%s %n", "x" * 10_000,
    "ab\n" * 3_000,
)  # fmt: skip


def raw_text() -> st.SearchStrategy[str]:
    """Bytes as a database can hold them, decoded as the readers do: what is no UTF-8 becomes lone surrogates."""
    return st.binary(min_size=1, max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape"))


def some_text() -> st.SearchStrategy[str]:
    """Text that is not empty: hostile, of any characters, or of any bytes."""
    return st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=12), raw_text())


def some_json() -> st.SearchStrategy[Any]:
    """Free JSON in its one spelling, never null."""
    plain = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), some_text())
    tree = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(some_text(), inner, max_size=3), max_leaves=5)
    return tree.map(canonical)


def reference(kind: str) -> st.SearchStrategy[str]:
    """The id of some record of a kind, which need not be there."""
    return st.integers(1, 2**40).map(lambda number: f"{kind}:{number}")


def value(field: Field) -> st.SearchStrategy[Any]:
    """A value of a field, as a reader may tell it."""
    numbers = {"int": st.integers(-(2**63), 2**63 - 1), "float": st.floats(allow_nan=False, allow_infinity=False), "bool": st.booleans()}
    listed = st.lists(some_text() | st.just(""), max_size=3)
    if field.type in numbers:
        return st.none() | numbers[field.type]
    if field.type in ("texts", "times"):
        return listed
    if field.type == "refs":
        return st.lists(reference(field.to), max_size=3)
    if field.type == "rows":
        return st.lists(st.tuples(*map(value, field.fields)).map(lambda found: {f.name: v for f, v in zip(field.fields, found, strict=True)}), max_size=3)
    if field.type == "map":
        number = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
        return st.dictionaries(some_text(), number | some_text() | st.just(""), max_size=3)
    one = {"ref": reference(field.to), "image": st.from_regex(r"\Amd5:[0-9a-f]{32}\Z"), "json": some_json()}
    return st.none() | one.get(field.type, some_text())


@st.composite
def tables(draw: st.DrawFn, kind: Kind) -> tuple[tuple[Field, ...], list[Record]]:
    """Some fields of a kind, and some records with just these."""
    chosen = draw(st.sets(st.sampled_from(kind.fields), min_size=1, max_size=6))
    fields = tuple(field for field in kind.fields if field in chosen)
    numbers = sorted(draw(st.sets(st.integers(1, 2**31), max_size=4)))
    return fields, [{"id": f"{kind.name}:{number}", **{f.name: draw(value(f)) for f in fields}} for number in numbers]


class ListReader:
    """A source whose records stand in lists."""

    name = "list"

    def __init__(self, library: dict[str, tuple[tuple[Field, ...], list[Record]]], *, size: int = 500, images: dict[str, bytes] | None = None) -> None:
        self.library, self.size, self.images = library, size, images or {}

    def kinds(self) -> list[Kind]:
        """Those that the library has."""
        return [kind for kind in KINDS if kind.name in self.library]

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """Those that its records have."""
        return self.library[kind.name][0]

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        return len(self.library[kind.name][1])

    def batches(self, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> Iterator[Batch]:
        """The records, copied, with the fields that are asked for."""
        found = [record for record in self.library[kind.name][1] if only is None or number_of(record["id"]) in only]
        names = ["id", *(f.name for f in fields)]
        for start in range(0, len(found), self.size):
            copies = [json.loads(encode({name: record[name] for name in names})) for record in found[start : start + self.size]]
            yield Batch(records=copies)

    def image(self, checksum: str) -> bytes | None:
        """The bytes of an image."""
        return self.images.get(checksum)


def sample() -> ListReader:
    """The sample library, to be changed at will."""
    reader = SampleReader()
    library = {}
    for kind in reader.kinds():
        fields = reader.fields(kind)
        library[kind.name] = (fields, [json.loads(encode(record)) for batch in reader.batches(kind, fields) for record in batch.records])
    return ListReader(library)


def lines_of(reader: Any) -> list[bytes]:
    """Every record of a source on its canonical line."""
    return [encode(r) for kind in reader.kinds() for batch in reader.batches(kind, reader.fields(kind)) for r in batch.records]


def write(path: Path, name: str, reader: Any, *, options: dict[str, bool] | None = None, compress: str = "none", header: dict[str, Any] | None = None) -> Path:
    """Write a source in a format, without a run around it."""
    made_by = formats.get(name)
    with Target(path, folder=made_by.FOLDER, compress=compress, overwrite=False) as target:
        told = {"fields": {kind.plural: [f.name for f in reader.fields(kind)] for kind in reader.kinds()}}
        writer = made_by.write(target, {**(header or HEADER), **told}, {option.name: option.default for option in made_by.OPTIONS} | (options or {}))
        for kind in reader.kinds():
            writer.begin(kind, reader.fields(kind))
            for batch in reader.batches(kind, reader.fields(kind)):
                writer.write(batch)
        writer.finish({kind.plural: reader.count(kind) for kind in reader.kinds()})
    target.publish()
    return path


def read(path: Path) -> list[bytes]:
    """Every record of an export on its canonical line, in the order of the file."""
    source = Source(path)
    try:
        return [encode(r) for _, batch in formats.detect(source).read(source).batches() for r in batch.records]
    finally:
        source.close()


def run_export(reader: Any, state: Path, **config: Any) -> Run:
    """The export job on a source of this module; `to` may be a path."""
    if "to" in config:
        config["to"] = str(config["to"])
    return export(config, Context(State(state), Opened(reader, {"type": "sample", "reader": reader.name})))


def option_sets(name: str) -> list[dict[str, bool]]:
    """Every combination of the yes-or-no options of a format."""
    options = [option.name for option in formats.get(name).OPTIONS if isinstance(option.default, bool)]
    return [dict(zip(options, chosen, strict=True)) for chosen in itertools.product((False, True), repeat=len(options))]


def packings(name: str) -> tuple[str, ...]:
    """How the files of a format may be packed; one that packs itself is left as it is."""
    return PACKINGS[:1] if getattr(formats.get(name), "PACKS_ITSELF", False) else PACKINGS


def everything_below(folder: Path) -> list[str]:
    """The names of all files and folders in a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def duplicate(records: Iterable[Record], times: int, kind: str) -> list[Record]:
    """Records again and again under new numbers, for a library that takes a while."""
    return [{**record, "id": f"{kind}:{number}"} for number, record in enumerate((r for _ in range(times) for r in records), 1)]
