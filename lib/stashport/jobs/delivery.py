"""Where an export goes: its final name, how it is sealed, and what is done with the proven file (a 7z made of it, a URL that it is sent to)."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path

from stashport import formats
from stashport.atomic import discard, file_error, publish, sweep, temporary_beside
from stashport.bundle.passphrase import Passphrase
from stashport.errors import AlreadyThere, CannotWrite, NotSupported
from stashport.jobs.context import Context
from stashport.jobs.export_config import ExportConfig
from stashport.output.proof import replaceable
from stashport.output.seal import Seal
from stashport.output.upload import shown, upload
from stashport.runs import secrets
from stashport.runs.history import prune
from stashport.runs.record import Run

_KEEP_FOR_BROWSER = 7 * 24 * 3600


@dataclass(frozen=True)
class Delivery:
    """final: the name that the export gets; compress: how its files are packed on the way there; folder: whether there are several of them."""

    final: Path
    folder: bool
    compress: str
    seal: Seal | None
    packed: bool = False
    remark: str = ""
    password: Passphrase | None = None


def plan(config: ExportConfig, context: Context) -> Delivery:
    """Decide all of it.  Errors: NotSupported, CannotWrite, AlreadyThere, BadRequest for a secret that is gone."""
    found = formats.get(config.format)
    packs_itself = bool(getattr(found, "PACKS_ITSELF", False))
    if packs_itself and config.compress != "none":
        raise NotSupported(what=f"{found.LABEL} is compressed already.", instead="Leave out compression.")
    folder = found.FOLDER or (config.images and not packs_itself) or bool(config.chunkSize or config.maxFileSize)
    passphrase = _passphrase(config, context)
    recipients = tuple(config.encrypt.get("recipients", ()))
    sealed, packed = bool(passphrase or recipients), config.compress == "7z"
    if sealed and packed:
        raise NotSupported(what="A 7z archive is not encrypted with age as well.", instead="Choose zip, which an encrypted export can be.")
    compress = "none" if packed else "zip" if sealed and folder else config.compress
    final = _final(config, context, found, folder=folder and compress != "zip", ending=(".7z" if packed else "", ".age" if sealed else ""), compress=compress)
    if config.overwrite and final.is_dir() and not replaceable(final):
        raise CannotWrite(place=final, reason="it is a folder with other things in it than an export, and they would be lost")
    if packed and final.exists() and not config.overwrite:
        raise AlreadyThere(place=final)
    password = Passphrase(secrets.take(context.state, config.encrypt7z["secret"]), source="the panel") if config.encrypt7z.get("secret") else None
    if password and not packed:
        raise NotSupported(what="The lock of 7z is for 7z archives only.", instead="Choose 7z as compression, or encrypt with age.")
    seal = Seal(recipients=recipients, passphrase=passphrase) if sealed else None
    return Delivery(final, folder or packed, compress, seal, packed, passphrase.remark if passphrase else "", password)


def _passphrase(config: ExportConfig, context: Context) -> Passphrase | None:
    if config.encrypt.get("secret"):
        return Passphrase(secrets.take(context.state, config.encrypt["secret"]), source="the panel")
    return context.passphrase


def _final(config: ExportConfig, context: Context, found: formats.Format, *, folder: bool, ending: tuple[str, str], compress: str) -> Path:
    now = f"stash-{dt.datetime.now().astimezone():%Y%m%d-%H%M%S}"
    seven, sealed = ending
    if seven or compress == "zip":
        name = now + (seven or ".zip") + sealed
    elif folder:
        name = f"{now}-{found.NAME}"
    else:
        name = f"{now}.{formats.extension(found, config.options)}{'.gz' if compress == 'gzip' else ''}{sealed}"
    if config.url:
        return _free(context.state.folder / "exports" / "to-send", name)
    if not config.to:
        return _free(context.for_browser() if config.download else context.exports(), name)
    try:
        path = Path(config.to).expanduser()
        return path / name if config.to.endswith(("/", "\\")) or (path.is_dir() and not (folder and not seven)) else path
    except (OSError, RuntimeError) as error:  # a name that no file can have, or ~somebody who is not known
        raise CannotWrite(place=config.to, reason=error) from error


def _free(folder: Path, name: str) -> Path:
    """A name of ours that nothing has yet: two exports can begin in one second."""
    stem, dot, ending = name.partition(".")
    names = (f"{stem}{f'-{number}' if number > 1 else ''}{dot}{ending}" for number in range(1, 1000))
    return next(path for path in map(folder.joinpath, names) if not path.exists())


def pack(temporary: Path, final: Path, *, overwrite: bool, password: Passphrase | None = None) -> None:
    """A proven folder becomes a 7z archive, which is tested and gets its name; the folder goes."""
    from stashport.bundle.sevenzip import check_7z, write_7z

    archive = temporary_beside(final)
    try:
        write_7z(temporary, archive, password)
        check_7z(archive, password)
        publish(archive, final, overwrite=overwrite)
    except OSError as error:
        raise file_error(error, final.parent) from error
    finally:
        discard(archive)
        discard(temporary)


def send(path: Path, config: ExportConfig, context: Context, run: Run) -> None:
    """Send a proven file to the URL that was asked for; it stays here only when that fails.  Errors: UploadFailed, NotSupported."""
    if path.is_dir():
        raise NotSupported(what="A folder cannot be sent to a URL.", instead="Choose zip as compression, or a format with one file.")
    given = config.url.get("secret")
    secret = secrets.take(context.state, given).encode() if given else context.url_secret
    run.phase(f"Sending to {shown(config.url['url'])}", total=path.stat().st_size)

    def advance(number: int) -> None:
        run.advance(number)
        run.check_stop()

    upload(path, config.url["url"], method=config.url.get("method", "PUT"), secret=secret, advance=advance)
    discard(path)


def tidy(folder: Path, context: Context) -> None:
    """Remove what killed runs left beside the export, what the browser was given long ago, and the oldest run records."""
    sweep(folder)
    prune(context.state)
    for old in context.for_browser().glob("stash-*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _KEEP_FOR_BROWSER:
                discard(old)
