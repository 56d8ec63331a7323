"""Pseudonyms: other names and other numbers, the same for the same thing within one export, and nothing to do with each other in two.

All of them come from a key that is made for one export and then forgotten: without it nobody can try out whether a pseudonym stands for a certain name.
"""

from __future__ import annotations

import hashlib
import re
from array import array

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # none that looks like another
_LENGTH = 10  # 50 bits: among a million names, one chance in two thousand that two meet
_HALF = 12
_BLOCK = 1 << 2 * _HALF  # numbers change places within blocks of 16.7 million: a set of them stays small in memory
_MASK = (1 << _HALF) - 1
_ROUNDS = 6
_MOST = 200_000
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?:www\.)?([^/?#]*)")


class Pseudonyms:
    """What stands in for names, addresses and ids."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32).digest()
        self._tables: dict[tuple[str, int], list[array[int]]] = {}
        self._ids: dict[str, str] = {}

    def code(self, label: str, text: str) -> str:
        """Ten letters and digits for a text; other ones for the same text under another label."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key, person=label.encode()[:16]).digest()
        number = int.from_bytes(digest, "big")
        return "".join(_LETTERS[number >> 5 * place & 31] for place in range(_LENGTH))

    def name(self, label: str, text: str) -> str:
        """A name such as "Performer 4k7q29fzxm"."""
        return f"{label} {self.code(label, text)}"

    def url(self, text: str) -> str:
        """An address of no site at all; addresses of one site stay addresses of one site."""
        found = _URL.match(text)
        site = self.code("site", found[1].lower()) if found else "unknown"
        return f"https://{site}.example/{self.code('page', text)}"

    def identity(self, identity: str) -> str:
        """Another id of the same kind."""
        known = self._ids.get(identity)
        if known is None:
            kind, _, number = identity.partition(":")
            known = f"{kind}:{self.number(kind, int(number))}"
            if len(self._ids) >= _MOST:
                self._ids.clear()
            self._ids[identity] = known
        return known

    def number(self, kind: str, number: int) -> int:
        """Another number, each for one only; 0 stays out of use, as it is in Stash."""
        high, low = divmod(number, _BLOCK)
        other = self._mixed(kind, high, low)
        if other == 0 == high:
            other = self._mixed(kind, 0, 0)
        return high * _BLOCK + other

    def original(self, kind: str, number: int) -> int:
        """The number that `number` made this one of."""
        high, low = divmod(number, _BLOCK)
        other = self._unmixed(kind, high, low)
        if other == 0 == high:
            other = self._unmixed(kind, 0, 0)
        return high * _BLOCK + other

    # A Feistel network, whose rounds are tables of random numbers: quick, and by its make a bijection.

    def _mixed(self, kind: str, high: int, low: int) -> int:
        left, right = low >> _HALF, low & _MASK
        for table in self._rounds(kind, high):
            left, right = right, left ^ table[right]
        return left << _HALF | right

    def _unmixed(self, kind: str, high: int, low: int) -> int:
        left, right = low >> _HALF, low & _MASK
        for table in reversed(self._rounds(kind, high)):
            left, right = right ^ table[left], left
        return left << _HALF | right

    def _rounds(self, kind: str, high: int) -> list[array[int]]:
        tables = self._tables.get((kind, high))
        if tables is None:
            size = 2 * (_MASK + 1)
            drawn = hashlib.shake_256(self._key + f"{kind} {high}".encode()).digest(_ROUNDS * size)
            tables = [array("H", (a << 8 & _MASK | b for a, b in zip(part[::2], part[1::2], strict=True)))
                      for part in (drawn[k * size : (k + 1) * size] for k in range(_ROUNDS))]
            if len(self._tables) >= 64:
                self._tables.clear()
            self._tables[kind, high] = tables
        return tables
