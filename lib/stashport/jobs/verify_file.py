"""Verify, for a single file that Stash Port wrote: a bundle, a backup that was carried away, or an export that reads back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from stashport.bundle.reader import BundleReader, is_bundle
from stashport.bundle.rebuild import BLOBS, DATABASE, OwnImages
from stashport.errors import Unsound, VaultClosed
from stashport.jobs.context import Context
from stashport.jobs.drill import on_trial
from stashport.jobs.proving import prove_bundle
from stashport.jobs.proving_vault import DAMAGE, reason_of
from stashport.output.proof import Proof, prove
from stashport.runs.record import Run
from stashport.runs.workspace import workspace

_BUFFER = 1 << 18



def verify_file(path: Path, level: str, context: Context, run: Run) -> None:
    """Look at it, and tell the run.

    level   quick, full or drill; an export is always read back as a whole
    Errors: Unsound when it is not as it was written; VaultClosed and those of the decrypting reader when it cannot be opened; MissingLibrary, NewerFile.
    """
    result: dict[str, Any] = {"id": path.name, "name": str(path), "level": level, "problems": [], "warnings": [], "counts": {}}
    try:
        with contextlib.ExitStack() as stack:
            bundle = None if path.is_dir() else _bundle(path, context, stack)
            if bundle is None:
                result["level"] = "full"
                _note(result, _export(path, context, run))
            else:
                with workspace(context.state, "verify") as folder:
                    _note(result, _look_at_bundle(bundle, level, folder, run))
                if level == "drill" and not result["problems"]:
                    result |= _tried(bundle, context, run, result)
    except DAMAGE as error:
        result["problems"].append(reason_of(error))
    for warning in result["warnings"]:
        run.warn(warning)
    run.note("verified", [result | {"good": not result["problems"]}])
    run.note("sentence", f"{path.name} is good ({result['level']}): {sum(result['counts'].values()):,} records.")
    if result["problems"]:
        raise Unsound(number=path.name, place=path.parent, reason="; ".join(result["problems"][:3]))


def _note(result: dict[str, Any], proof: Proof) -> None:
    result.update(problems=proof.errors, warnings=proof.warnings, counts=proof.counts)


def _tried(bundle: BundleReader, context: Context, run: Run, result: dict[str, Any]) -> dict[str, Any]:
    if DATABASE not in bundle or not has_images(bundle):
        remark = "It does not hold a database with its images: it was read as a whole instead of starting a Stash on it."
        return {"level": "full", "warnings": [*result["warnings"], remark]}
    size = sum(bundle.member(name).size for name in bundle.all_names() if name.startswith("images/"))
    return on_trial(bundle, OwnImages(bundle), size, context, run, result)


def _bundle(path: Path, context: Context, stack: contextlib.ExitStack) -> BundleReader | None:
    """The file as a bundle, opened where it was encrypted; None for anything else."""
    stream = stack.enter_context(opener(path, context)(path.open("rb", _BUFFER)))
    return stack.enter_context(BundleReader(stream, str(path))) if is_bundle(stream) else None


def has_images(bundle: BundleReader) -> bool:
    """Whether it holds its images itself, as one that was carried away does."""
    return bundle.header["content"]["blobs"]["count"] > 0 or (BLOBS in bundle and not bundle.header.get("packs"))


def opener(path: Path, context: Context) -> Callable[[BinaryIO], BinaryIO]:
    """What opens a file: the keys or the passphrase that were given, where it is encrypted."""
    from stashport.output.export_file import is_sealed
    from stashport.output.seal import opened

    if not path.is_file() or not is_sealed(path):
        return lambda file: file
    if context.passphrase is None and not context.identities:
        raise VaultClosed(place=path, reason="neither a key nor a passphrase was given to open it")
    return lambda file: opened(file, passphrase=context.passphrase, identities=context.identities, place=str(path))


def _export(path: Path, context: Context, run: Run) -> Proof:
    """Exports are read back as a whole, however deep one wants to look."""

    def progress(number: int) -> None:
        run.advance(number)
        run.check_stop()

    run.phase("Reading the records back")
    return prove(path, progress=progress, unseal=opener(path, context))


def _look_at_bundle(bundle: BundleReader, level: str, folder: Path, run: Run) -> Proof:
    if level == "quick":
        return Proof(errors=bundle.verify("quick"))
    proof = prove_bundle(bundle, OwnImages(bundle) if has_images(bundle) else None, folder, run)
    if bundle.header.get("packs") and not has_images(bundle):
        proof.warnings.append("Its images lie in packs of its vault, which were not looked at: verify the vault for these.")
    return proof
