"""Passphrases: from a file, an environment variable or a person, never from the command line, which other users of a machine can read.

The text is used exactly as it is given, as stock age does: no blanks are cut off and no Unicode form is changed, so that the same passphrase opens the
file with any other tool.  When reading, the other Unicode forms of the same text are tried as well (`spellings`): keyboards and clipboards differ in how
they spell an accented letter, and nobody can see the difference.
"""

from __future__ import annotations

import getpass
import os
import stat
import unicodedata
import warnings
from pathlib import Path

from stashport.errors import BadRequest, BlankPassphrase, PassphraseMismatch

_LONGEST = 4096


class Passphrase:
    """A passphrase that shows itself to nobody; `remark` is a sentence to tell its owner, or empty.  Errors: BlankPassphrase."""

    __slots__ = ("_text", "remark")

    def __init__(self, text: str, remark: str = "", source: str = "the caller") -> None:
        if not text.strip():
            raise BlankPassphrase(source=source)
        self._text, self.remark = text, remark

    def __repr__(self) -> str:
        return "<passphrase>"

    def __reduce__(self) -> str:
        raise TypeError("a passphrase is not to be stored")

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def spellings(self) -> list[bytes]:
        """As given, then with accents joined to their letters, then with accents apart; mostly all the same, and then one."""
        forms = (self._text, unicodedata.normalize("NFC", self._text), unicodedata.normalize("NFD", self._text))
        return list(dict.fromkeys(form.encode("utf-8", "surrogatepass") for form in forms))


def made(given: str | Passphrase) -> Passphrase:
    """A plain text as a passphrase.  Errors: BlankPassphrase."""
    return given if isinstance(given, Passphrase) else Passphrase(given)


def from_file(path: Path) -> Passphrase:
    """The one line of a file; its line end, and a mark that Windows puts before text, are not part of it.  Errors: BadRequest, BlankPassphrase."""
    source = f"the file {path}"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LONGEST + 3)
    except OSError as error:
        raise BadRequest(what=f"The passphrase cannot be read from {source}: {error.strerror or error}.") from error
    remark = ""
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o044:
        remark = f"Other users of this machine can read {path} (mode {stat.S_IMODE(mode):o}); chmod 600 takes that from them."
    return _checked(data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data, source, remark)


def from_environment(name: str) -> Passphrase:
    """The value of an environment variable.  Errors: BadRequest, BlankPassphrase."""
    value = os.environ.get(name)
    if value is None:
        raise BadRequest(what=f"There is no environment variable {name} to take the passphrase from.")
    return _checked(os.fsencode(value) if os.name == "posix" else value.encode("utf-8", "surrogatepass"), f"the environment variable {name}", "")


def _checked(data: bytes, source: str, remark: str) -> Passphrase:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest(what=f"What {source} holds is not text in UTF-8.") from None  # the cause would carry the secret
    if len(data) > _LONGEST or any(c in text for c in "\n\r\0"):
        raise BadRequest(what=f"A passphrase is one line of at most {_LONGEST} bytes, and what {source} holds is not.")
    return Passphrase(text, remark, source)


def ask(*, confirm: bool, prompt: str = "Passphrase: ") -> Passphrase:
    """Ask on the terminal, without showing what is typed; twice with `confirm`.  Errors: BadRequest without a terminal, BlankPassphrase, PassphraseMismatch."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # it would show what is typed
        try:
            first = Passphrase(getpass.getpass(prompt), source="the terminal")
            second = getpass.getpass("Once more: ") if confirm else first.reveal()
        except (getpass.GetPassWarning, EOFError, OSError):
            raise BadRequest(what="There is no terminal to ask for the passphrase on; give it in a file.") from None
    if second != first.reveal():
        raise PassphraseMismatch
    return first
