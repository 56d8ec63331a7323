"""What a person names as a source: a running Stash, a Stash database, or a file that Stash Port wrote, with what opens it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stashport.errors import BadRequest, NotSupported
from stashport.stash import source

if TYPE_CHECKING:
    from stashport.bundle.age_keys import Identity
    from stashport.bundle.passphrase import Passphrase
    from stashport.stash.source import Place


def place_of(
    text: str, *, api_key_file: str | None = None, ca: str | None = None, blobs: str | None = None,
    identity_file: str | None = None, passphrase_file: str | None = None,
) -> Place:
    """The source that is named; it is opened by stash.source.open_source.

    identity_file, passphrase_file   what opens an encrypted file
    Errors: those of stash.source.place_of; BadRequest and BadIdentity for keys that cannot be read, or that nothing is opened with; NotSupported.
    """
    place = source.place_of(text, api_key_file=api_key_file, ca=ca, blobs=blobs)
    keys = identity_file or passphrase_file
    if isinstance(place, source.DatabaseFile):
        from stashport.output.export_file import ExportFile, may_be_written

        if may_be_written(place.path):
            if blobs:
                raise NotSupported(what=f"{text} is no database: its images are in it or beside it.", instead="Leave out --blobs.")
            return ExportFile(place.path, identities_of(Path(identity_file)) if identity_file else (), _passphrase(passphrase_file))
    if keys:
        raise BadRequest(what=f"Keys open a file that Stash Port wrote, and {text} is none.")
    return place


def identities_of(path: Path) -> tuple[Identity, ...]:
    """The keys in a file.  Errors: BadRequest where it cannot be read, BadIdentity."""
    from stashport.bundle.age_keys import identities_in

    try:
        return tuple(identities_in(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(what=f"The key file {path} cannot be read: {error}.") from error


def _passphrase(name: str | None) -> Passphrase | None:
    if not name:
        return None
    from stashport.bundle.passphrase import from_file

    return from_file(Path(name))
