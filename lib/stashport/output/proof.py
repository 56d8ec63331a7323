"""Reads a finished export back and says whether it is what it should be: readable to its end, counted, every reference resolved."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from stashport import formats
from stashport.errors import BadFile, PortError, Stopped
from stashport.formats import Reading
from stashport.model.fields import BY_PLURAL, KINDS
from stashport.model.records import IdSet, Record
from stashport.model.table import Field, Kind
from stashport.output import parts
from stashport.output.shape import Columns, checked, columns, gathered
from stashport.output.source import Source

_FLUSH = 10_000
EXAMPLES = 20


@dataclass
class Proof:
    """The result of looking: `valid` when there are no errors; warnings do not make an export worse than its source."""

    counts: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    dangling: dict[str, IdSet] = field(default_factory=dict)
    images: int = 0

    @property
    def valid(self) -> bool:
        """Whether it is what it should be."""
        return not self.errors


class Ids:
    """Ids that were seen and ids that were referred to, by kind.  Strings are gathered and turned into bits in bulk: most references are to few records."""

    def __init__(self) -> None:
        self.sets: dict[str, IdSet] = {}
        self._waiting: dict[str, set[str]] = {}

    def add(self, kind: str, identities: Iterable[str]) -> None:
        """Take some of a kind.  Errors: ValueError, here or later, for what is no id of that kind."""
        waiting = self._waiting.setdefault(kind, set())
        waiting.update(identities)
        if len(waiting) > _FLUSH:
            self.flush()

    def flush(self) -> None:
        """Turn what was gathered into bits.  Errors: as `add`."""
        for kind, identities in self._waiting.items():
            start = len(kind) + 1
            tails = [identity[start:] for identity in identities]
            digits = "".join(tails)
            if {identity[:start] for identity in identities} - {f"{kind}:"} or "" in tails or (digits and not (digits.isascii() and digits.isdigit())):
                strange = next(identity for identity in sorted(identities) if not re.fullmatch(f"{kind}:[0-9]+", identity))
                raise ValueError(f"{strange!r} is no id of a {kind}")
            self.sets.setdefault(kind, IdSet()).add_all(map(int, tails))
            identities.clear()


def prove(
    path: Path, expected: dict[str, int] | None = None, progress: object = None, unseal: Callable[[BinaryIO], BinaryIO] | None = None,
) -> Proof:
    """Read an export back.

    expected   counts by plural name, as they were written; without it the counts in the file itself are held against its records
    progress   called with the number of records of each batch
    """
    source = Source(path, unseal)
    try:
        return _prove(lambda: parts.reading(source), path.name, expected, progress, source)
    finally:
        source.close()


def prove_reading(reading: Reading, name: str, progress: object = None) -> Proof:
    """The same for records that are being read already; `name` is that of the file, for messages."""
    return _prove(lambda: reading, name, None, progress, None)


def _prove(begin: Callable[[], Reading], name: str, expected: dict[str, int] | None, progress: object, source: Source | None) -> Proof:
    proof, present, wanted, free = Proof(), Ids(), Ids(), set[str]()
    images: set[str] = set()
    try:
        reading = begin()
        with_images = source is not None and bool(reading.header.get("images"))
        for kind, batch in reading.batches():
            found = _look(kind, batch.records, proof, present, wanted, free)
            compare_fields(kind, batch.records, found, reading.header.get("fields"))
            if with_images:
                images.update(value[4:] for f in kind.fields if f.type == "image" for value in found.get(f.name, ()) if value)
            if callable(progress):
                progress(len(batch))
        present.flush()
        wanted.flush()
        _compare_counts(proof, reading.counts, expected)
        _compare_ids(proof, present, free)
        if source and with_images:
            _compare_images(proof, source, images)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError) as error:
        proof.errors.append(f"{name}: {error}")
    except Stopped:
        raise
    except (BadFile, PortError) as error:
        proof.errors.append(error.message)
    if proof.errors:
        return proof
    nothing = IdSet()
    for kind_name, numbers in wanted.sets.items():
        missing = numbers.minus(present.sets.get(kind_name, nothing))
        if len(missing):
            proof.dangling[kind_name] = missing
            examples = [f"{kind_name}:{number}" for number in itertools.islice(missing, EXAMPLES)]
            proof.errors.append(f"{len(missing):,} references lead nowhere: {', '.join(examples)}")
    return proof


def prove_rendered(
    path: Path, rendered: dict[str, tuple[int, str]], written: dict[str, int], unseal: Callable[[BinaryIO], BinaryIO] | None = None,
) -> Proof:
    """For what cannot be read back: whether the files hold, byte for byte, what was made for them (size and SHA-256 by name).

    That is all it says: the counts are those of the records that went in, and no reference is looked at.
    """
    proof, source = Proof(counts=dict(written)), Source(path, unseal)
    try:
        there = source.names()
        if not path.is_dir() and len(there) == len(rendered) == 1:  # a file alone is called as it will be, not as it was made
            there = list(rendered)
        for name in sorted(rendered.keys() | set(there)):
            size, digest = 0, hashlib.sha256()
            with source.open(name if name in source.names() else source.names()[0]) as file:
                while data := file.read(1 << 20):
                    size += len(data)
                    digest.update(data)
            if name not in there or (size, digest.hexdigest()) != tuple(rendered.get(name, ())):
                proof.errors.append(f"{name} does not hold what was made for it")
        proof.images = sum(name.startswith("images/") for name in source.all_names())
    except (OSError, KeyError, IndexError) as error:
        proof.errors.append(f"{path.name}: {error}")
    except PortError as error:
        proof.errors.append(error.message)
    finally:
        source.close()
    return proof


def replaceable(folder: Path) -> bool:
    """Whether a folder is empty, or holds an export and nothing else, so that replacing it takes nothing of somebody's own away."""
    if not any(folder.iterdir()):
        return True
    source = Source(folder)
    try:
        formats.detect(source).read(source)
    except (PortError, OSError):
        return False
    finally:
        source.close()
    own = {"header", "counts", "library", *BY_PLURAL}
    return all(name.startswith("images/") or ("/" not in name and name.partition(".")[0] in own) for name in source.all_names())


