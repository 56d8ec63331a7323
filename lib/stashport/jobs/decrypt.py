"""Decrypt: what an encrypted export holds, into a file that gets its name when all of it was found whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from stashport.atomic import check_writable, discard, file_error, human_size, publish, temporary_beside
from stashport.bundle.passphrase import Passphrase
from stashport.errors import AlreadyThere, BadRequest, NoSuchSource
from stashport.jobs.sources import identities_of
from stashport.output.seal import opened


def decrypt(source: Path, target: Path, identities: Path | None, passphrase: Passphrase | None) -> str:
    """A sentence about it.  Errors: NoSuchSource, AlreadyThere, BadRequest, and those of bundle.age_reader."""
    if not source.is_file():
        raise NoSuchSource(place=source)
    if target.exists():
        raise AlreadyThere(place=target)
    keys = identities_of(identities) if identities else ()
    if not keys and passphrase is None:
        raise BadRequest(what="To open it, a key is needed (--identity-file) or a passphrase (--passphrase-file, --ask-passphrase).")
    check_writable(target.absolute().parent, source.stat().st_size)
    temporary = temporary_beside(target.absolute())
    try:
        with opened(source.open("rb"), passphrase=passphrase, identities=keys, place=str(source)) as inside, temporary.open("xb") as file:
            shutil.copyfileobj(inside, file, 1 << 20)
        size = temporary.stat().st_size
        publish(temporary, target.absolute())
    except OSError as error:
        raise file_error(error, target) from error
    finally:
        discard(temporary)
    return f"Decrypted {source.name} to {target} ({human_size(size)}); every byte of it was found whole."
