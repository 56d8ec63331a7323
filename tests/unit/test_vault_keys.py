"""The keys of encrypted vaults: who can open one, how its secret changes, and what is never told."""

from __future__ import annotations

import datetime as dt
import json
import re
import stat
import subprocess
import sys
import unicodedata

import pytest
from stashport.bundle import making, vault_keys
from stashport.bundle.age_keys import Identity, new_identity
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.store import FolderStore
from stashport.bundle.vault import HEAD, Vault
from stashport.errors import (
    AlreadyThere,
    BadRequest,
    DamagedEncryption,
    NoIdentity,
    NotAVault,
    NotEncrypted,
    OtherSecret,
    OtherVault,
    VaultClosed,
    VaultDamaged,
    VaultUnconfirmed,
    WrongPassphrase,
)
from stashport.jobs.backup import backup
from stashport.jobs.context import Context
from stashport.jobs.recovery_sheet import recovery_sheet
from stashport.jobs.sample import SampleReader
from stashport.jobs.vault_setup import vault_confirm, vault_forget, vault_rewrap, vault_setup, vault_sheet
from stashport.jobs.vaults import reach
from stashport.runs import secrets
from stashport.runs.known_vaults import known_vault
from stashport.runs.state import State
from stashport.stash.source import Opened
from support.place import Place
from support.stores import some_store

WORDS = Passphrase("correct horse battery")
NOW = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.timezone.utc)
KEY = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]{58}")


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    """Passphrases cost next to nothing to try here."""
    monkeypatch.setattr("stashport.bundle.age_writer.EncryptingWriter.__init__.__kwdefaults__", {
        **vault_keys.EncryptingWriter.__init__.__kwdefaults__, "work_factor": 10}, raising=True)


@pytest.fixture
def place(tmp_path):
    """Where the vault is."""
    return str(tmp_path / "vault")


def context(tmp_path, name="here", **more):
    """A machine, by name, over the sample library."""
    return Context(State(tmp_path / name), Opened(SampleReader(), {"type": "sample", "reader": "sample"}), **more)


def made(store, **locks):
    """An encrypted vault, and its keys."""
    keys = vault_keys.create_keys(store, **locks)
    return Vault.create(store, keys.encryption), keys


def key_on(page):
    """The secret key on a recovery sheet."""
    return KEY.search(re.sub(r"<wbr>", "", page))[0]


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_passphrase_recipients_and_the_key_itself_open_it(kind, tmp_path):
    """Each of them gives the same identity and the naming key, in every sort of store; the card names nobody's secret."""
    own, public = new_identity()
    vault, keys = made(some_store(kind, tmp_path), passphrase=WORDS, recipients=[public])
    secret = keys.secret.reveal()
    ways = ({"passphrase": WORDS}, {"identities": [Identity(own)]}, {"identities": [Identity(secret)]}, {"passphrase": Passphrase(f" {secret.lower()} ")})
    for way in ways:
        assert vault_keys.open_secret(vault, **way).reveal() == secret
        identity = vault_keys.open_identity(vault, **way)
        assert identity.recipient == vault.encryption["recipient"]
        assert vault_keys.naming_key(vault, identity) == keys.naming
        vault_keys.try_secret(vault, identity)
    assert vault.encryption == {"recipient": Identity(secret).recipient, "key": vault_keys.short_name(Identity(secret).recipient),
                                "passphrase": True, "recipients": [public]}
    assert re.fullmatch("[0-9a-f]{4}", vault.encryption["key"])
    assert secret not in repr(keys)


def test_an_accent_may_be_spelled_either_way(tmp_path):
    """A passphrase that looks the same opens the vault, however its accents are coded."""
    vault, _ = made(FolderStore(tmp_path), passphrase=Passphrase(unicodedata.normalize("NFC", "été à la mer")))
    assert vault_keys.open_identity(vault, passphrase=Passphrase(unicodedata.normalize("NFD", "été à la mer")))


