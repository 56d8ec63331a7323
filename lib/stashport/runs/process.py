"""Is the program that wrote this still alive?  Asked about locks and about runs that never said that they ended.

A process is known by more than its number: numbers are used again after it ended, after a restart of the machine, and in every container.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SILENCE = 30 * 60
"""Seconds without a sign of life after which a program on another machine counts as ended."""


def here() -> dict[str, Any]:
    """What identifies this process: {pid, host, mark, space}.

    `mark` is its start; `space` is the same for processes that know each other by number.
    """
    return {"pid": os.getpid(), "host": platform.node(), "mark": start_mark(os.getpid()) or "", "space": _space()}


def ended(owner: Mapping[str, Any], last_sign: float, now: float) -> bool:
    """Whether the process that `here()` described as `owner` has ended.  `last_sign` and `now` are seconds since 1970.

    On this machine it is looked up.  On another one, only half an hour of silence counts as an end.
    """
    me = here()
    if owner.get("host") == me["host"]:
        if owner.get("space") == me["space"]:
            mark = start_mark(owner.get("pid"))
            return mark is None or bool(mark and owner.get("mark") and mark != owner["mark"])
        # The machine or the container was restarted since: a sign of life from before that comes from a process that is gone.
        began = _space_began()
        if began is not None and last_sign < began - 2:
            return True
    return now - last_sign > SILENCE


def _space() -> str:
    """Boot and pid namespace on Linux; elsewhere process numbers mean the same to everyone."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip() + " " + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


if sys.platform == "win32":

    def start_mark(pid: object) -> str | None:
        """When a process started, as text to compare only; '' when it lives but does not tell, None when there is no such process."""
        import ctypes
        from ctypes import wintypes

        # os.kill(pid, 0) would not ask on Windows: it would end the process.
        if not isinstance(pid, int) or not 0 < pid < 2**32:
            return None
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        query_limited_information, invalid_parameter, still_active = 0x1000, 87, 259
        handle = kernel.OpenProcess(query_limited_information, False, pid)
        if not handle:
            return None if ctypes.get_last_error() == invalid_parameter else ""
        handle = wintypes.HANDLE(handle)
        try:
            code = wintypes.DWORD()
            if kernel.GetExitCodeProcess(handle, ctypes.byref(code)) and code.value != still_active:
                return None
            created, other = wintypes.FILETIME(), wintypes.FILETIME()
            if not kernel.GetProcessTimes(handle, ctypes.byref(created), ctypes.byref(other), ctypes.byref(other), ctypes.byref(other)):
                return ""
            return str(created.dwHighDateTime << 32 | created.dwLowDateTime)
        finally:
            kernel.CloseHandle(handle)

else:

    def start_mark(pid: object) -> str | None:
        """When a process started, as text to compare only; '' when it lives but does not tell, None when there is no such process."""
        if not isinstance(pid, int) or pid <= 0:
            return None
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return None
        except OSError:
            pass  # It lives, but belongs to somebody else.
        return _mark_of_living(pid)


if sys.platform == "linux":

    def _mark_of_living(pid: int) -> str | None:
        fields = _stat(pid)
        if fields is None:
            return ""
        return None if fields[0] in (b"Z", b"X") else fields[19].decode("ascii")  # A zombie has ended; only its parent does not know yet.

    def _stat(pid: int) -> list[bytes] | None:
        """The fields of /proc/<pid>/stat after the program's name: state first, start (in ticks since boot) at 19."""
        try:
            return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None

    def _space_began() -> float | None:
        """When process 1 of this machine or container started, in seconds since 1970; None where that is not known."""
        fields = _stat(1)
        if fields is None:
            return None
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + int(fields[19]) / os.sysconf("SC_CLK_TCK")

else:

    def _mark_of_living(pid: int) -> str | None:
        """On macOS and the BSDs, `ps` is the one way without a compiled module."""
        import subprocess

        try:
            asked = ["ps", "-o", "lstart=", "-p", str(pid)]
            shown = subprocess.run(
                asked, capture_output=True, text=True, timeout=5, check=False, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"}
            )
            return shown.stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return ""

    def _space_began() -> float | None:
        return None
