"""Decides for one kind which records of two libraries are the same, from the keys that the rules gave them: in tables on disk, rule by rule.

Records that nothing has decided yet are *open*.  Under a rule, the open records that share keys form clusters.  A cluster of one A and one B is a pair.
All others are ambiguous: their records are *held*, which means that a weaker rule sees them as candidates of each other only where they share a key under
every rule that held them.  A pair that is made among held records can settle a stronger rule (two copies, of which the path has just matched one): the
rules then begin again with the strongest.  What is held in the end is a conflict.  Nothing depends on numbers or on the order of records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from stashport.bundle.scratch import Scratch
from stashport.model.identity import Rule, contradiction
from stashport.model.identity_keys import Facts

MOST_SUGGESTED = 10  # what more records than these share on one side tells nothing: black frames, "Untitled"
_CACHE = 16_000
_TABLES = """
CREATE TABLE record (side INTEGER, number INTEGER, facts TEXT, PRIMARY KEY (side, number)) WITHOUT ROWID;
CREATE TABLE told (rule INTEGER, side INTEGER, number INTEGER, key BLOB, PRIMARY KEY (rule, side, number, key)) WITHOUT ROWID;
CREATE TABLE shared (rule INTEGER, key BLOB, side INTEGER, number INTEGER, PRIMARY KEY (rule, key, side, number)) WITHOUT ROWID;
CREATE TABLE paired (side INTEGER, number INTEGER, other INTEGER, tier TEXT, PRIMARY KEY (side, number)) WITHOUT ROWID;
CREATE TABLE hint (a INTEGER, b INTEGER, tier TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE held (side INTEGER, number INTEGER, cluster INTEGER, PRIMARY KEY (side, number, cluster)) WITHOUT ROWID;
CREATE TABLE first (cluster INTEGER, side INTEGER, number INTEGER, rule INTEGER, PRIMARY KEY (cluster, side, number)) WITHOUT ROWID;
CREATE TABLE differs (a INTEGER, b INTEGER, fact TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE cluster (id INTEGER PRIMARY KEY AUTOINCREMENT, above INTEGER, key BLOB, many INTEGER, a INTEGER, b INTEGER);
CREATE INDEX by_key ON cluster (key, above);
CREATE TABLE edge (a INTEGER, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE crowd (side INTEGER, number INTEGER, cluster INTEGER, PRIMARY KEY (side, number, cluster)) WITHOUT ROWID;
CREATE TABLE pair (a INTEGER PRIMARY KEY, b INTEGER);
CREATE TABLE apart (a INTEGER PRIMARY KEY, b INTEGER, fact TEXT);
CREATE TABLE label (side INTEGER, number INTEGER, label INTEGER, rule INTEGER, PRIMARY KEY (side, number)) WITHOUT ROWID
"""
# Keys of open records; only those that both sides have are of any use, now and later.
_LOAD = (
    """INSERT INTO shared SELECT rule, key, side, number FROM told t WHERE rule=?
    AND NOT EXISTS (SELECT 1 FROM paired p WHERE p.side=t.side AND p.number=t.number) ORDER BY key, side, number""",
    "DELETE FROM shared WHERE rule=?1 AND key IN (SELECT key FROM shared WHERE rule=?1 GROUP BY key HAVING min(side)=max(side))",
)
_CLEAR = tuple(f"DELETE FROM {table}" for table in ("cluster", "edge", "crowd", "pair", "apart"))  # noqa: S608 - our own names
_AGAIN = ("DELETE FROM held", "DELETE FROM first", "DELETE FROM differs")
_FORGET_PAIRED = "DELETE FROM shared WHERE rule=? AND EXISTS (SELECT 1 FROM paired p WHERE p.side=shared.side AND p.number=shared.number)"
# What shares a key, and what held it before.  `many`: whether there is more than one on either side; else a and b are its two.
_CLUSTERS = """INSERT INTO cluster (above, key, many, a, b)
    SELECT coalesce(h.cluster,0) above, k.key, count(*)>2, min(CASE k.side WHEN 0 THEN k.number END), min(CASE k.side WHEN 1 THEN k.number END)
    FROM shared k LEFT JOIN held h ON h.side=k.side AND h.number=k.number WHERE k.rule=? GROUP BY above, k.key HAVING min(k.side)<max(k.side)"""
_EDGES = "INSERT OR IGNORE INTO edge SELECT a, b FROM cluster WHERE NOT many"
_CROWDS = (
    """INSERT OR IGNORE INTO crowd SELECT k.side, k.number, c.id FROM cluster c CROSS JOIN shared k ON k.rule=? AND k.key=c.key
    LEFT JOIN held h ON h.side=k.side AND h.number=k.number WHERE c.many AND coalesce(h.cluster,0)=c.above""",
    "INSERT OR IGNORE INTO crowd SELECT 0, a, 0 FROM edge GROUP BY a HAVING count(*)>1",
    "INSERT OR IGNORE INTO crowd SELECT 1, b, 0 FROM edge GROUP BY b HAVING count(*)>1",
)
_PAIRS = """INSERT INTO pair SELECT a, b FROM edge WHERE NOT EXISTS (SELECT 1 FROM crowd WHERE side=0 AND number=a)
    AND NOT EXISTS (SELECT 1 FROM crowd WHERE side=1 AND number=b)"""
_FACTS = """SELECT p.a, p.b, x.facts, y.facts FROM pair p JOIN record x ON x.side=0 AND x.number=p.a JOIN record y ON y.side=1 AND y.number=p.b
    WHERE x.facts<>y.facts"""
# Those in clusters that became no pair, each with its cluster.
_HOLD = (
    """INSERT OR IGNORE INTO crowd SELECT 0, a, id FROM cluster c WHERE NOT many AND NOT EXISTS (SELECT 1 FROM pair p WHERE p.a=c.a)""",
    """INSERT OR IGNORE INTO crowd SELECT 1, b, id FROM cluster c WHERE NOT many AND NOT EXISTS (SELECT 1 FROM pair p WHERE p.a=c.a)""",
    "DELETE FROM crowd WHERE cluster=0",
    "INSERT INTO first SELECT w.cluster, w.side, w.number, ? FROM crowd w JOIN cluster c ON c.id=w.cluster WHERE c.above=0",
    "DELETE FROM held WHERE EXISTS (SELECT 1 FROM crowd w WHERE w.side=held.side AND w.number=held.number)",
    "INSERT INTO held SELECT side, number, cluster FROM crowd",
)
_SETTLE = ("INSERT INTO paired SELECT 0, a, b, ? FROM pair ORDER BY a", "INSERT INTO paired SELECT 1, b, a, ? FROM pair ORDER BY b")
_SUGGEST = """INSERT OR IGNORE INTO hint SELECT x.number, y.number, ?2 FROM shared x JOIN shared y ON y.rule=x.rule AND y.key=x.key AND y.side=1
    WHERE x.rule=?1 AND x.side=0 AND x.key IN (SELECT key FROM shared WHERE rule=?1 GROUP BY key HAVING sum(side=0)<=?3 AND sum(side=1)<=?3)"""
_DROP_HINTS = "DELETE FROM hint WHERE EXISTS (SELECT 1 FROM paired WHERE side=0 AND number=a) OR EXISTS (SELECT 1 FROM paired WHERE side=1 AND number=b)"
# The clusters that a record is in belong together: each takes the smallest label of its records, and they take the smallest of theirs, until nothing moves.
_LABELS = (
    "INSERT OR IGNORE INTO label SELECT side, number, cluster, rule FROM first ORDER BY cluster",
    "CREATE TABLE least (cluster INTEGER PRIMARY KEY, label INTEGER)",
)
_SPREAD = (
    "INSERT OR REPLACE INTO least SELECT f.cluster, min(l.label) FROM first f JOIN label l ON l.side=f.side AND l.number=f.number GROUP BY f.cluster",
    """INSERT OR REPLACE INTO label SELECT * FROM (SELECT f.side, f.number, min(m.label) smallest, l.rule FROM first f JOIN least m ON m.cluster=f.cluster
    JOIN label l ON l.side=f.side AND l.number=f.number GROUP BY f.side, f.number HAVING smallest<max(l.label))""",
)


class Resolver:
    """The working tables of one kind.  Errors: those of Scratch."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._work = Scratch(*_TABLES.split(";"), cache=_CACHE)
        self._loaded: set[int] = set()

    def add(self, records: Iterable[tuple[int, int, str]], keys: Iterable[tuple[int, int, int, bytes]]) -> None:
        """Take in (side, number, facts as JSON) and (rule, side, number, key); side is 0 or 1, a rule is its place among the rules."""
        self._work.many("INSERT INTO record VALUES (?,?,?)", records)
        self._work.many("INSERT OR IGNORE INTO told VALUES (?,?,?,?)", keys)

    def resolve(self) -> None:
        """Go through the rules until nothing more can be decided."""
        place = 0
        while place < len(self._rules):
            rule = self._rules[place]
            if rule.tier != "suggested" and self._decide(place, rule):
                place = 0
                for statement in _AGAIN:
                    self._work.run(statement)
            else:
                place += 1
        for place, rule in enumerate(self._rules):
            if rule.tier == "suggested":
                self._load(place)
                self._work.run(_SUGGEST, (place, rule.tier, MOST_SUGGESTED))
        for statement in (_DROP_HINTS, *_LABELS):
            self._work.run(statement)
        while self._work.run(_SPREAD[0]) and self._work.run(_SPREAD[1]) > 0:
            pass

    def tables(self) -> Iterator[tuple[str, Iterator[tuple[object, ...]]]]:
        """What was found: the rows of records, pairs, suggestions, conflicts and of what contradicts in them."""
        for name, statement in (
            ("record", "SELECT side, number FROM record"),
            ("paired", "SELECT side, number, other, tier FROM paired"),
            ("hint", "SELECT a, b, tier FROM hint"),
            ("torn", "SELECT side, number, label, rule FROM label"),
            ("differs", "SELECT a, b, fact FROM differs"),
        ):
            yield name, self._work.rows(statement)

    def close(self) -> None:
        """Let go of the disk."""
        self._work.close()

    def _load(self, place: int) -> None:
        """Have the keys of a rule, those of open records only."""
        for statement in (_FORGET_PAIRED,) if place in self._loaded else _LOAD:
            self._work.run(statement, (place,))
        self._loaded.add(place)

    def _decide(self, place: int, rule: Rule) -> bool:
        """Pair and hold under one rule; whether records that were held before are among the pairs."""
        work = self._work
        self._load(place)
        for statement in _CLEAR:
            work.run(statement)
        work.run(_CLUSTERS, (place,))
        work.run(_EDGES)
        work.run(_CROWDS[0], (place,))
        for statement in (*_CROWDS[1:], _PAIRS):
            work.run(statement)
        if rule.unless:
            self._contradicted(rule.unless)
        work.run(_HOLD[0])
        work.run(_HOLD[1])
        again = work.one("SELECT 1 FROM pair p JOIN held h ON h.side=0 AND h.number=p.a WHERE NOT EXISTS (SELECT 1 FROM apart WHERE apart.a=p.a)") is not None
        if rule.unless == "suggested":
            work.run("DELETE FROM pair WHERE a IN (SELECT a FROM apart)")
        work.run(_HOLD[2])
        work.run(_HOLD[3], (place,))
        for statement in _HOLD[4:]:
            work.run(statement)
        for statement in _SETTLE:
            work.run(statement, (rule.tier,))
        return again

    def _contradicted(self, becomes: str) -> None:
        """Set those pairs apart whose facts contradict each other; as conflicts they are held like what is ambiguous."""
        work = self._work
        work.many("INSERT INTO apart VALUES (?,?,?)", self._contradictions())
        if becomes == "conflict":
            work.run("INSERT OR IGNORE INTO differs SELECT a, b, fact FROM apart")
            work.run("DELETE FROM pair WHERE a IN (SELECT a FROM apart)")
        else:
            work.run("INSERT OR IGNORE INTO hint SELECT a, b, 'suggested' FROM apart")

    def _contradictions(self) -> Iterator[tuple[int, int, str]]:
        for a, b, facts_a, facts_b in self._work.rows(_FACTS):
            told: tuple[Facts, Facts] = json.loads(facts_a), json.loads(facts_b)
            if fact := contradiction(*told):
                yield a, b, fact
