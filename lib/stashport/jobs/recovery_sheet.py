"""The recovery sheet of an encrypted vault: one page to print and put away, with everything that opens the backups when this machine is gone.

It holds the secret key.  It needs nothing else (no script, no network), and everything on it goes through `markup.text`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from stashport.bundle.passphrase import Passphrase
from stashport.bundle.vault import Vault
from stashport.bundle.vault_keys import FOR_PASSPHRASE, FOR_RECIPIENTS
from stashport.runs.markup import heads, section, table, text
from stashport.runs.style import CSS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_OWN_CSS = """
.secret { font: 1.15rem/1.7 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; letter-spacing: .04em; }
svg.code { display: block; margin: 1rem 0; max-width: 14rem; height: auto; background: #fff; }
"""


def recovery_sheet(vault: Vault, secret: Passphrase, now: dt.datetime) -> str:
    """The page; `secret` is the vault's key as text (vault_keys.open_secret), `now` an aware time.

    With the package segno at hand the key is also on it as a QR code.
    """
    encryption = vault.encryption or {}
    key = secret.reveal()
    title = f"Recovery sheet of the vault {encryption['key']}"
    parts = (
        f'<header class="ok"><p class="word">Keep this secret, and keep it twice</p><h1>{text(title)}</h1><p class="facts">{text(_WARNING)}</p></header>',
        section("The key", f'<p class="secret">{_grouped(key)}</p>{_code(key)}<p class="soft">One line, without blanks: AGE-SECRET-KEY-1 and 58 more.</p>'),
        section("What it opens", _facts(vault, encryption, now)),
        section("With Stash Port", f"<p>{text('Give the key, in a file, to whatever asks for it:')}</p>{_commands(_OURS)}"),
        section("Without Stash Port", f"<p>{text('Every program for the age format does: age, rage.')}</p>{_commands(_theirs(encryption))}"
                f"<p>{text('A file that lies in pieces, in a folder that ends in .parts, is put together first: cat NAME.parts/0* > NAME')}</p>"
                f"<p>{text('The page docs/recovery.md of Stash Port goes on from there, up to the database and the images.')}</p>"),
        section("When it is lost", _paragraphs(_LOST)),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{CSS}{_OWN_CSS}</style></head>\n<body><main>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


_OURS = ("stash_port.py verify PLACE --identity-file key.txt",)
_WARNING = "With this page anybody can open the backups; without it, and without what the key is locked for, nobody can."
_LOST = (
    "This sheet is lost, the vault and the passphrase are not: print it again, with the passphrase.",
    "Somebody else may have seen it: make a new vault in another place. A key cannot be taken back from backups that it opens already.",
    "Sheet, passphrase and keys are lost: nobody can open the backups, Stash Port's makers neither. Set up a new vault while Stash still runs.",
)


def _theirs(encryption: dict[str, Any]) -> tuple[str, ...]:
    lines = ["age --decrypt --identity key.txt --output backup.zip FILE.bundle.age     # key.txt holds the key above", "unzip backup.zip"]
    if encryption["passphrase"]:
        lines.append(f"age --decrypt --output key.txt {FOR_PASSPHRASE}     # the same key, from the passphrase")
    if encryption["recipients"]:
        lines.append(f"age --decrypt --identity OWN-KEY.txt --output key.txt {FOR_RECIPIENTS}     # or from a key of your own")
    return tuple(lines)


def _facts(vault: Vault, encryption: dict[str, Any], now: dt.datetime) -> str:
    locks = (["a passphrase"] if encryption["passphrase"] else []) + [f"the key {one}" for one in encryption["recipients"]]
    facts = (("Vault", vault.id), ("Place", vault.store.place), ("Key", encryption["key"]), ("Public half", encryption["recipient"]),
             ("Locked for", ", ".join(locks)), ("Printed", now.strftime("%Y-%m-%d %H:%M %Z")))
    rows = (f'<th scope="row">{text(name)}</th><td class="any">{text(value)}</td>' for name, value in facts)
    return table("What it opens", heads("", ""), rows)


def _grouped(key: str) -> str:
    """In groups that an eye can follow; copied as text they have no blanks."""
    return "<wbr>".join(text(key[at : at + 8]) for at in range(0, len(key), 8))


def _commands(lines: tuple[str, ...]) -> str:
    return "".join(f"<pre>{text(line)}</pre>" for line in lines)


def _paragraphs(lines: tuple[str, ...]) -> str:
    return "".join(f"<p>{text(line)}</p>" for line in lines)


def _code(key: str) -> str:
    try:
        import segno
    except ImportError:
        return ""
    drawn: str = segno.make(key, error="m", micro=False).svg_inline(scale=4, border=4, dark="#000", light="#fff", svgclass="code", title="The key")
    return drawn
