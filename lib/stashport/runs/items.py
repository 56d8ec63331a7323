"""What happened to each item of a run: all of it in items.csv at once, the first few hundred in the record, and the reasons counted."""

from __future__ import annotations

import contextlib
import csv
from typing import TYPE_CHECKING, Any, TextIO

from stashport.runs.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IN_RECORD = 500
REASONS = 200
HEADER = ("kind", "id", "outcome", "reason")


class Items:
    """The items of one run.  `complain` is told once if items.csv cannot be written; the run goes on, since its work matters more."""

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        self.path = path
        self.total = 0
        self.first: list[dict[str, str]] = []
        self._complain = complain
        self._reasons: dict[tuple[str, str, str], int] = {}
        self._file: TextIO | None = None
        self._broken = False

    def add(self, kind: str, item_id: object, outcome: str, reason: str) -> None:
        """Note one item."""
        row = (kind, one_line(str(item_id)), outcome, one_line(reason))
        self.total += 1
        if len(self.first) < IN_RECORD:
            self.first.append(dict(zip(HEADER, row, strict=True)))
        key = (kind, outcome, row[3])
        if key not in self._reasons and len(self._reasons) >= REASONS:
            key = (kind, outcome, "other reasons")
        self._reasons[key] = self._reasons.get(key, 0) + 1
        self._write([_cell(text) for text in row])

    def reasons(self) -> list[dict[str, Any]]:
        """[{kind, outcome, reason, n}], most frequent first; beyond 200 different ones the rest are 'other reasons'."""
        ordered = sorted(self._reasons.items(), key=lambda entry: -entry[1])
        return [{"kind": kind, "outcome": outcome, "reason": reason, "n": n} for (kind, outcome, reason), n in ordered]

    def flush(self) -> None:
        """Hand what is buffered to the system, so that a kill loses no more than the last second."""
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        """Close items.csv; a disk that is full by now is told, not raised."""
        self.flush()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _write(self, row: list[str]) -> None:
        if self._broken:
            return
        try:
            if self._file is None:
                # The mark at the start is what makes spreadsheets read UTF-8.
                self._file = self.path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
                csv.writer(self._file).writerow(HEADER)
            csv.writer(self._file).writerow(row)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._broken = True
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        self._complain(f"The list of items could not be written any further ({error.strerror or error}); the counts are complete.")


def _cell(text: str) -> str:
    """A spreadsheet runs cells that begin like a formula; a leading apostrophe makes them text."""
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