def test_what_does_not_open_it_says_why(tmp_path):
    """Wrong, missing, of another sort, of another vault, damaged, not encrypted: each is its own error."""
    own, public = new_identity()
    vault, _ = made(FolderStore(tmp_path / "a"), passphrase=WORDS)
    keyed, _ = made(FolderStore(tmp_path / "b"), recipients=[public])
    other = Passphrase(new_identity()[0])
    cases = (
        (vault, {"passphrase": Passphrase("wrong")}, WrongPassphrase), (vault, {}, VaultClosed), (vault, {"identities": [Identity(own)]}, OtherSecret),
        (keyed, {"passphrase": WORDS}, OtherSecret), (keyed, {"identities": [Identity(other.reveal())]}, NoIdentity),
        (vault, {"passphrase": other}, VaultClosed), (Vault.create(FolderStore(tmp_path / "c")), {"passphrase": WORDS}, BadRequest),
    )
    for one, keys, error in cases:
        with pytest.raises(error):
            vault_keys.open_secret(one, **keys)
    with pytest.raises(BadRequest):
        vault_keys.create_keys(FolderStore(tmp_path / "d"))
    file = tmp_path / "a" / vault_keys.FOR_PASSPHRASE
    data = file.read_bytes()
    for harm, error in ((data[:-1], DamagedEncryption), (b"hello", NotEncrypted), ((tmp_path / "b" / vault_keys.PROBE).read_bytes(), OtherSecret)):
        file.write_bytes(harm)
        with pytest.raises(error):
            vault_keys.open_secret(vault, passphrase=WORDS)
    made(FolderStore(tmp_path / "e"), passphrase=WORDS)
    file.write_bytes((tmp_path / "e" / vault_keys.FOR_PASSPHRASE).read_bytes())
    with pytest.raises(VaultDamaged, match="the key of another vault"):
        vault_keys.open_secret(vault, passphrase=WORDS)


def test_stock_age_opens_the_keys(tmp_path):
    """With pyrage, which shares no code with ours: passphrase -> key file -> probe, as the recovery sheet says."""
    pyrage = pytest.importorskip("pyrage")
    own, public = new_identity()
    vault, _ = made(FolderStore(tmp_path), passphrase=WORDS, recipients=[public])
    by_words = pyrage.passphrase.decrypt((tmp_path / vault_keys.FOR_PASSPHRASE).read_bytes(), WORDS.reveal()).decode()
    by_key = pyrage.decrypt((tmp_path / vault_keys.FOR_RECIPIENTS).read_bytes(), [pyrage.x25519.Identity.from_str(own)]).decode()
    assert by_words == by_key
    key = pyrage.x25519.Identity.from_str(by_words.splitlines()[-1])
    assert vault.encryption["recipient"] in pyrage.decrypt((tmp_path / vault_keys.PROBE).read_bytes(), [key]).decode()


def test_set_up_takes_two_steps(tmp_path, place):
    """No backup before the secret was shown to be in its owner's hands; afterwards the machine needs none, and the backup is read back."""
    machine = context(tmp_path, passphrase=WORDS)
    told = vault_setup({"vault": place}, machine)
    key = key_on(told.pop("sheet"))
    assert (told["state"], told["passphrase"], told["place"]) == ("unconfirmed", True, place)
    machine.passphrase = None
    with pytest.raises(VaultUnconfirmed):
        backup({"vault": place}, machine)
    machine.passphrase = WORDS
    with pytest.raises(VaultUnconfirmed):
        backup({"vault": place}, machine)
    with pytest.raises(BadRequest, match="last four"):
        vault_confirm({"vault": place, "last": "ZZZ0"}, machine)
    machine.passphrase = Passphrase("other words")
    with pytest.raises(WrongPassphrase):
        vault_confirm({"vault": place, "last": key[-4:]}, machine)
    machine.passphrase = Passphrase(key)
    assert vault_confirm({"vault": place, "last": key[-4:].lower()}, machine)["state"] == "confirmed"
    machine.passphrase = None
    run = backup({"vault": place}, machine)
    reached = reach(place, machine)
    (one,) = reached.vault.backups()
    assert (run.result, one.level, one.card["encrypted"], reached.unseal) == ("ok", "full", True, None)
    with reached.vault.store.open(one.file) as file:
        assert file.read(22) == b"age-encryption.org/v1\n"


