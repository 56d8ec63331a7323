"""The restoring process is killed, whatever it is doing: going on ends as if nothing had been, nothing is there twice, and the way back leads to before.

STASH_PORT_KILLS sets how many random moments are tried; 100 are what the project promises by.
"""

from __future__ import annotations

import os
import random
import shutil

import pytest
from stashport.errors import NotResumable
from support.changing import WITHOUT, Disturbed, killed, timed

KILLS = int(os.environ.get("STASH_PORT_KILLS", "4"))


def command(place):
    """The restore as a person starts it."""
    more = ["--strategy", "exact"] if place.method != "fresh" else []
    return place.command("restore", str(place.source.database), "--blobs", str(place.source.blobs), "--method", place.given_more["method"], *more)


def there(place, name):
    """A function that says whether some run has a file of that name by now."""
    return lambda: next(place.state.folder.glob(f"runs/*/{name}"), None)


def went_on(place):
    """Go on with what was killed, or begin anew where it had written nothing."""
    record = place.last()
    try:
        return place.resume(record["run"]) if record["result"] != "ok" else record
    except NotResumable:
        assert place.left() == {}, "it had written something, and cannot be gone on with"
        return place.restore(**place.given_more)


@pytest.mark.parametrize("method", ["api", "bulk", "fresh"])
def test_killed_while_it_writes(libraries, start_stash, tmp_path, method):
    """Killed at random moments, some twice; then gone on with, or taken back at once: equal to an undisturbed run, or to what was there before."""
    place = Disturbed(libraries, start_stash, tmp_path, method)
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
def test_killed_before_it_writes(libraries, start_stash, tmp_path, name):
    """Killed while it makes the plan: nothing was written, and a new run works at once."""
    place = Disturbed(libraries, start_stash, tmp_path, "api")
    assert killed(command(place), once=there(place, name), after=0.01)
    assert place.left() == {}
    with pytest.raises(NotResumable):
        place.resume(place.last()["run"])
    assert place.restore(**place.given_more).result == place.result
    assert place.complete() == []


def test_killed_while_it_saves_the_copy(libraries, start_stash, tmp_path):
    """Killed while the copy is saved first: nothing was written, and a new run saves its own copy and works."""
    place = Disturbed(libraries, start_stash, tmp_path, "api")
    vault = tmp_path / "vault"
    saving = [part for part in command(place) if part not in ("--no-copy", WITHOUT["confirm"])] + ["--vault", str(vault)]
    assert killed(saving, once=vault.exists, after=0.05)
    assert place.left() == {}
    run = place.restore(safety=True, vault=str(vault), **place.given_more)
    assert run.result == place.result
    assert run.record["notes"]["safety"]["id"]
    assert place.complete() == []
    place.take_back()
    assert place.left() == {}


def test_killed_while_it_looks_again(libraries, start_stash, tmp_path):
    """Killed while it reads everything again: going on finds all done, writes nothing, and looks again."""
    place = Disturbed(libraries, start_stash, tmp_path, "api")
    assert killed(command(place), once=there(place, "verified.sqlite*"), after=0.01)
    assert place.complete() == []
    run = place.resume(place.last()["run"])
    assert run.record["notes"]["verified"]["left"] == 0
    assert place.complete() == []
    place.take_back()
    assert place.left() == {}


@pytest.mark.parametrize("method", ["api", "bulk", "fresh"])
def test_killed_on_the_way_back(libraries, start_stash, tmp_path, method):
    """Taking back that is killed can be gone on with, and begun again: both lead to what was there before."""
    place = Disturbed(libraries, start_stash, tmp_path, method)
    chance, kills = random.Random(KILLS), 0
    for number in range(max(2, KILLS // 4)):
        run = place.restore(**place.given_more).id
        known = {path.name for path in place.state.folder.glob("runs/*")}

        def begun(known=known):
            files = (path for path in place.state.folder.glob("runs/*/*") if path.parent.name not in known)
            return any(path.name.startswith("journal.sqlite" if method != "fresh" else "run.json") for path in files)

        kills += killed(place.command("rollback", run), once=begun, after=chance.uniform(0, 0.6))
        record = place.last()
        if number % 2 and record["notes"].get("journal") and record["verb"] == "rollback":
            place.resume(record["run"])
        else:
            place.rollback(run)
        assert place.left() == {}, number
        place.forget()
    print(f"{method}: killed {kills} times on the way back")


def test_what_killed_runs_leave_does_not_stay(libraries, start_stash, tmp_path):
    """Folders for work that a killed run left are gone after the next one, and its lock keeps nobody out."""
    place = Disturbed(libraries, start_stash, tmp_path, "fresh")
    assert killed(command(place), once=there(place, "load.sqlite"), after=0.05)
    place.resume(place.last()["run"])
    scratch = place.state.folder / "scratch"
    assert [path.name for path in scratch.glob("*")] == [] if scratch.exists() else True
    assert list(place.state.folder.glob("locks/*.lock")) == []
    shutil.rmtree(place.state.folder)
