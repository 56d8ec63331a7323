"""The restoring process is killed, whatever it is doing: going on ends as if nothing had been, nothing is there twice, and the way back leads to before.

STASH_PORT_KILLS sets how many random moments are tried; 100 are what the project promises by.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
from pathlib import Path

import pytest
from stashport.change.journal import Journal
from stashport.errors import NotResumable
from support.changing import WITHOUT, Disturbed, killed, timed, unlike
from support.stash import RealStash

KILLS = int(os.environ.get("STASH_PORT_KILLS", "3"))


@pytest.fixture(scope="module")
def places(libraries, tmp_path_factory):
    """A function that gives the library for a method of restoring, as it is at the beginning; each is made once."""
    with contextlib.ExitStack() as stack:

        def start(library, **options):
            stash = RealStash(tmp_path_factory.mktemp("stash"), library=library, **options)
            stack.callback(stash.kill)
            stash.start()
            return stash

        made = {}

        def place(method):
            if method in made:
                made[method].reset()
            else:
                made[method] = Disturbed(libraries, start, tmp_path_factory.mktemp(method), method)
            return made[method]

        yield place


def command(place):
    """The restore as a person starts it."""
    more = ["--strategy", "exact"] if place.method != "fresh" else []
    return place.command("restore", str(place.source.database), "--blobs", str(place.source.blobs), "--method", place.given_more["method"], *more)


def there(place, name):
    """A function that says whether some run has a file of that name by now."""
    return lambda: next(place.state.folder.glob(f"runs/*/{name}"), None)


def went_on(place):
    """Go on with what was killed: with the newest run that can be gone on with, and with a new one where nothing had been written; the last record."""
    for record in place.records():
        if record["result"] == "ok":
            return record
        try:
            return place.resume(record["run"]).record
        except NotResumable:
            continue
    assert place.left() == {}, "something had been written, and there is nothing to go on with"
    return place.restore(**place.given_more).record


@pytest.mark.parametrize("method", ["api", "bulk", "fresh"])
def test_killed_while_it_writes(places, method):
    """Killed at random moments, some twice; then gone on with, or taken back at once: equal to an undisturbed run, or to what was there before."""
    place = places(method)
    begun = there(place, "load.sqlite" if method == "fresh" else "journal.sqlite")
    takes = timed(command(place), begun)
    assert place.complete() == []
    place.take_back()
    chance, kills = random.Random(KILLS), 0
    for number in range(KILLS):
        kills += killed(command(place), once=begun, after=chance.uniform(0, takes))
        case = f"{method}, {number}"
        if number % 3:
            if number % 3 == 2 and place.journals():
                kills += killed(place.command("resume", place.last()["run"]), after=chance.uniform(0.3, 0.5 + takes))
            went_on(place)
            assert place.complete() == [], case
        place.take_back()
        assert place.left() == {}, case
    print(f"{method}: killed {kills} times in {KILLS} restores; writing takes {takes:.2f} s")
    assert kills > KILLS // 3


@pytest.mark.parametrize("name", ["plan.sqlite*", "../../locks/*.lock"])
def test_killed_before_it_writes(places, name):
    """Killed while it makes the plan: nothing was written, and a new run works at once."""
    place = places("api")
    assert killed(command(place), once=there(place, name), after=0.01)
    if not place.journals():  # it may have been quicker
        assert place.left() == {}
        with pytest.raises(NotResumable):
            place.resume(place.last()["run"])
    assert went_on(place)["result"] == "ok"
    assert place.complete() == []


def test_killed_while_it_saves_the_copy(places, tmp_path):
    """Killed while the copy is saved first: nothing was written, and a new run saves its own copy and works."""
    place = places("api")
    vault = tmp_path / "vault"
    saving = [part for part in command(place) if part not in ("--no-copy", WITHOUT["confirm"])] + ["--vault", str(vault)]
    assert killed(saving, once=vault.exists, after=0.05)
    assert place.left() == {}
    run = place.restore(safety=True, vault=str(vault), **place.given_more)
    assert run.result == "ok"
    assert run.record["notes"]["safety"]["id"]
    assert place.complete() == []
    place.take_back()
    assert place.left() == {}


def test_killed_while_it_looks_again(places):
    """Killed while it reads everything again: going on finds all done, writes nothing, and looks again."""
    place = places("api")
    assert killed(command(place), once=there(place, "verified.sqlite*"), after=0.01)
    assert place.complete() == []
    assert went_on(place)["notes"]["verified"]["left"] == 0
    assert place.complete() == []
    place.take_back()
    assert place.left() == {}


@pytest.mark.parametrize("method", ["api", "bulk", "fresh"])
def test_killed_on_the_way_back(places, method):
    """Taking back that is killed can be gone on with, and begun again: both lead to what was there before."""
    place = places(method)
    chance, kills = random.Random(KILLS), 0
    for number in range(max(2, KILLS // 4)):
        run = place.restore(**place.given_more).id
        known = {path.name for path in place.state.folder.glob("runs/*")}

        def begun(known=known):
            files = (path for path in place.state.folder.glob("runs/*/*") if path.parent.name not in known)
            return any(path.name.startswith("journal.sqlite" if method != "fresh" else "run.json") for path in files)

        kills += killed(place.command("rollback", run), once=begun, after=chance.uniform(0, 0.6))
        record = place.last()
        if number % 2 and record["notes"].get("journal") and record["verb"] == "rollback" and record["result"] is None:
            place.resume(record["run"])
        else:
            place.rollback(run)
        # Begun anew, it does not see that markers have other times than before: these do not count as a difference.
        rows = ("scene_markers", "galleries_chapters") if method == "bulk" else ()
        assert {name: told for name, told in place.left().items() if name not in rows} == {}, number
        assert unlike(place.before, place.now(), frozenset(("created_at", "updated_at"))) == {}, number
        place.forget()
    print(f"{method}: killed {kills} times on the way back")


def test_what_killed_runs_leave_does_not_stay(places):
    """Folders for work that a killed run left are gone after the next one, and its lock keeps nobody out."""
    place = places("fresh")
    assert killed(command(place), once=there(place, "load.sqlite"), after=0.05)
    place.resume(place.last()["run"])
    scratch = place.state.folder / "scratch"
    assert [path.name for path in scratch.glob("*")] == [] if scratch.exists() else True
    assert list(place.state.folder.glob("locks/*.lock")) == []


def test_a_journal_that_was_left_in_the_middle_of_a_write_can_be_read(tmp_path):
    """A process that dies within a transaction of its journal leaves a file that only somebody who may write can open: taking back can."""
    path = tmp_path / "journal.sqlite"
    Journal(path, "plan").__exit__()
    child = os.fork()
    if child == 0:
        with sqlite3.connect(path, isolation_level=None) as db:
            db.execute("PRAGMA cache_size=1")  # so that pages are written before the end
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO image VALUES(?,?)", ((str(number), b"x" * 4000) for number in range(100)))
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert Path(f"{path}-journal").stat().st_size > 0
    with Journal(path, reading=True) as journal:
        assert journal.place() == -1
        assert journal.image("1") is None