@pytest.mark.parametrize("which", ["packs", "backups"])
def test_what_was_encrypted_is_decrypted_before_it_is_listed(tmp_path, place, monkeypatch, which):
    """A byte that goes wrong between encrypting and the disk, in a pack or in the backup itself: found at once, without the vault's secret; nothing is listed."""
    library = Place(tmp_path)
    machine = library.context
    machine.passphrase = WORDS
    key = key_on(vault_setup({"vault": place}, machine)["sheet"])
    vault_confirm({"vault": place, "last": key[-4:]}, machine)
    machine.passphrase = None
    right = making.Making.finish

    def harmed(self, **late):
        told = right(self, **late)
        if f"/{which}/" in self.name:
            data = bytearray(self.path.read_bytes())
            data[len(data) // 2] ^= 1
            self.path.write_bytes(data)
        return told

    monkeypatch.setattr(making.Making, "finish", harmed)
    with pytest.raises(DamagedEncryption):
        backup({"vault": place}, machine)
    vault = reach(place, machine).vault
    assert vault.backups() == []
    assert not [name for name in vault.store.names("") if f"/{which}/" in name]
    monkeypatch.undo()
    assert backup({"vault": place}, machine).result == "ok"


def test_no_secret_is_left_behind(tmp_path, place):
    """After set-up, confirming and a backup no file of the machine or the vault holds key or passphrase; what the machine keeps is for its owner only."""
    machine = context(tmp_path)
    identifier = secrets.keep(machine.state, WORDS.reveal())
    sheet = tmp_path / "sheet.html"
    told = vault_setup({"vault": place, "secret": identifier, "sheet": str(sheet)}, machine)
    key = key_on(sheet.read_text())
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    sheet.unlink()
    vault_confirm({"vault": place, "last": key[-4:], "secret": secrets.keep(machine.state, key)}, machine)
    backup({"vault": place}, machine)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        data = path.read_bytes()
        assert key.encode() not in data
        assert WORDS.reveal().encode() not in data, path
    pin = machine.state.folder / "vaults" / f"{told['vault']}.json"
    assert stat.S_IMODE(pin.stat().st_mode) == 0o600
    assert stat.S_IMODE(pin.parent.stat().st_mode) == 0o700


def test_a_new_machine_goes_on_after_opening_it_once(tmp_path, place):
    """It cannot write before; the passphrase admits it, and its images get the same names, so that nothing is packed twice."""
    first = context(tmp_path, passphrase=WORDS)
    key = key_on(vault_setup({"vault": place}, first)["sheet"])
    vault_confirm({"vault": place, "last": key[-4:]}, first)
    second = context(tmp_path, "there")
    with pytest.raises(VaultClosed):
        reach(place, second, create=True)
    assert reach(place, second).unseal is None
    second.passphrase = WORDS
    assert reach(place, second, create=True).unseal is not None
    second.passphrase = None
    assert reach(place, second, create=True).key == reach(place, first).key is not None
    backup({"vault": place}, second)


def test_another_vault_in_its_place_is_noticed(tmp_path, place):
    """Another key, no encryption any more, another vault, or nothing at all where it was: refused until its owner says that it is so."""
    machine = context(tmp_path, passphrase=WORDS)
    key = key_on(vault_setup({"vault": place}, machine)["sheet"])
    vault_confirm({"vault": place, "last": key[-4:]}, machine)
    head = tmp_path / "vault" / HEAD
    good, vault = head.read_bytes(), reach(place, machine).vault
    stranger = new_identity()[1]
    for encryption in (None, {**vault.encryption, "recipient": stranger}):
        vault.store.write(HEAD, vault_keys_card({**vault.card, "encryption": encryption}))
        for create in (False, True):
            with pytest.raises(OtherVault):
                reach(place, machine, create=create)
    made(FolderStore(tmp_path / "other"), passphrase=WORDS)
    head.write_bytes((tmp_path / "other" / HEAD).read_bytes())
    with pytest.raises(OtherVault, match="another vault"):
        reach(place, machine)
    head.unlink()
    with pytest.raises(OtherVault, match="not mounted"):
        reach(place, machine, create=True)
    with pytest.raises(OtherVault, match="not mounted"):
        vault_setup({"vault": place}, machine)
    with pytest.raises(NotAVault):
        reach(place, machine)
    head.write_bytes(good)
    assert reach(place, machine, create=True).key
    assert vault_forget({"vault": place}, machine) == {"place": place, "forgotten": 1}
    assert known_vault(machine.state, vault.id) is None


def vault_keys_card(card):
    """A vault's card as bytes, with a checksum that fits."""
    from stashport.bundle.cards import dump

    return dump({key: value for key, value in card.items() if key != "checksum"})


def test_a_plain_vault_is_remembered_and_never_passed_off_as_encrypted(tmp_path, place):
    """A plain vault that vanishes is noticed as well; a passphrase that would protect nothing is refused."""
    machine = context(tmp_path)
    reach(place, machine, create=True)
    machine.passphrase = WORDS
    with pytest.raises(BadRequest, match="is not encrypted"):
        reach(place, machine, create=True)
    machine.passphrase = None
    (tmp_path / "vault" / HEAD).unlink()
    with pytest.raises(OtherVault, match="not mounted"):
        reach(place, machine, create=True)


def test_a_set_up_can_be_begun_again_until_it_is_confirmed(tmp_path, place):
    """The second set-up makes other keys; a confirmed, a plain and a foreign place are left alone."""
    machine = context(tmp_path, passphrase=WORDS)
    first = vault_setup({"vault": place}, machine)
    second = vault_setup({"vault": place}, machine)
    assert first["recipient"] != second["recipient"]
    vault_confirm({"vault": place, "last": key_on(second["sheet"])[-4:]}, machine)
    with pytest.raises(BadRequest, match="an encrypted vault already"):
        vault_setup({"vault": place}, machine)
    reach(str(tmp_path / "plain"), context(tmp_path), create=True)
    with pytest.raises(BadRequest, match="not encrypted already"):
        vault_setup({"vault": str(tmp_path / "plain")}, machine)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(BadRequest, match=r"mine\.txt"):
        vault_setup({"vault": str(tmp_path / "full")}, machine)
    with pytest.raises(AlreadyThere):
        vault_setup({"vault": str(tmp_path / "new"), "sheet": str(tmp_path / "full" / "mine.txt")}, machine)
    with pytest.raises(BadRequest):
        vault_setup({"vault": str(tmp_path / "new"), "recipients": "age1"}, machine)


def test_the_passphrase_changes_and_the_key_stays(tmp_path, place):
    """Afterwards the new one opens it and the old one does not; the sheet that was printed stays true; recipients can be added."""
    machine = context(tmp_path, passphrase=WORDS)
    told = vault_setup({"vault": place}, machine)
    key = key_on(told["sheet"])
    machine.new_passphrase = Passphrase("new words")
    assert vault_rewrap({"vault": place}, machine)["recipient"] == told["recipient"]
    machine.new_passphrase = None
    with pytest.raises(WrongPassphrase):
        vault_sheet({"vault": place}, machine)
    machine.passphrase = Passphrase("new words")
    assert key_on(vault_sheet({"vault": place}, machine)["sheet"]) == key
    own, public = new_identity()
    assert vault_rewrap({"vault": place, "recipients": [public]}, machine)["recipients"] == [public]
    machine.passphrase, machine.identities = None, (Identity(own),)
    assert key_on(vault_sheet({"vault": place}, machine)["sheet"]) == key
    with pytest.raises(BadRequest, match="new passphrase"):
        vault_rewrap({"vault": place}, machine)


def test_the_sheet_is_a_page_that_needs_nothing(tmp_path, monkeypatch):
    """Everything on it is escaped, nothing is loaded; the QR code is there with its package and missing without; it names what opens the backups."""
    store = FolderStore(tmp_path / "<img src=x>&")
    vault, keys = made(store, passphrase=WORDS)
    page = recovery_sheet(vault, keys.secret, NOW)
    assert key_on(page) == keys.secret.reveal()
    assert "<img" not in page
    assert "&lt;img src=x&gt;&amp;" in page
    assert not re.search(r"(src|href)\s*=\s*[\"']?(?!x&gt)", page.split("</style>")[1])
    for told in (vault.id, vault.encryption["key"], vault.encryption["recipient"], "2026-01-02", "age --decrypt", vault_keys.FOR_PASSPHRASE):
        assert told in page
    assert 'class="code"' in page
    monkeypatch.setitem(sys.modules, "segno", None)
    assert "<svg" not in recovery_sheet(vault, keys.secret, NOW)


def test_reading_the_sheet_back_by_its_code(tmp_path):
    """The QR code holds the key: drawn again from the text on the page it is the same."""
    segno = pytest.importorskip("segno")
    vault, keys = made(FolderStore(tmp_path), passphrase=WORDS)
    drawn = re.search(r'<path[^>]* d="([^"]+)"', recovery_sheet(vault, keys.secret, NOW))[1]
    again = segno.make(keys.secret.reveal(), error="m", micro=False).svg_inline(scale=4, border=4, dark="#000", light="#fff")
    assert drawn in again


def test_the_public_half_costs_no_import(tmp_path):
    """Listing backups loads neither the encryption package nor fsspec: an operation of the panel must start fast."""
    code = "import sys; import stashport.jobs.vaults; print(json.dumps([m for m in ('cryptography', 'fsspec', 'segno') if m in sys.modules]))"
    lib = str(__import__("pathlib").Path(vault_keys.__file__).parents[2])
    said = subprocess.run([sys.executable, "-c", f"import json, sys; sys.path.insert(0, {lib!r}); {code}"], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == []
