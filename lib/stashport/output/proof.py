"""Reads a finished export back and says whether it is what it should be: readable to its end, counted, every reference resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from stashport import formats
from stashport.errors import BadFile, PortError
from stashport.model.records import IdSet, references, reference_fields
from stashport.model.table import Kind
from stashport.output.members import Source

_FLUSH = 50_000
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


class _Ids:
    """Ids that were seen and ids that were referred to, by kind.  Strings are gathered and turned into bits in bulk: most references are to few records."""

    def __init__(self) -> None:
        self.sets: dict[str, IdSet] = {}
        self._waiting: dict[str, set[str]] = {}

    def add(self, kind: str, identities: list[str]) -> None:
        waiting = self._waiting.setdefault(kind, set())
        waiting.update(identities)
        if len(waiting) > _FLUSH:
            self.flush()

    def flush(self) -> None:
        for kind, identities in self._waiting.items():
            numbers = self.sets.setdefault(kind, IdSet())
            skip = len(kind) + 1
            for identity in identities:
                if not identity.startswith(kind) or not identity[skip:].isdigit():
                    raise ValueError(f"{identity!r} is no id of a {kind}")
                numbers.add(int(identity[skip:]))
            identities.clear()


def prove(path: Path, expected: dict[str, int] | None = None, progress: object = None) -> Proof:
    """Read an export back.

    expected   counts by plural name, as they were written; without it the counts in the file itself are held against its records
    progress   called with the number of records of each batch
    """
    proof, present, wanted = Proof(), _Ids(), _Ids()
    images: set[str] = set()
    source = Source(path)
    try:
        reading = formats.detect(source).read(source)
        for kind, batch in reading.batches():
            _look(kind, batch.records, proof, present, wanted, images)
            if callable(progress):
                progress(len(batch))
        present.flush()
        wanted.flush()
        _compare_counts(proof, reading.counts, expected)
        _compare_images(proof, source, images, asked=bool(reading.header.get("images")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        proof.errors.append(f"{path.name}: {error}")
    except (BadFile, PortError) as error:
        proof.errors.append(error.message)
    finally:
        source.close()
    if proof.errors:
        return proof
    nothing = IdSet()
    for name, numbers in wanted.sets.items():
        missing = numbers.minus(present.sets.get(name, nothing))
        if len(missing):
            proof.dangling[name] = missing
            examples = [f"{name}:{number}" for number, _ in zip(missing, range(EXAMPLES))]
            proof.errors.append(f"{len(missing):,} references lead nowhere: {', '.join(examples)}")
    return proof


def _look(kind: Kind, records: list[dict[str, object]], proof: Proof, present: _Ids, wanted: _Ids, images: set[str]) -> None:
    proof.counts[kind.plural] = proof.counts.get(kind.plural, 0) + len(records)
    if kind.table:
        present.add(kind.name, [str(record["id"]) for record in records])
    for one in reference_fields(kind.fields):
        if one.type == "ref":
            wanted.add(one.to, [value for record in records if isinstance(value := record.get(one.name), str)])
        elif one.type == "refs":
            for record in records:
                if values := record.get(one.name):
                    wanted.add(one.to, list(values))  # type: ignore[call-overload]
        else:
            for record in records:
                for to, identity in references(record, [one]):
                    wanted.add(to, [identity])
    for one in kind.fields:
        if one.type == "image":
            images.update(value[4:] for record in records if isinstance(value := record.get(one.name), str))


def _compare_counts(proof: Proof, told: dict[str, int] | None, expected: dict[str, int] | None) -> None:
    if told is None:
        proof.errors.append("it has no end: it was cut off")
    for name, wanted in (("as counted at its end", told), ("as written", expected)):
        for plural, number in (wanted or {}).items():
            if proof.counts.get(plural, 0) != number:
                proof.errors.append(f"{proof.counts.get(plural, 0):,} {plural} where there should be {number:,} {name}")


def _compare_images(proof: Proof, source: Source, wanted: set[str], *, asked: bool) -> None:
    if not asked:
        return
    there = {Path(name).name.split(".")[0] for name in source.all_names() if name.startswith("images/")}
    proof.images = len(there)
    if missing := wanted - there:
        proof.warnings.append(f"{len(missing):,} images are named but not there, for example md5:{min(missing)}")
