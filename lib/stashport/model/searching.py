"""Stash's search box: a search taken apart into words, and the words held against texts as SQLite does it.  Pure.

A search looks at rows: a scene with two files and three markers has six of them.  All words must be found in one row, and what is not wanted must not be in
it.  Which words a text holds is kept as bits of a number, so that rows are put together by `or` and looked at in any order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

Found = frozenset[int]
"""The different sets of words, as bits, that some alternatives hold: a scene's files, a performer's aliases."""


class Search:
    """A search: what must be there, and what must not."""

    def __init__(self, text: str) -> None:
        must, sets, must_not = words(text)
        clauses = [*([word] for word in must), *filter(None, sets)]
        self._wanted = (1 << len(clauses)) - 1
        self._unwanted = ((1 << len(must_not)) - 1) << len(clauses)
        tests = [(one, number) for number, clause in enumerate([*clauses, *([word] for word in must_not)]) for one in clause]
        self._tests = [(_like(word), 1 << number) for word, number in tests]

    def bits(self, *texts: str | None) -> int:
        """Which of the words stand in one of these texts; None is where there is no text at all."""
        found = 0
        for text in texts:
            if text is not None:
                shown = text.partition("\0")[0]  # where SQLite stops reading
                for pattern, bit in self._tests:
                    if not found & bit and pattern.search(shown):
                        found |= bit
        return found

    def matches(self, own: int, others: Collection[Found]) -> bool:
        """Whether one of the rows is what is searched for.

        own      the bits that every row has
        others   lists of which each row has one item; an empty list counts as one without words
        """
        rows = {own}
        for alternatives in others:
            rows = {row | one for row in rows for one in alternatives or (0,)}
        return any(row & self._wanted == self._wanted and not row & self._unwanted for row in rows)


def _like(word: str) -> re.Pattern[str]:
    """SQLite's LIKE '%word%': `%` and `_` in it stand for any characters, and only the letters of ASCII have a case."""
    spelt = "".join({"%": ".*", "_": "."}.get(character) or re.escape(character) for character in word)
    return re.compile(spelt, re.IGNORECASE | re.ASCII | re.DOTALL)


def words(text: str) -> tuple[list[str], list[list[str]], list[str]]:
    """A search as Stash takes it: words that must be there, sets of which one must be, words that must not.  Phrases stand in quotes, `a OR b`, `-not`."""
    rest, sets = list(_phrases(text.strip().split(" "))), []
    while (at := next((i for i in range(1, len(rest) - 1) if rest[i].upper() == "OR" or rest[i] == "|"), 0)) > 0:
        last = next((i - 1 for i in range(at + 2, len(rest), 2) if rest[i].upper() != "OR"), len(rest) - 1)
        sets.append([word for word in map(_bare, rest[at - 1 : last + 1 : 2]) if word])
        rest = rest[: at - 1] + rest[last + 1 :]
    must_not = [_bare(word[1:]) for word in rest if len(word) > 1 and word[0] == "-"]
    must = [_bare(word) for word in rest if not (len(word) > 1 and word[0] == "-")]
    return [word for word in must if word], sets, [word for word in must_not if word]


def _phrases(parts: list[str]) -> Iterator[str]:
    """Put what stands in quotes together again."""
    begun: list[str] = []
    for part in parts:
        start = part.removeprefix("-")
        if begun:
            begun.append(part)
            if part.endswith('"'):
                yield " ".join(begun)
                begun = []
        elif start.startswith('"') and (len(start) < 2 or not start.endswith('"')):
            begun.append(part)
        else:
            yield part
    yield from begun


def _bare(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word
