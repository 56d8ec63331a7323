"""A carried backup as a 7z archive of plain files, for those who want that container: its lock is not authenticated, which docs/encryption.md explains."""

from __future__ import annotations

from pathlib import Path

from stashport.atomic import discard, file_error, publish, temporary_beside
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.reader import BundleReader
from stashport.runs.record import Run

_PIECE = 1 << 20


def to_7z(bundle: Path, folder: Path, target: Path, password: Passphrase | None, run: Run, *, overwrite: bool) -> None:
    """Unpack a bundle that was proven into a private folder, pack that, test the archive, and give it its name.

    Errors: MissingLibrary, AlreadyThere, DiskFull, CannotWrite, and those of reading a bundle.
    """
    from stashport.bundle.sevenzip import check_7z, write_7z

    inside, made = folder / "files", temporary_beside(target)
    try:
        with bundle.open("rb") as file, BundleReader(file, bundle.name) as reader:
            names = list(reader.all_names())
            run.phase("Unpacking", total=len(names))
            for name in names:
                path = inside / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with reader.open(name) as member, path.open("wb") as out:
                    while data := member.read(_PIECE):
                        out.write(data)
                run.advance()
                run.check_stop()
            (inside / "bundle.json").write_bytes(_header(reader))
        run.phase("Packing as 7z")
        write_7z(inside, made, password)
        run.phase("Testing the archive")
        check_7z(made, password)
        publish(made, target, overwrite=overwrite)
    except OSError as error:
        raise file_error(error, target.parent) from error
    finally:
        discard(made)
        discard(inside)


def _header(reader: BundleReader) -> bytes:
    from stashport.bundle.header import dump

    return dump(reader.header)