def _look(kind: Kind, records: list[Record], proof: Proof, present: Ids, wanted: Ids, free: set[str]) -> Columns:
    found = checked(kind, records)
    proof.counts[kind.plural] = proof.counts.get(kind.plural, 0) + len(records)
    if kind.table:
        present.add(kind.name, found["id"])
    else:
        free.update(found["id"])
    gather(kind.fields, found, wanted)
    return found


def compare_fields(kind: Kind, records: list[Record], found: Columns, told: object) -> None:
    """The header says which fields each record has: one without them would be taken for a record whose source could not tell.

    Errors: TypeError, ValueError.
    """
    names = told.get(kind.plural) if isinstance(told, dict) else None
    if not isinstance(names, list):
        raise TypeError(f"its header does not tell which fields its {kind.plural} have")
    if set(found) != {"id", *names} or set(map(len, records)) != {len(found)}:
        raise ValueError(f"its {kind.plural} have other fields than its header says")


def gather(fields: tuple[Field, ...], found: Columns, wanted: Ids) -> None:
    """Note everything that these records, and the rows in them, refer to."""
    for one in fields:
        if not one.refers or one.name not in found:
            continue
        column = found[one.name]
        if one.type == "ref":
            wanted.add(one.to, filter(None, column))
        elif one.type == "refs":
            wanted.add(one.to, gathered(column))
        elif rows := gathered(column):
            gather(one.fields, columns(rows), wanted)


def _compare_counts(proof: Proof, told: dict[str, int] | None, expected: dict[str, int] | None) -> None:
    if told is None:
        proof.errors.append("it has no end: it was cut off")
    for name, wanted in (("as counted at its end", told), ("as written", expected)):
        for plural in {**wanted, **proof.counts} if wanted is not None else ():
            found, number = proof.counts.get(plural, 0), (wanted or {}).get(plural, 0)
            if found != number:
                proof.errors.append(f"{found:,} {plural} where there should be {number} {name}")


def _compare_ids(proof: Proof, present: Ids, free: set[str]) -> None:
    """Two records with one id show in the numbers.  Kinds without a table name their records as they like, but after themselves."""
    for kind in KINDS:
        number = proof.counts.get(kind.plural, 0)
        known = len(present.sets.get(kind.name, ())) if kind.table else sum(identity.startswith(f"{kind.name}:") for identity in free)
        if known != number:
            proof.errors.append(f"{number:,} {kind.plural} have {known:,} different ids")


def _compare_images(proof: Proof, source: Source, wanted: set[str]) -> None:
    there = {Path(name).name.split(".")[0] for name in source.all_names() if name.startswith("images/")}
    proof.images = len(there)
    if missing := wanted - there:
        proof.warnings.append(f"{len(missing):,} images are named but not there, for example md5:{min(missing)}")
