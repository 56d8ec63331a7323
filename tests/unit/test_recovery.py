"""docs/recovery.md: its commands, run as they stand there, give the library back without a line of ours."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from stashport.bundle.age_keys import new_identity
from stashport.output.seal import Seal
from support.miniature import PICTURES, sample_library
from support.place import Place, tables

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "unzip", "gzip", "zstd", "jq", "sqlite3")


def blocks(skipped: str) -> str:
    """The commands of the page, in their order, but for those that are for the other sort of vault."""
    found = re.findall(r"```sh( \w+)?\n(.*?)```", (ROOT / "docs" / "recovery.md").read_text("utf-8"), re.DOTALL)
    assert {name.strip() for name, _ in found} == {"", "age", "plain"}
    return "set -euo pipefail\n" + "".join(f"({commands}\n)\n" if "cd " in commands else commands for name, commands in found if name.strip() != skipped)


def recover(place: Place, out: Path, skipped: str) -> str:
    """Run the page on a vault; what it printed."""
    missing = [tool for tool in (*TOOLS, *(("age",) if skipped == "plain" else ())) if not shutil.which(tool)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not found: stock tools are what this is about")
    environment = {"VAULT": str(place.place), "OUT": str(out), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", blocks(skipped)], capture_output=True, text=True, check=False, timeout=60, env=environment, cwd=out.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("blobs", [False, True], ids=["images in the database", "images in a folder"])
@pytest.mark.parametrize("compress", ["gzip", "none"])
def test_a_plain_vault(tmp_path: Path, compress: str, *, blobs: bool) -> None:
    """Every row, every image and the records come back with stock tools alone."""
    place = Place(tmp_path, blobs=blobs)
    place.backup(compress=compress)
    out = tmp_path / "out"
    told = recover(place, out, "age")
    assert told.strip().endswith("ok")
    assert tables(out / "backup" / "database.sqlite") == tables(place.database)
    kept = {path.name: path.read_bytes() for path in (out / "blobs").rglob("*") if path.is_file()}
    assert kept == (PICTURES if blobs else {})
    scenes = (out / "scenes.tsv").read_text("utf-8").splitlines()
    assert len(scenes) == len(sample_library()["scene"])


def test_an_encrypted_vault(tmp_path: Path) -> None:
    """With the key of the recovery sheet and stock age, an encrypted backup opens like a plain one."""
    from stashport.jobs import backup as job
    from stashport.jobs.vaults import Reached, reach

    place = Place(tmp_path)
    identity, recipient = new_identity()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "reach", lambda text, context, create: Reached(reach(text, context, create=create).vault, Seal(recipients=(recipient,)), b"k" * 32))
        place.backup()
        with closing(sqlite3.connect(place.database)) as db:
            db.execute("INSERT INTO blobs VALUES('0cc175b9c0f1b6a831c399e269772661',?)", (b"a",))
            db.commit()
        place.backup()
    assert not list(place.place.rglob("*.bundle"))
    names = b"".join(path.read_bytes() for path in place.place.rglob("*.names"))
    assert len(names.split()) == len(PICTURES) + 1
    assert not any(checksum.encode() in names for checksum in PICTURES)
    out = tmp_path / "out"
    (out / "packs").mkdir(parents=True)
    (out / "key.txt").write_text(f"{identity}\n", "ascii")
    recover(place, out, "plain")
    assert tables(out / "backup" / "database.sqlite") == tables(place.database)
