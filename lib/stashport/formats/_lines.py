"""What the line-based formats share: reading JSON pieces from bytes that may be cut, damaged or hostile, in bounded memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from stashport.errors import BadFile, NewerFile
from stashport.model.fields import FORMAT_VERSION

CHUNK = 1 << 20
LONGEST = 64 << 20
BATCH = 500
_decode: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # raises StopIteration where there is no value at all


def check_header(header: Any, place: str, format_name: str) -> dict[str, Any]:
    """A header that this version can read.  Errors: BadFile, NewerFile."""
    if not isinstance(header, dict) or type(header.get("format_version")) is not int or header["format_version"] < 1:
        raise BadFile(place=place, format=format_name, reason="it does not begin with a header of Stash Port")
    if header["format_version"] > FORMAT_VERSION:
        raise NewerFile(place=place, version=header["format_version"], known=FORMAT_VERSION)
    return header


class Scanner:
    """Walks through one JSON document value by value."""

    def __init__(self, stream: BinaryIO, place: str, format_name: str) -> None:
        self._stream, self._place, self._format = stream, place, format_name
        self._text, self._at, self._ended = "", 0, False
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def bad(self, reason: str) -> BadFile:
        """The error for something unexpected here."""
        return BadFile(place=self._place, format=self._format, reason=reason)

    def _more(self) -> bool:
        if self._ended:
            return False
        if len(self._text) - self._at > LONGEST:
            raise self.bad("one value in it is larger than 64 MB, or not JSON")
        try:
            # As much again as is already here: a long value is not scanned anew for each chunk.
            data = self._stream.read(max(CHUNK, len(self._text) - self._at))
            text = self._decoder.decode(data, not data)
        except (OSError, EOFError, UnicodeDecodeError, ValueError) as error:
            raise self.bad(f"damaged: {error}") from error
        self._ended = not data
        self._text = self._text[self._at :] + text
        self._at = 0
        return bool(data)

    def peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in " \t\r\n":
                at += 1
            self._at = at
            if at < len(text):
                return text[at]
            if not self._more():
                return ""

    def expect(self, wanted: str) -> None:
        """Step over one character that must come next."""
        found = self.peek()
        if found != wanted:
            raise self.bad(f"{'its end' if not found else repr(found)} where {wanted!r} should be")
        self._at += 1

    def value(self) -> Any:
        """The next whole value."""
        self.peek()
        while True:
            try:
                found, end = _decode(self._text, self._at)
            except RecursionError as error:
                raise self.bad("values nested too deeply") from error
            except (ValueError, StopIteration) as error:
                if not self._more():
                    raise self.bad(f"not JSON, or cut off ({error})") from error
                continue
            # A number may go on in the next chunk, as 1 does in "1e+" that is followed by "5".
            if self._ended or end + 2 < len(self._text):
                self._at = end
                return found
            self._more()

    def items(self) -> Iterator[list[Any]]:
        """The items of an array, in batches."""
        self.expect("[")
        batch: list[Any] = []
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            # The quick way through a stretch that is written as we write it: a value, a comma, a new line.
            try:
                while len(batch) < BATCH - 1:
                    found, end = _decode(self._text, self._at)
                    if not self._text.startswith(",\n", end):
                        break
                    batch.append(found)
                    self._at = end + 2
            except (ValueError, RecursionError, StopIteration):
                pass  # cut off by the end of what was read so far, or wrong: value() finds out
            batch.append(self.value())
            if len(batch) == BATCH:
                yield batch
                batch = []
            if self.peek() == ",":
                self._at += 1
                self.peek()
                continue
            self.expect("]")
            break
        if batch:
            yield batch
