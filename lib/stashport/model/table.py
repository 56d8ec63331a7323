"""The shapes that the one table of fields is written in: Field, Join, Kind, and short constructors for each type of field.

Types of fields and their values in a record (JSON types):
    text int float bool     as in JSON; an empty text is null; a float is always written with its fraction
    date                    "2020-05-17", "2020-05" or "2020"
    time                    RFC 3339 text as stored, offset kept
    ref                     "studio:5", the id of another record of the same set
    image                   "md5:<hex>", Stash's own checksum of the bytes; the bytes travel beside the records
    json                    any JSON, keys sorted
    texts times refs        lists of text, time, ref; sets are sorted, lists with a stored order keep it
    rows                    a list of objects with fields of their own
    map                     an object of text -> text or number
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

SCALARS = frozenset({"text", "int", "float", "bool", "date", "time", "ref", "image", "json"})
LISTS = frozenset({"texts", "times", "refs", "rows", "map"})

# The order of fields in a record, by type: what SQLite can write as JSON by itself first, then what needs our spelling, then lists.
_ORDER = {"float": 1, "bool": 2, "json": 3, "texts": 4, "times": 4, "refs": 4, "rows": 4, "map": 4}

MERGE_BY_TYPE = {"texts": "union", "times": "union", "refs": "union", "rows": "union", "map": "union", "bool": "keep"}


@dataclass(frozen=True)
class Join:
    """Where a list is stored: rows of `table` (aliases allowed) whose `owner` column is the record's id, in the order of `order`."""

    table: str
    owner: str
    order: str
    value: str = ""


@dataclass(frozen=True)
class Field:
    """One property of a kind.  See the module's docstring for the types.

    column   SQL expression over the kind's table (alias t) or, in a row, over the join's; None: the database does not hold it
    join     for lists: where their rows are
    gql      GraphQL selection; None: derived from name and type; "": GraphQL cannot tell it
    write    how it is written: an input's name, "mutation NAME", "sql" (only bulk writing can), "never" (derived, or made by a scan)
    merge    default merge rule: keep fill replace union newer larger
    privacy  public | personal | path | identifying | secret
    sort     for rows that are a set: the names by which they are sorted ("id": the row's own, which is not part of it); none: the order is stored
    about    for rows that are nothing without what they refer to: the name of that reference
    since    the Stash version that brought it, where that is later than 0.28 (for people; code looks at the server's schema)
    """

    name: str
    type: str
    to: str = ""
    column: str | None = None
    join: Join | None = None
    fields: tuple[Field, ...] = ()
    gql: str | None = None
    write: str = ""
    merge: str = ""
    privacy: str = "public"
    since: str = ""
    note: str = ""
    sort: tuple[str, ...] = ()
    about: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", in_order(self.fields))

    @property
    def label(self) -> str:
        """The name for people: "play_history" -> "Play history"."""
        words = self.name.replace("rating100", "rating").split("_")
        return " ".join([words[0].capitalize(), *words[1:]]).replace("Urls", "URLs").replace(" ids", " IDs")

    @cached_property
    def refers(self) -> bool:
        """Whether it refers to other records, itself or in its rows."""
        return bool(self.to) or any(inner.refers for inner in self.fields)

    @property
    def merge_rule(self) -> str:
        """The merge rule that holds when nothing else is said."""
        return self.merge or MERGE_BY_TYPE.get(self.type, "fill")

    @property
    def in_database(self) -> bool:
        """Whether a Stash database of a known schema holds it."""
        return self.column is not None or self.join is not None

    @cached_property
    def selection(self) -> str:
        """The GraphQL selection for this field; "" when GraphQL cannot tell it."""
        if self.gql is not None:
            return self.gql
        if self.type in ("ref", "refs"):
            return f"{self.name}{{id}}"
        if self.type == "rows":
            return f"{self.name}{{{' '.join(f.selection for f in self.fields)}}}"
        return self.name

    @property
    def server_name(self) -> str:
        """The name of the field in the server's schema: the first word of the selection."""
        return self.selection.split("{")[0].split("(")[0].strip()


