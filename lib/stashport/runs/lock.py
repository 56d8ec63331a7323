"""One run writes at a time: a lock file that says who holds it, with a heartbeat for those who cannot see the holder's process.

The file `<name>.lock` is the lock.  Every look at it and every change of it happens while `<name>.guard` is held by a lock of the operating
system, which ends with its process; so a stale lock can be taken over by one process only, however many find it at once.  The guard is held
for milliseconds and never removed.  Where the file system has no such locks, O_EXCL alone decides, and only taking over a stale lock is
unguarded.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any

from stashport.atomic import file_error, write_text
from stashport.errors import Locked
from stashport.runs import process
from stashport.runs.wording import moment, seconds_of, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

BEAT_SECONDS = 10
GUARD_SECONDS = 10
HALF_WRITTEN_SECONDS = 60
SECOND_LOOK_SECONDS = 0.3

if sys.platform == "win32":
    import msvcrt

    def _try_guard(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_guard(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """`with Lock(state.locks, "write", "export to library.json"):`; at most one holder of a name in a folder, on any number of machines.

    `clock` gives seconds since 1970.  Errors: Locked(holder=...) at once when somebody else holds it; CannotWrite, DiskFull.
    """

    def __init__(self, folder: Path, name: str, what: str, *, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / f"{name}.lock"
        self._guard_path = folder / f"{name}.guard"
        self._clock = clock
        self._content: dict[str, Any] = {"what": what}
        self._next_beat = 0.0

    def __enter__(self) -> Lock:
        now = timestamp(self._clock())
        self._content.update(process.here(), token=secrets.token_hex(8), started=now, heartbeat=now)
        try:
            with self._guard() as guarded:
                holder = _read(self.path)
                if holder is not None:
                    if not (guarded and self._abandoned(holder)) and not self._stale(holder):
                        raise Locked(holder=_told(holder))
                    self.path.unlink(missing_ok=True)
                self._create()
        except TimeoutError:
            raise Locked(holder="a run that is just starting or ending") from None
        except FileExistsError:
            raise Locked(holder=_told(_read(self.path) or {})) from None
        except OSError as error:
            raise file_error(error, self.path) from error
        self._next_beat = time.monotonic() + BEAT_SECONDS
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # A stuck guard must not keep the lock from being given back.
                stack.enter_context(self._guard())
            for _ in range(20):
                try:
                    if self._mine(_read(self.path)):
                        self.path.unlink(missing_ok=True)
                    return
                except OSError:  # Windows does not remove what somebody is reading.
                    time.sleep(0.05)

    def beat(self) -> None:
        """Say that the holder lives; does nothing more often than every 10 seconds.

        Errors: Locked when another machine took the lock over after half an hour of silence (a laptop that slept): the work must end then.
        """
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + BEAT_SECONDS
        self._content["heartbeat"] = timestamp(self._clock())
        with contextlib.suppress(OSError), self._guard():  # A full disk or a sleepy server is no reason to stop: there is half an hour.
            holder = _read(self.path)
            if holder and not self._mine(holder):
                raise Locked(holder=_told(holder))
            write_text(self.path, json.dumps(self._content), durable=False)

    def _mine(self, holder: Mapping[str, Any] | None) -> bool:
        return holder is not None and holder.get("token") == self._content["token"]

    def _stale(self, holder: Mapping[str, Any]) -> bool:
        heartbeat = seconds_of(holder.get("heartbeat"))
        if heartbeat is None:  # Cut off by a crash or a full disk; or, on a file system without guards, being written right now.
            return self._clock() - self.path.stat().st_mtime > HALF_WRITTEN_SECONDS
        return process.ended(holder, heartbeat, self._clock())

    def _abandoned(self, holder: Mapping[str, Any]) -> bool:
        """Whether it was cut off while it was written: writers hold the guard, which is ours now, so that nobody is writing it any more."""
        if holder:
            return False
        time.sleep(SECOND_LOOK_SECONDS)  # a guard that only this machine sees would let another one write meanwhile
        return not _read(self.path)

    def _create(self) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(self._content, file)
        except OSError:
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise

    @contextlib.contextmanager
    def _guard(self) -> Iterator[bool]:
        """The guard, waited for, or False where the file system has none; TimeoutError after 10 seconds."""
        descriptor = os.open(self._guard_path, os.O_RDWR | os.O_CREAT, 0o600)
        held = True
        try:
            deadline = time.monotonic() + GUARD_SECONDS
            while True:
                try:
                    _try_guard(descriptor)
                    break
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                        held = False  # This file system has no locks.
                        break
                    if time.monotonic() > deadline:
                        raise TimeoutError(errno.ETIMEDOUT, "the guard of a lock stays held") from error
                    time.sleep(random.uniform(0.001, 0.01))  # noqa: S311
            yield held
        finally:
            os.close(descriptor)  # Closing gives the guard back.


def holder_of(folder: Path, name: str) -> str | None:
    """Who holds a lock, in words; None when nobody does, as far as one can see without taking it.  Never raises."""
    holder = None
    with contextlib.suppress(OSError):
        holder = _read(folder / f"{name}.lock")
    if holder is None or process.ended(holder, seconds_of(holder.get("heartbeat")) or 0.0, time.time()):
        return None
    return _told(holder)


def _read(path: Path) -> dict[str, Any] | None:
    """A lock file's content; None when there is none, {} when it is not whole."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _told(holder: Mapping[str, Any]) -> str:
    if not holder:
        return "a run whose lock file cannot be read"
    return f"{holder.get('what')} (process {holder.get('pid')} on {holder.get('host')}, since {moment(holder.get('started'))})"
