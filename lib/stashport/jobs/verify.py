"""Verify: how good a backup is, all of a vault, or a single file that Stash Port wrote; what was found is kept beside each backup."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stashport import __version__
from stashport.bundle.store_url import shown
from stashport.bundle.vault import PROOF, Backup, now_text
from stashport.errors import BadRequest, CannotWrite, DiskFull, DrillFailed, NewerFile, UnknownBackup, Unsound
from stashport.jobs.context import Context
from stashport.jobs.drill import on_trial
from stashport.jobs.proving import judgement
from stashport.jobs.proving_vault import Prover
from stashport.jobs.vaults import Reached, place, reach
from stashport.jobs.verify_file import verify_file
from stashport.runs.record import Run
from stashport.runs.wording import count_of
from stashport.runs.workspace import workspace

LEVELS = ("quick", "full", "drill")
_KEYS = ("target", "backup", "level", "instance")


@dataclass(frozen=True)
class VerifyConfig:
    """What is to be looked at.

    target     a vault's place ("" for the usual one), or a file or folder that Stash Port wrote
    backup     of a vault: "latest", "all", or the beginning of an id
    level      quick, full or drill: see jobs/proving.py
    instance   of a vault: only the backups of this one
    """

    target: str = ""
    backup: str = "latest"
    level: str = "full"
    instance: str = ""

    @classmethod
    def parse(cls, given: dict[str, Any]) -> VerifyConfig:
        """Errors: BadRequest."""
        for key in given:
            if key not in _KEYS:
                raise BadRequest(what=f'The configuration has an unknown key "{key}"; known are {", ".join(_KEYS)}.')
        told = {key: value for key, value in given.items() if value not in (None, "")}
        if any(not isinstance(value, str) or "\0" in value for value in told.values()):
            raise BadRequest(what=f"What is to be verified is told by texts: {', '.join(_KEYS)}.")
        if told.get("level", "full") not in LEVELS:
            raise BadRequest(what=f'"level" cannot be {told["level"]!r}: it is one of {", ".join(LEVELS)}.')
        return cls(**told)


def verify(given: dict[str, Any], context: Context) -> Run:
    """Look at one backup, all of a vault, or a file; the finished run.

    Errors are kept in the run's record and raised: Unsound when something is not as it was written, DrillFailed when only the trial restore failed, and
    those of Prover and reach when it cannot be told.
    """
    config = VerifyConfig.parse(given)
    record = {**asdict(config), "target": shown(config.target)}
    with Run.start(context.state, "verify", config=record, version=__version__, run_id=context.run_id, sinks=context.sinks) as run:
        path = Path(place(config.target, context)).expanduser() if "://" not in config.target else None
        if path is not None and _is_export(path):
            verify_file(path, config.level, context, run)
        else:
            _verify_vault(config, context, run)
    return run


def prove_again(name: str, level: str, reached: Reached, context: Context, run: Run) -> None:
    """Look at a backup as part of another run, and keep what was found.  Errors: Unsound, DrillFailed, and those of Prover."""
    with workspace(context.state, "verify") as folder:
        found = _one(reached.vault.find(name), Prover(reached, folder, run), reached, VerifyConfig(level=level), context, run)
    if found["good"] is False:
        reason = "; ".join(found["problems"][:3])
        raise DrillFailed(reason=reason) if found["whole"] else Unsound(number="The backup", place=reached.vault.store.place, reason=reason)


def _is_export(path: Path) -> bool:
    from stashport.bundle.vault import HEAD
    from stashport.output.export_file import may_be_written

    return path.is_file() or (not (path / HEAD).exists() and may_be_written(path))


def _verify_vault(config: VerifyConfig, context: Context, run: Run) -> None:
    run.phase("Opening the vault")
    reached = reach(config.target, context)
    instance = config.instance or None
    chosen = reached.vault.backups(instance) if config.backup == "all" else [_chosen(reached, config.backup, instance)]
    if not chosen:
        raise UnknownBackup(name="latest", place=reached.vault.store.place)
    results: list[dict[str, Any]] = []
    with workspace(context.state, "verify") as folder:
        prover = Prover(reached, folder, run)
        for backup in chosen:
            results.append(_one(backup, prover, reached, config, context, run))
            run.note("verified", results)
    bad = [one for one in results if one["good"] is False]
    whole = [one for one in results if one["good"]]
    run.note("sentence", f"Looked at {count_of(len(results), 'backup')} in {reached.vault.store.place} ({config.level}): {len(whole):,} good.")
    if bad:
        first = f"{bad[0]['id']}: {'; '.join(bad[0]['problems'][:3])}"
        if all(one["whole"] for one in bad):
            raise DrillFailed(reason=first)
        raise Unsound(number=f"{len(bad):,} of {len(results):,} backups" if len(results) > 1 else "The backup", place=reached.vault.store.place, reason=first)


def _chosen(reached: Reached, name: str, instance: str | None) -> Backup:
    """As Vault.find, but for those whose card is damaged too: it is for this to say so."""
    listed = reached.vault.backups(instance)
    found = listed[:1] if name == "latest" else [one for one in listed if one.id.startswith(name) or one.stem.rpartition("/")[2] == name]
    return found[0] if len(found) == 1 else reached.vault.find(name, instance)


def _one(backup: Backup, prover: Prover, reached: Reached, config: VerifyConfig, context: Context, run: Run) -> dict[str, Any]:
    """Look at one backup, keep what was found beside it, and tell it."""
    result: dict[str, Any] = {"id": backup.id, "name": backup.stem, "level": config.level, "good": None, "whole": False, "problems": [], "warnings": []}
    try:
        proof = prover.look(backup, "quick" if config.level == "quick" else "full")
        result |= {"problems": proof.errors, "warnings": proof.warnings, "whole": not proof.errors, "images": proof.images, "counts": proof.counts}
        if config.level == "drill" and not proof.errors:
            _drill(backup, prover, context, run, result)
    except NewerFile as error:
        run.warn(error.message, incomplete=True)
        run.item("backup", backup.id, "skipped", error.message)
        return result | {"problems": [error.message]}
    if reached.vault.store.size(f"{backup.stem}.json") is None:
        run.item("backup", backup.id, "skipped", "it was deleted meanwhile")
        return result
    if backup.proof.get("lost"):
        result["warnings"].append("The card of its last proof was damaged, and is written anew.")
    result["good"] = not result["problems"]
    for warning in result["warnings"]:
        run.warn(f"{backup.id}: {warning}")
    if result["good"]:
        run.item("backup", backup.id, "unchanged", f"good ({result['level']})")
    else:
        run.item("backup", backup.id, "failed", "; ".join(result["problems"][:3]))
    if not backup.problem:
        _keep(backup, reached, result, run)
    return result


def _drill(backup: Backup, prover: Prover, context: Context, run: Run, result: dict[str, Any]) -> None:
    if backup.card["kind"] != "full":
        result["level"] = "full"
        result["warnings"].append(f"A {backup.card['kind']} backup holds no database to start a Stash on: it was read as a whole instead.")
        return
    with prover.opened(backup) as reader, prover.images(backup) as images:
        result |= on_trial(reader, images, prover.image_bytes(backup), context, run, result)


def _keep(backup: Backup, reached: Reached, result: dict[str, Any], run: Run) -> None:
    """Write the card of the proof; one that cannot be written, for example in a vault that is only to be read, takes nothing from what was found."""
    before = {key: value for key, value in backup.proof.items() if key not in ("format", "version", "name", "checksum", "by")}
    told = judgement(before, result["level"], result["problems"], now_text()) | ({"drill": result["drill"]} if "drill" in result else {})
    try:
        reached.vault.write_card(f"{backup.stem}.proof", PROOF, by=__version__, **told)
    except (CannotWrite, DiskFull) as error:
        run.warn(f"What was found could not be kept in the vault: {error.message}")
