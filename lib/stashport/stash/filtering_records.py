"""Named filters on a source that can only be read: its records are looked at one after the other, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Collection

from stashport.errors import BadFilter
from stashport.model.fields import BY_NAME
from stashport.model.filter_records import SEARCHED, Test, file_words, search_of, test_of
from stashport.model.filters import Condition
from stashport.model.reader import Reader
from stashport.model.records import IdSet, Record, number_of
from stashport.model.searching import Found, Search
from stashport.model.table import Kind
from stashport.model.trees import Trees, field_target

_OF_FILE = ("path", "fingerprints")


class ByRecords:
    """Finds the records of any source.

    absent    what the source cannot tell, by kind.field, as its header says it
    remarks   what a person should know about the answers
    """

    def __init__(self, reader: Reader, absent: Collection[str] = ()) -> None:
        self._reader, self._absent = reader, absent
        self._trees = Trees(reader)
        self._ids: dict[str, IdSet] = {}
        self._searches: dict[str, tuple[Search, _Words, _Words]] = {}
        self.remarks: list[str] = []

    def exists(self, kind: Kind, number: int) -> bool:
        """Whether there is a record of this number."""
        if kind.name not in self._ids:
            self._ids[kind.name] = self._all(kind)
        return number in self._ids[kind.name]

    def _all(self, kind: Kind) -> IdSet:
        found = IdSet()
        for batch in self._reader.batches(kind, ()):
            found.add_all(number_of(record["id"]) for record in batch.records)
        return found

    def find(self, kind: Kind, conditions: list[Condition]) -> IdSet:
        """The numbers of the records that fulfil all conditions.  Errors: BadFilter for what this source cannot answer."""
        told = {f.name for f in self._reader.fields(kind)}
        tests = [self._search(kind, one.value, told) if one.test == "text" else self._test(one) for one in conditions]
        needed = {one.field.name for one in conditions if one.field}
        if any(one.test == "text" for one in conditions):
            needed.update(SEARCHED[kind.name])
        fields = tuple(f for f in kind.fields if f.name in needed & told)
        found = IdSet()
        for batch in self._reader.batches(kind, fields):
            found.add_all(number_of(record["id"]) for record in batch.records if all(test(record) for test in tests))
        return found

    def _test(self, condition: Condition) -> Test:
        sets: list[set[int]] = []
        if condition.test in ("any", "all", "none"):
            assert condition.field is not None
            numbers, deep = condition.value
            sets = [self._trees.below(field_target(condition.field), number) if deep else {number} for number in numbers]
        return test_of(condition, sets)

    # --- the search box ---

    def _search(self, kind: Kind, text: str, told: set[str]) -> Test:
        if not told.intersection(SEARCHED[kind.name]):
            raise BadFilter(what=f'"text" looks for words in {", ".join(SEARCHED[kind.name])}, and this source tells none of these of its {kind.plural}.')
        self._remark(kind, told)
        if text not in self._searches:
            search = Search(text)
            self._searches[text] = search, _Words(), _Words()
        search, files, folders = self._searches[text]
        if told.intersection(("files", "visual_files")):
            files.read(self._reader, BY_NAME["file"], _OF_FILE, search)
        if "folder" in told:
            folders.read(self._reader, BY_NAME["folder"], ("path",), search)
        return search_of(kind, search, told, files.of, folders.of)

    def _remark(self, kind: Kind, told: set[str]) -> None:
        """Say where Stash's own search would have looked as well."""
        untold = [f"{kind.name}.{name}" for name in SEARCHED[kind.name] if name not in told]
        for name in told.intersection(SEARCHED[kind.name]):
            target = kind.by_name[name].to
            if target in ("file", "folder"):
                there = {f.name for f in self._reader.fields(BY_NAME[target])} - {one.partition(".")[2] for one in self._absent if one.startswith(f"{target}.")}
                untold += [f"{target}.{one}" for one in (_OF_FILE if target == "file" else ("path",)) if one not in there]
        if untold:
            remark = f"Stash would have looked for the text of {kind.plural} in {', '.join(dict.fromkeys(untold))} too; the source does not tell all of that."
            if remark not in self.remarks:
                self.remarks.append(remark)


class _Words:
    """Which words of a search stand in the files of a source, or in its folders: few different sets of words, each with the numbers that have it."""

    def __init__(self) -> None:
        self._numbers: dict[Found, IdSet] = {}
        self._read = False

    def read(self, reader: Reader, kind: Kind, names: tuple[str, ...], search: Search) -> None:
        """Look at all of them, once."""
        if self._read:
            return
        self._read = True
        fields = tuple(f for f in reader.fields(kind) if f.name in names)
        for batch in reader.batches(kind, fields):
            for record in batch.records:
                self._add(record, file_words(record, search) if kind.name == "file" else frozenset((search.bits(record.get("path")),)))

    def _add(self, record: Record, found: Found) -> None:
        if found != _NOTHING:
            self._numbers.setdefault(found, IdSet()).add(number_of(record["id"]))

    def of(self, identity: str) -> Found:
        """What is known of one of them."""
        number = number_of(identity)
        return next((found for found, numbers in self._numbers.items() if number in numbers), _NOTHING)


_NOTHING: Found = frozenset((0,))
