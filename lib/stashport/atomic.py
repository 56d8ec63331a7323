"""Files that are whole or not there: temporary name beside the target, fsync, rename, fsync of the folder.

POSIX promises that a rename is atomic, but not that it, or the bytes behind it, survive a power cut before the file *and* its folder are synced; that is
why both are.  The temporary name starts with `.stash-port-` so that what a killed run left behind can be recognised and swept away.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from pathlib import Path

from stashport.errors import AlreadyThere, CannotWrite, DiskFull, PortError

PREFIX = ".stash-port-"
STALE_SECONDS = 24 * 3600


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable.  Windows cannot open folders, and a few network file systems cannot sync them: both are let pass."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a closed file's bytes durable."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_beside(target: Path) -> Path:
    """A free name in the target's folder: rename only works within one file system."""
    return target.with_name(f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}")


def publish(temporary: Path, target: Path, *, overwrite: bool = False) -> None:
    """Give a finished file or folder its final name, durably.

    Errors: AlreadyThere when the target exists and `overwrite` is off.  A folder that is replaced is moved aside first and removed afterwards, so that
    at every moment one whole folder can be found; a power cut between leaves it as `<name>.old-...`, which nothing sweeps away.
    """
    if temporary.is_dir():
        for root, _, files in os.walk(temporary):
            for name in files:
                sync_file(Path(root, name))
            sync_folder(Path(root))
    else:
        sync_file(temporary)
    if os.path.lexists(target) and not overwrite:
        raise AlreadyThere(place=target)
    aside = None
    if os.path.lexists(target) and (temporary.is_dir() or target.is_dir()):
        aside = target.with_name(f"{target.name}.old-{secrets.token_hex(4)}")
        target.rename(aside)
    try:
        _replace(temporary, target)
    except OSError:
        if aside is not None:
            aside.rename(target)
        raise
    sync_folder(target.parent)
    if aside is not None:
        discard(aside)


def write_text(target: Path, text: str, *, durable: bool = True) -> None:
    """Replace a small file as a whole.  With `durable` off a crash of the machine may bring the old text back, never half of the new one."""
    temporary = temporary_beside(target)
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        _replace(temporary, target)
        if durable:
            sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(temporary: Path, target: Path) -> None:
    """Windows refuses while somebody reads the target (the panel does): that passes within moments."""
    for _ in range(20 if os.name == "nt" else 0):
        with contextlib.suppress(PermissionError):
            os.replace(temporary, target)
            return
        time.sleep(0.05)
    os.replace(temporary, target)


def discard(path: Path) -> None:
    """Remove a temporary file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> int:
    """Remove what killed runs left in a folder more than a day ago; the number removed."""
    removed = 0
    for path in folder.glob(PREFIX + "*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                discard(path)
                removed += 1
    return removed


def check_writable(folder: Path, needed: int) -> None:
    """Prove that a folder takes a file (create, sync, rename, remove) and has `needed` bytes free, before work begins.

    Errors: CannotWrite, DiskFull.
    """
    probe = temporary_beside(folder / "probe")
    moved = temporary_beside(folder / "probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"stash-port")
        sync_file(probe)
        probe.rename(moved)
    except OSError as error:
        raise file_error(error, folder) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
            moved.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(place=folder, free=human_size(free), needed=human_size(needed))


def file_error(error: OSError, place: Path) -> PortError:
    """The error of ours that says what an operating system error means for the person who chose the place."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        free = 0
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(place if place.is_dir() else place.parent).free
        return DiskFull(place=place, free=human_size(free), needed="more")
    return CannotWrite(place=place, reason=f"{error.strerror or error} (errno {error.errno}){_who()}")


def _who() -> str:
    return f", running as user {os.getuid()}" if hasattr(os, "getuid") else ""


def human_size(size: float) -> str:
    """4,321,000 -> '4.3 MB' (units of 1,000)."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
