"""What is kept of a vault: which backups stay and why, which go, and the images that nobody needs any more."""

from __future__ import annotations

import datetime as dt
from typing import Any

from stashport.bundle.retention import Item, Policy, Verdict, apply
from stashport.bundle.vault import Backup, Vault
from stashport.runs.zone import local_zone


def judged(vault: Vault, instance: str, policy: Policy, *, proven_now: bool) -> list[tuple[Backup, Verdict]]:
    """What the policy says of each backup of an instance, newest first.  Backups of different sorts (full, portable, filtered) never evict each other."""
    backups = {one.stem: one for one in vault.backups(instance)}
    items = [
        Item(stem, one.time, str(one.card.get("series", one.card.get("kind", ""))), one.proven and not one.card.get("incomplete"),
             sum(one.card.get("counts", {}).values()),
             failed=bool(one.problem) or one.level == "failed" or bool(one.card.get("damaged")), pinned=bool(one.card.get("pinned")))
        for stem, one in backups.items()
    ]
    verdicts = apply(items, policy, now=dt.datetime.now(dt.timezone.utc), zone=local_zone(), proven_now=proven_now)
    return sorted(((backups[verdict.item.id], verdict) for verdict in verdicts), key=lambda pair: pair[0].stem, reverse=True)


def clean_up(vault: Vault, instance: str, policy: Policy, *, proven_now: bool) -> dict[str, Any]:
    """Delete what the policy lets go, then the packs of images that no backup needs; {removed: [ids], packs: number, kept: number}.

    Only to be called by whoever holds the lock of this instance's backups.
    """
    verdicts = judged(vault, instance, policy, proven_now=proven_now)
    gone = [backup for backup, verdict in verdicts if not verdict.keep]
    for backup in gone:
        vault.forget(backup)
    packs = vault.collect(instance) if gone else []
    return {"removed": [backup.id for backup in gone], "packs": len(packs), "kept": len(verdicts) - len(gone)}


def foreseen(vault: Vault, instance: str, policy: Policy) -> list[dict[str, Any]]:
    """What would be kept and why, if the next backup is good: nothing is deleted."""
    return [{"id": backup.id, "time": backup.time.isoformat(), "keep": verdict.keep, "reasons": list(verdict.reasons)}
            for backup, verdict in judged(vault, instance, policy, proven_now=True)]
