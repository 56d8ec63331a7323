"""Every error a person can meet, one class each.

The docstring of a class is its message (first paragraph) and its hint (the second): both are templates that are filled from the keyword arguments
of the constructor.  `exit_code` is what the command line ends with; `docs/exit-codes.md` lists them all and a test holds it to this file.
"""

from __future__ import annotations

import inspect
import string
from typing import ClassVar

OK, PARTIAL, STOPPED = 0, 3, 4


class PortError(Exception):
    """Something went wrong that has no name yet: {what}

    Please report it together with the run's report.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, **details: object) -> None:
        self.details = details
        super().__init__(self.message)

    @classmethod
    def template(cls) -> tuple[str, str]:
        """(message, hint) as written in the docstring, each on one line."""
        message, _, hint = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
        return " ".join(message.split()), " ".join(hint.split())

    def _fill(self, text: str) -> str:
        wanted = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        return text.format(**{name: _shown(self.details.get(name, "?")) for name in wanted})

    @property
    def message(self) -> str:
        """What happened, and to what."""
        return self._fill(self.template()[0])

    @property
    def hint(self) -> str:
        """What to do next."""
        return self._fill(self.template()[1])

    def record(self) -> dict[str, object]:
        """The form kept in a run record."""
        return {"error": type(self).__name__, "message": self.message, "hint": self.hint, "exit_code": self.exit_code}


def _shown(value: object) -> str:
    """Text from outside, made harmless for one line of a log: control characters and lone surrogates escaped, length bounded."""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple, set, frozenset)) else str(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text)
    return text if len(text) <= 500 else text[:497] + "..."

# --- what was asked for (10-19) ---


class BadRequest(PortError):
    """{what}

    Look at the command's --help, or at the page about it in docs/, for what is possible.
    """

    exit_code = 10


class UnknownFormat(PortError):
    """There is no format called "{name}".

    Choose one of: {known}.
    """

    exit_code = 11


class UnknownKind(PortError):
    """There is no kind of record called "{name}".

    Choose from: {known}.
    """

    exit_code = 12


class UnknownField(PortError):
    """There is no field called "{name}".

    docs/fields.md lists them all. Close to it: {close}.
    """

    exit_code = 13


class UnknownRun(PortError):
    """There is no run called "{name}".

    The Runs page and `stash_port.py runs` list those that are kept.
    """

    exit_code = 14


class MissingLibrary(PortError):
    """{feature} needs the Python package {package}, which is not installed.

    Install it with: stash_port.py check --install {feature_name}
    """

    exit_code = 15


class NotSupported(PortError):
    """{what}

    {instead}
    """

    exit_code = 16

# --- the server (20-29) ---


class Unreachable(PortError):
    """Stash at {url} did not answer: {reason}.

    Check the address, and that Stash is running.
    """

    exit_code = 20


class NotAllowed(PortError):
    """Stash at {url} refused the login (HTTP {status}).

    Give an API key (Settings > Security in Stash) with --api-key-file FILE or STASH_API_KEY.
    """

    exit_code = 21


class PublicWithoutKey(PortError):
    """{url} is a public address, and there is no API key for it.

    A Stash that is asked from a public address without a key locks itself. Make a key there and give it with --api-key-file FILE or STASH_API_KEY.
    """

    exit_code = 22


class ServerError(PortError):
    """Stash at {url} answered with an error: {reason}

    If it says that the database is locked or busy, try again when other tasks have ended; else look at Stash's log.
    """

    exit_code = 23


class NotStash(PortError):
    """{url} answered, but not as Stash does: {reason}.

    Check the address; behind a reverse proxy it must contain the path prefix, for example http://nas:9999/stash.
    """

    exit_code = 24


class NotReady(PortError):
    """Stash at {url} is not ready: its status is {status}.

    Open it in a browser and finish its setup or migration first.
    """

    exit_code = 25

# --- reading (30-39) ---


class NoSuchSource(PortError):
    """There is nothing to read at {place}.

    Give a Stash address (http://localhost:9999), a Stash database (stash-go.sqlite), or a file that Stash Port wrote.
    """

    exit_code = 30


class NotADatabase(PortError):
    """{place} is not a Stash database: {reason}.

    Point to the file that Stash's Settings > System shows as database path.
    """

    exit_code = 31


class UnknownSchema(PortError):
    """The database {place} has schema {version}, which this version of Stash Port does not know.

    Export from the running Stash instead (--reader graphql): that works with any version. Known schemas: {known}.
    """

    exit_code = 32


class DatabaseDamaged(PortError):
    """The database {place} could not be read: {reason}.

    Make a copy of it now, and check it with: sqlite3 FILE "PRAGMA integrity_check".
    """

    exit_code = 33


class BadFile(PortError):
    """{place} cannot be read as {format}: {reason}.

    The file may be cut or changed; take another copy of it.
    """

    exit_code = 34


class NewerFile(PortError):
    """{place} was written by a newer Stash Port (format version {version}, known here: {known}).

    Update Stash Port and try again.
    """

    exit_code = 35


class DatabaseBusy(PortError):
    """The database {place} is held by another program, and stayed so: {reason}.

    Wait until Stash's task (a migration, an optimisation) has ended, or end the other program, and try again.
    """

    exit_code = 36

# --- writing files (40-49) ---


class CannotWrite(PortError):
    """{place} cannot be written: {reason}.

    Choose another folder, or give the user that runs Stash the right to write there.
    """

    exit_code = 40


class DiskFull(PortError):
    """The disk of {place} is full ({free} free, about {needed} needed).

    Free some space or choose another disk. Nothing was left under the final name.
    """

    exit_code = 41


class AlreadyThere(PortError):
    """{place} exists already, and was left as it is.

    Choose another name, or allow replacing it with --overwrite.
    """

    exit_code = 42


class NotProven(PortError):
    """The written export does not read back as it should: {reason}.

    It was not put under its final name. Try again; if it happens twice, check the disk.
    """

    exit_code = 43

# --- runs (50-59) ---


class Locked(PortError):
    """Another run is at work here: {holder}.

    Wait for it to end, or stop it on the Runs page.
    """

    exit_code = 50


class Stopped(PortError):
    """The run was stopped on request {where}.

    Nothing was left under a final name; start it again when you like. A change of a library goes on with `resume`, or is taken back with `rollback`.
    """

    exit_code = STOPPED


class InstallFailed(PortError):
    """{package} could not be installed: {reason}.

    Install it for this Python yourself ({command}), or do without {feature}.
    """

    exit_code = 51


# --- sending ---


class UploadFailed(PortError):
    """The export could not be sent to {url}: {reason}.

    It is whole and kept in the export folder. Check the address, or send the file yourself.
    """

    exit_code = 44

# --- encryption ---


class WrongPassphrase(PortError):
    """The passphrase does not open {place}.

    Check capitals, keyboard layout and blanks at its ends. If you are sure of it, the beginning of the file is damaged: take another copy.
    """

    exit_code = 60


class NotEncrypted(PortError):
    """{place} is not encrypted: {reason}.

    Read it without a passphrase or key, or look whether it is the right file.
    """

    exit_code = 61


class DamagedEncryption(PortError):
    """{place} is encrypted, and was cut off or changed since: {reason}.

    Nothing of the damaged part was used. Take another copy of the file.
    """

    exit_code = 62


class BlankPassphrase(PortError):
    """The passphrase from {source} is blank.

    Give one that is not empty and does not consist of blanks alone.
    """

    exit_code = 63


class PassphraseMismatch(PortError):
    """The two passphrases are not the same.

    Type it again, twice. Nothing was encrypted.
    """

    exit_code = 64


class BadRecipient(PortError):
    """{which} is not a recipient: {reason}.

    A recipient begins with age1 and is what age-keygen prints as public key.
    """

    exit_code = 65


class NoIdentity(PortError):
    """{place} is encrypted for other keys than the {count} given.

    Give the key file (it holds a line AGE-SECRET-KEY-1...) that belongs to one of its recipients.
    """

    exit_code = 66


class BadIdentity(PortError):
    """{which} is not a key: {reason}.

    A key is a line that begins with AGE-SECRET-KEY-1, as age-keygen prints it. Keep it to yourself.
    """

    exit_code = 67


class OtherSecret(PortError):
    """{place} is encrypted {how}, and {given}.

    Give {wanted}.
    """

    exit_code = 68


class TooCostly(PortError):
    """{place} takes {memory} of memory to be tried with a passphrase; {limit}.

    Open it with age on a larger machine, or have it encrypted again, for a key or with a smaller work factor.
    """

    exit_code = 69

# --- filters ---


class BadFilter(PortError):
    """{what}

    docs/filters.md shows everything that can be asked for, with examples.
    """

    exit_code = 17


class UnknownSavedFilter(PortError):
    """There is no saved filter called "{name}" for what is to be exported.

    Saved filters there are: {known}.
    """

    exit_code = 18


class DanglingFilter(PortError):
    """The saved filter "{name}" asks for what is no longer in this library: {missing}.

    Open it in Stash, take these out and save it again; or leave it out here.
    """

    exit_code = 19

# --- bundles ---


class NotABundle(PortError):
    """{place} is not a bundle of Stash Port: {reason}.

    Give a file that Stash Port wrote as a bundle; an encrypted one needs its passphrase or key first.
    """

    exit_code = 75


class BundleDamaged(PortError):
    """The bundle {place} was cut off or changed since it was written: {reason}.

    Take another copy of the file. What is whole in this one, `unzip` can still take out: docs/bundle.md says how.
    """

    exit_code = 76


class NotInBundle(PortError):
    """The bundle {place} holds no {name}.

    Its header, bundle.json, says what is inside, and what is not and why.
    """

    exit_code = 77


class UnfitName(PortError):
    """A file in a bundle cannot be called "{name}": {reason}.

    Give the file another name, or leave it out.
    """

    exit_code = 78

# --- templates ---


class BadTemplate(PortError):
    """The template {name} cannot be used, line {line}: {reason}.

    docs/templates.md says what a template is made of.
    """

    exit_code = 70


class TemplateFailed(PortError):
    """The template {name} failed at line {line}: {reason}.

    Change that line; docs/templates.md says what stands in a record, and what can be done with it.
    """

    exit_code = 71


class TemplateTooMuch(PortError):
    """The template {name} was stopped at line {line}: {reason}.

    A template may work for some seconds and make some megabytes for one record; look for a loop or a macro that does not end.
    """

    exit_code = 72


class UnknownTemplate(PortError):
    """There is no template "{name}": {reason}.

    Shipped are: {known}. A file of your own ends in .j2, and holds at most 256 kB of text.
    """

    exit_code = 73

# --- vaults and backups ---


class NotAVault(PortError):
    """{place} is not a vault of Stash Port: {reason}.

    Give an empty folder, or one in which Stash Port keeps backups already.
    """

    exit_code = 80


class VaultDamaged(PortError):
    """In the vault {place}, {name} is not what was written: {reason}.

    Put that file back from another copy of the vault, if there is one. The other backups are not touched by this: `verify` says which of them are good.
    """

    exit_code = 81


class UnknownBackup(PortError):
    """There is no backup "{name}" in {place}.

    `stash_port.py backups` lists those that are there; the beginning of an id is enough, and so is "latest".
    """

    exit_code = 82


class BackupIncomplete(PortError):
    """The backup {name} cannot be used: {reason}.

    Take another backup; `verify` says which of them are good.
    """

    exit_code = 83


class OtherVault(PortError):
    """{place} is not the vault that was known here: {reason}.

    If you moved or renewed the vault yourself, forget the old one with `stash_port.py vault forget`; if not, somebody else changed it.
    """

    exit_code = 84


class VaultClosed(PortError):
    """The vault {place} is encrypted, and {reason}.

    Open it with --identity-file or --passphrase-file: the passphrase of the vault, or the key on its recovery sheet.
    """

    exit_code = 85


class StoreFailed(PortError):
    """{place} failed while {what}: {reason}.

    Nothing was lost: what was finished stays finished, and the next backup goes on where this one stopped. Check the place and the network.
    """

    exit_code = 86


class DrillFailed(PortError):
    """The trial restore failed: {reason}.

    Make a new backup, and look at the log that is kept beside the report; `verify --level full` says whether the file itself is whole.
    """

    exit_code = 87


class VaultInside(PortError):
    """The vault {place} lies in {folder}, which is itself part of the backup.

    Choose a folder outside of it, best on another disk.
    """

    exit_code = 88


class Unsound(PortError):
    """{number} in {place}: not as written any more. {reason}.

    Do not rely on it. Take another copy of the files if there is one, make a new backup, and have the disk checked.
    """

    exit_code = 92

# --- the timetable ---


class UnknownEntry(PortError):
    """The timetable has no entry "{name}".

    `stash_port.py schedule list` shows those that there are, with their ids.
    """

    exit_code = 90


class NotOurs(PortError):
    """{place} is there already and was not made by Stash Port: it is left as it is.

    Move that file away, or put the text into it yourself: `schedule install` without writing shows it.
    """

    exit_code = 91


class VaultUnconfirmed(PortError):
    """The secret of the encrypted vault {place} was not tested yet.

    Print its recovery sheet and confirm it (`stash_port.py vault confirm`): a backup that nobody can open is none.
    """

    exit_code = 89


# --- changing a library ---


class PlanChanged(PortError):
    """The plan {place} cannot be used: {reason}.

    Make the plan again, and look at it before it is applied.
    """

    exit_code = 115


class PlanStale(PortError):
    """The plan was made for another library: {reason}.

    Make the plan again for this one.
    """

    exit_code = 116


class SourceDamaged(Unsound):
    """{name} is damaged, and nothing has been written: {reason}

    Choose another backup; or restore this one with --salvage (in a task: salvage), which takes what is whole and lists the rest.
    """

    exit_code = 117


class NotResumable(PortError):
    """The run {run} cannot be continued or taken back: {reason}.

    `stash_port.py runs` shows the runs that there are; a new plan does what is still to be done.
    """

    exit_code = 118

# --- restoring a whole database (110-114) ---


class SettingFixed(PortError):
    """Stash takes the path of its database from a flag or an environment variable, so that its setting cannot be changed: {reason}.

    Where that Stash is started (its service, script or compose file), give it {database} instead, and start it again.
    """

    exit_code = 110


class NotRestorable(PortError):
    """{name} cannot be restored as a whole database: {reason}.

    Nothing was changed. {instead}
    """

    exit_code = 111


class CannotSwitch(PortError):
    """Stash was not pointed at {database}: {reason}.

    {instead}
    """

    exit_code = 112


class ChangedSince(PortError):
    """The restored library was changed since it was restored: {reason}. Going back to the old one leaves these changes behind.

    Ask for it again with "force" if that is right: {database} stays where it is, with everything in it.
    """

    exit_code = 113


class NewerDatabase(PortError):
    """{name} is from a newer Stash than this one: its database has schema {version}, and this Stash knows {known} at most.

    Nothing was changed. Update Stash and restore again, or use the method "api", which brings over what this Stash knows.
    """

    exit_code = 114


# --- bulk loading (104-109) ---


class NotFresh(PortError):
    """The Stash at {url} is not empty: {found}. Loading a whole library needs one that nothing was added to yet.

    Use the method "api", which adds to what is there and changes nothing that it should not; or give an empty Stash. Nothing was written.
    """

    exit_code = 104


class StashAtWork(PortError):
    """The Stash at {url} has a task of its own in its queue: {job}.

    Wait until it has ended, or stop it under Settings > Tasks; then start again, and what was begun goes on where it stopped.
    """

    exit_code = 105


class UnknownTables(PortError):
    """This Stash cannot be written to by SQL: {reason}.

    Use the method "api", which works with any version. Nothing was written.
    """

    exit_code = 106


class OtherLoad(PortError):
    """What was begun cannot be gone on with: {reason}.

    Give the same library and the same Stash as before; or take back what was begun (`stash_port.py rollback RUN`) and start anew.
    """

    exit_code = 107


class LoadBroken(PortError):
    """The library was not loaded as it should be: {reason}.

    Take it back with `stash_port.py rollback RUN`, look at Stash's log and the free space on its disk, and try again.
    """

    exit_code = 108


class FoldersMeet(PortError):
    """With these path rules two folders become one: {first} and {second} would both be {path}.

    Change the rules so that each folder keeps a place of its own. Nothing was written.
    """

    exit_code = 109

# --- importing by an archive (124-126) ---


class ImportStalled(PortError):
    """Stash's import (job {job}) has made nothing for {minutes} minutes.

    Look at Stash's tasks and its log, then run this again: what is there already is not made again.
    """

    exit_code = 124


class UploadRefused(PortError):
    """Stash did not take an archive of {size}: {reason}.

    Allow larger uploads (max_upload_size in Stash's config.yml), then run this again: what is there already is not made again.
    """

    exit_code = 125
