"""Where the files lie that records of a plan wait for: a person sees at once which path rule is missing."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

from stashport.change.births import FILED
from stashport.model.fields import BY_NAME
from stashport.model.reader import Reader
from stashport.model.records import IdSet, number_of, references

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOKED_AT, _TOLD = 300, 5
_PARENT = re.compile(r"(.*)[\\/][^\\/]*")


def folders_of(source: Reader, waiting: Mapping[str, IdSet]) -> list[str]:
    """The folders in which most of them lie in the source, the most frequent first; of each kind the first few hundred records are looked at."""
    files, found = IdSet(), Counter[str]()
    for kind, fields in FILED.items():
        some = IdSet()
        some.add_all(itertools.islice(waiting.get(kind, ()), _LOOKED_AT))
        told = [f for f in source.fields(BY_NAME[kind]) if f.name in fields]
        for batch in source.batches(BY_NAME[kind], tuple(told), some) if len(some) and told else ():
            files.add_all(number_of(one) for record in batch.records for name, one in references(record, told) if name == "file")
    file = BY_NAME["file"]
    for batch in source.batches(file, tuple(f for f in source.fields(file) if f.name == "path"), files) if len(files) else ():
        for record in batch.records:
            if parent := _PARENT.fullmatch(record.get("path") or ""):
                found[parent[1]] += 1
    return [folder for folder, _ in found.most_common(_TOLD)]
