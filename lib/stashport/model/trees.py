"""What lies below a record: tags below a tag, studios below a studio, groups inside a group; read from the records of any source."""

from __future__ import annotations

from stashport.errors import BadFilter
from stashport.model.fields import BY_NAME
from stashport.model.filter_checks import RELATED, SWITCH
from stashport.model.reader import Reader
from stashport.model.records import number_of, references
from stashport.model.table import Field

# The kind's field that says what it lies in, or (groups) what lies in it.
_ABOVE, _BELOW = {"tag": "parents", "studio": "parent_studio"}, {"group": "sub_groups"}
_KEYS = {kind: key for key, kind in RELATED.items()}


class Trees:
    """The trees of a source, each read when it is wanted and then kept: they are as small as the kinds that form them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._trees: dict[str, dict[int, set[int]]] = {}

    def below(self, kind_name: str, number: int) -> set[int]:
        """A record's number and those of all that lies below it.  Errors: BadFilter where the source does not tell what does."""
        tree = self._tree(kind_name)
        found, front = {number}, {number}
        while front:
            front = {child for parent in front for child in tree.get(parent, ())} - found
            found |= front
        return found

    def _tree(self, kind_name: str) -> dict[int, set[int]]:
        if kind_name not in self._trees:
            kind = BY_NAME[kind_name]
            field = kind.by_name[_ABOVE.get(kind_name) or _BELOW[kind_name]]
            if field.name not in {f.name for f in self._reader.fields(kind)}:
                key = _KEYS[kind_name]
                raise BadFilter(what=f'"{key}" counts what lies below, and this source tells no {kind.plural}.{field.name}: set "{SWITCH[key]}" to false.')
            tree: dict[int, set[int]] = {}
            for batch in self._reader.batches(kind, (field,)):
                for record in batch.records:
                    own = number_of(record["id"])
                    for _, other in references(record, [field]):
                        above, below = (own, number_of(other)) if kind_name in _BELOW else (number_of(other), own)
                        tree.setdefault(above, set()).add(below)
            self._trees[kind_name] = tree
        return self._trees[kind_name]


def field_target(field: Field) -> str:
    """The kind that a field refers to."""
    return field.to or next(inner.to for inner in field.fields if inner.name == field.about)
