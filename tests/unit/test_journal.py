"""The journal: what it gives back, whose it is, and that a disk that is full lets nothing be sent that does not stand in it."""

from __future__ import annotations

import sqlite3

import pytest
from stashport.change.journal import Batch, Entry, Journal
from stashport.errors import CannotWrite, DiskFull, NotResumable
from support.changes import applied, change, sample, undone, written


@pytest.fixture
def path(tmp_path):
    """Where a journal shall be."""
    return tmp_path / "journal.sqlite"


def entries():
    """Three entries of every sort."""
    return [
        Entry(4, "tag:-11", name="caf", after={"name": "x\udce9", "aliases": []}),
        Entry(5, "tag:-12", counted=False, outcome="skipped", reason="why", partial=True),
        Entry(6, "tag:-13", after={"name": "y"}),
    ]


def test_what_was_begun_is_there_when_it_is_opened_again(path):
    """A batch that was begun comes back as it was, bytes that are no text in it, and is no longer open once it has ended."""
    with Journal(path, "abc") as journal:
        journal.begin(Batch("tag", "create", entries(), above=10))
        assert (journal.place(), journal.totals()) == (-1, (0, 0))
    with Journal(path, "abc") as journal:
        batch = journal.open_batch()
        assert (batch.kind, batch.action, batch.above, batch.ended, batch.entries) == ("tag", "create", 10, False, entries())
        for one, number in zip(batch.written, (11, 12), strict=True):
            one.target, one.outcome = f"tag:{number}", "created"
        journal.end(batch)
    with Journal(path, "abc") as journal:
        assert journal.open_batch() is None
        assert (journal.place(), journal.totals()) == (6, (3, 2))
        assert (journal.made("tag", 11), journal.made("tag", 12), journal.made("scene", 11)) == (11, None, None)
        assert list(journal.all_made("tag")) == [11, 12]
        assert journal.kinds_made() == ["tag"]
        assert journal.counts() == [("tag", "created", 2)]
        assert [(one.kind, one.entry.reason, one.entry.partial) for one in journal.told()] == [("tag", "why", True)]


def test_names_and_reasons_that_are_no_text_are_shown(path):
    """A name with bytes in it that are no text does not keep a run from writing."""
    with Journal(path, "abc") as journal:
        journal.begin(batch := Batch("tag", "update", [Entry(0, name="caf\udce9", reason="\udce9")]))
        journal.end(batch)
        assert [(one.entry.name, one.entry.reason) for one in journal.told()] == [("caf\\udce9", "\\udce9")]


def test_a_batch_that_begins_anew_takes_the_place_of_the_old(path):
    """When a batch of which nobody knows the answers is looked at again, its entries are written again, once."""
    with Journal(path, "abc") as journal:
        batch = Batch("tag", "update", [Entry(0, target="tag:1", before={"name": "a"}, after={"name": "b"}), Entry(1, target="tag:2")])
        journal.begin(batch)
        batch.entries[0].after = {"name": "c"}
        journal.begin(batch)
        (found,) = journal.backwards()
        assert [one.place for one in found.entries] == [1, 0]
        assert found.entries[1].after == {"name": "c"}


def test_batches_come_back_in_the_reverse_of_their_order(path):
    """The last batch comes first, and in each the last entry."""
    with Journal(path, "abc") as journal:
        for number in range(3):
            journal.begin(batch := Batch("tag", "update", [Entry(number * 2), Entry(number * 2 + 1)]))
            journal.end(batch)
        assert [one.place for batch in journal.backwards() for one in batch.entries] == [5, 4, 3, 2, 1, 0]


def test_a_journal_belongs_to_one_plan(path):
    """Another plan cannot go on with it, while reading it asks for no plan."""
    Journal(path, "abc").__exit__()
    with pytest.raises(NotResumable, match="belongs to another plan"):
        Journal(path, "abd")
    with Journal(path, reading=True) as journal:
        assert journal.place() == -1


def test_two_processes_cannot_work_on_one_journal(path):
    """Whoever opens it second is told."""
    with Journal(path, "abc"), pytest.raises(NotResumable, match="another process"):
        Journal(path, "abc")


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be taken for one" * 20, b""])
def test_a_file_that_is_no_journal_is_refused(path, content):
    """Reading a damaged or empty file ends in words."""
    path.write_bytes(content)
    with pytest.raises(NotResumable):
        Journal(path, reading=True)


def test_a_journal_of_another_version_is_refused(path):
    """What a later version wrote is not guessed at."""
    Journal(path, "abc").__exit__()
    db = sqlite3.connect(path)
    db.execute("UPDATE fact SET value='99' WHERE key='format'")
    db.commit()
    with pytest.raises(NotResumable, match="another version"):
        Journal(path, "abc")


def test_no_journal_where_nothing_can_be_written(tmp_path):
    """A folder that is not there is named."""
    with pytest.raises(CannotWrite):
        Journal(tmp_path / "missing" / "journal.sqlite", "abc")


@pytest.mark.parametrize("more", range(0, 21, 4))
def test_a_full_disk_lets_nothing_be_sent_that_is_not_journalled(tmp_path, monkeypatch, more):
    """With no room for the next batch the run ends; all that was sent can be taken back, and with room again the run can go on."""
    library = sample(tmp_path / "library")
    before = library.everything()
    steps = [(change(library, f"scene:{n}", details="long " * 3000), n) for n in range(1, 6)] + [(change(library, "tag:1", description="x"), 9)]
    written(tmp_path, steps)
    prepare = Journal._prepare

    def small(self, *arguments, **options):
        prepare(self, *arguments, **options)
        if not options["reading"]:
            pages = self._db.execute("PRAGMA page_count").fetchone()[0]
            self._db.execute(f"PRAGMA max_page_count={pages + more}")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_prepare", small)
        patch.setattr("stashport.change.apply.MOST_CHANGED", 1)
        with pytest.raises(DiskFull):
            applied(tmp_path, library)
    done = sum(record != before[identity] for identity, record in library.everything().items())
    with Journal(tmp_path / "journal.sqlite", reading=True) as journal:
        assert done == sum(len(batch.written) for batch in journal.backwards())
    if more % 8:
        applied(tmp_path, library)
        assert library.sent == 6
    undone(tmp_path, library)
    assert library.everything() == before