@dataclass(frozen=True)
class Kind:
    """One sort of record.

    table      FROM clause; the main table has the alias t
    find       GraphQL query name, e.g. findScenes; `listing` is the name of its list; type the GraphQL type of its items
    keyset     whether the query's filter has an `id` criterion, so that paging can go by id instead of by offset
    """

    name: str
    plural: str
    type: str
    table: str
    fields: tuple[Field, ...]
    find: str = ""
    listing: str = ""
    keyset: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", in_order(self.fields))

    @property
    def label(self) -> str:
        """The name for people: "saved_filters" -> "Saved filters"."""
        return self.plural.replace("_", " ").capitalize()

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by name."""
        return {f.name: f for f in self.fields}


def in_order(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Fields in the canonical order of a record."""
    return tuple(sorted(fields, key=lambda f: _ORDER.get(f.type, 0)))


def text(name: str, column: str = "", **more: object) -> Field:
    """A text column; empty is null."""
    return _scalar(name, "text", f"nullif(t.{column or name},'')", **more)


def number(name: str, column: str = "", **more: object) -> Field:
    """An integer column."""
    return _scalar(name, "int", f"t.{column or name}", **more)


def real(name: str, column: str = "", **more: object) -> Field:
    """A floating point column."""
    return _scalar(name, "float", f"CAST(t.{column or name} AS REAL)", **more)


def flag(name: str, column: str = "", **more: object) -> Field:
    """A boolean column, 0 or 1."""
    return _scalar(name, "bool", f"t.{column or name}", **more)


def date(name: str, **more: object) -> Field:
    """A date with its precision (0 day, 1 month, 2 year) in a column beside it."""
    cut = f"CASE t.{name}_precision WHEN 1 THEN 7 WHEN 2 THEN 4 ELSE 10 END"
    return _scalar(name, "date", f"substr(nullif(t.{name},''),1,{cut})", **more)


def time(name: str, **more: object) -> Field:
    """A point in time, as stored."""
    return _scalar(name, "time", f"t.{name}", **{"write": "sql", "merge": "keep", "privacy": "personal", **more})


def ref(name: str, to: str, column: str, **more: object) -> Field:
    """A reference to one record."""
    return _scalar(name, "ref", f"'{to}:'||t.{column}", **{"to": to, "write": f"{name}_id", **more})


def image(name: str, column: str, path: str, **more: object) -> Field:
    """An image: its checksum in the database; over GraphQL the address from which it is fetched (`default=true` in it means that there is none)."""
    return _scalar(name, "image", f"'md5:'||t.{column}", **{"gql": path, **more})


def _scalar(name: str, kind: str, column: str, **more: object) -> Field:
    settings: dict[str, object] = {"column": column, "write": name, **more}
    return Field(name, kind, **settings)  # type: ignore[arg-type]


def refs(name: str, to: str, table: str, owner: str, column: str, **more: object) -> Field:
    """A set of references; `order` may be given where one is stored."""
    join = Join(table, owner, str(more.pop("order", column)), f"'{to}:'||{column}")
    return Field(name, "refs", to, join=join, **{"write": f"{to}_ids", **more})  # type: ignore[arg-type]


def texts(name: str, table: str, owner: str, column: str, *, order: str = "", **more: object) -> Field:
    """A list of texts; without `order` it is a set and sorted by its bytes."""
    return Field(name, "texts", join=Join(table, owner, order or column, column), **{"write": name, **more})  # type: ignore[arg-type]


def times(name: str, table: str, owner: str, column: str, **more: object) -> Field:
    """A history: a multiset of instants, sorted."""
    return Field(name, "times", join=Join(table, owner, column, column), **{"privacy": "personal", **more})  # type: ignore[arg-type]


def rows(name: str, join: Join, fields: tuple[Field, ...], **more: object) -> Field:
    """A list of objects."""
    return Field(name, "rows", join=join, fields=fields, **{"write": name, **more})  # type: ignore[arg-type]
