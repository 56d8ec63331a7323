"""Keys and passphrases: their spelling, where they come from, and that no text of ours ever shows one."""

from __future__ import annotations

import getpass
import io
import json
import os
import pickle
import random
import threading
import traceback
import unicodedata
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.bundle import bech32, passphrase
from stashport.bundle.age import DecryptingReader, EncryptingWriter, Identity, Recipient, identities_in, new_identity, recipients_in
from stashport.bundle.passphrase import Passphrase
from stashport.errors import BadIdentity, BadRecipient, BadRequest, BlankPassphrase, PassphraseMismatch, PortError

SPECIFIED = ("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
             "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj")
SECRET = "correct horse"




@given(st.from_regex("[a-z-]{1,20}", fullmatch=True), st.binary(max_size=80))
def test_bech32_reads_what_it_writes(prefix, data):
    """Any bytes come back, in small letters and in capitals, with their prefix."""
    text = bech32.encode(prefix, data)
    assert bech32.decode(text) == bech32.decode(text.upper()) == (prefix, data)


@pytest.mark.parametrize("text", ["A12UEL5L", "a12uel5l", "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
                                  "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "?1ezyfcl"])
def test_bech32_reads_what_bip_173_says_is_valid(text):
    """Valid examples of BIP 173 are read, and written again as the same text."""
    prefix, data = bech32.decode(text)
    assert bech32.encode(prefix, data) == text.lower()


def test_bech32_finds_every_single_error():
    """No single wrong character, missing one, or two swapped ones pass, in a key or in a recipient."""
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l1bio"
    for text in (part.lower() for part in SPECIFIED):
        changed = {text[:k] + c + text[k + 1 :] for k in range(len(text)) for c in letters}
        changed |= {text[:k] + text[k + 1 :] for k in range(len(text))}
        changed |= {text[:k] + text[k + 1] + text[k] + text[k + 2 :] for k in range(len(text) - 1)}
        for bad in changed - {text}:
            with pytest.raises(ValueError, match="it"):
                bech32.decode(bad)


@pytest.mark.parametrize("text", ["", "1", "age1", "Age1qqqqqq", "1qqqqqq", "ag\x7fe1axkwrx", "é1qqqqqq", "pzry9x0s0muk", "A1G7SGD8", "a12uel5l ", "li1dgmt3"])
def test_bech32_refuses_what_is_none(text):
    """Mixed capitals, a missing prefix, foreign characters and wrong checksums are refused."""
    with pytest.raises(ValueError, match="it"):
        bech32.decode(text)


def test_bech32_refuses_bits_that_are_left_over():
    """Text whose last bits are not zero, or that has a character too many, is no other spelling of a key."""
    for values in ([0, 1], [0, 2, 0], [1], [0], [0] * 54):
        rest = bech32._checksum([*bech32._spread("age"), *values, *[0] * 6]) ^ 1
        text = "age1" + "".join(bech32._LETTERS[v] for v in [*values, *(rest >> 5 * (5 - k) & 31 for k in range(6))])
        with pytest.raises(ValueError, match="bits"):
            bech32.decode(text)


def test_the_key_of_the_specification_has_its_recipient():
    """The example pair in age's specification belongs together here as well."""
    assert Identity(SPECIFIED[0]).recipient == SPECIFIED[1]
    assert Identity(SPECIFIED[0].lower()).recipient == SPECIFIED[1]


def test_new_keys_are_pairs_and_all_different():
    """Each new identity fits its recipient, and no two are the same."""
    pairs = [new_identity() for _ in range(50)]
    assert all(Identity(key).recipient == Recipient(to).text == to for key, to in pairs)
    assert len({key for key, _ in pairs}) == len({to for _, to in pairs}) == 50


PLUGIN = bech32.encode("age1yubikey", bytes(33))
QUANTUM = bech32.encode("age1pq", bytes(1216))


@pytest.mark.parametrize(("text", "reason"), [
    ("", "has not the form"), ("hello", "has not the form"), (SPECIFIED[1][:-1], "checksum"), (SPECIFIED[1].replace("zv", "zw"), "checksum"),
    ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "of a kind"), (PLUGIN, "of a kind"), (QUANTUM, "of a kind"), (SPECIFIED[0], "secret"),
    (SPECIFIED[0].lower()[:-1], "secret"), (bech32.encode("age", bytes(31)), "something else"), (bech32.encode("bc", bytes(32)), "something else"),
])
def test_what_is_no_recipient_is_refused_with_the_reason(text, reason):
    """Typing errors, keys of other kinds and secret keys are no recipients; what may be secret is not repeated."""
    with pytest.raises(BadRecipient, match=reason) as found:
        Recipient(text)
    assert text.startswith("age1") or not text or text not in found.value.message
    assert len(found.value.message) < 300


def test_a_recipient_that_keeps_nothing_secret_is_refused():
    """A public key of zeros would give everybody the same secret: nothing is written for it."""
    with pytest.raises(BadRecipient, match="nothing secret"):
        EncryptingWriter(io.BytesIO(), recipients=[bech32.encode("age", bytes(32))])


def test_key_files_and_recipient_files_are_read_as_age_writes_them():
    """Remarks, empty lines and a mark of Windows are passed over; a file without a key and a wrong line are refused."""
    pairs = [new_identity() for _ in range(2)]
    text = f"\ufeff# created: 2026-01-01T00:00:00Z\r\n# public key: {pairs[0][1]}\r\n{pairs[0][0]}\r\n\n  {pairs[1][0]}"
    assert [key.recipient for key in identities_in(text)] == [to for _, to in pairs]
    assert [to.text for to in recipients_in(f"# us\n{pairs[0][1]}\n\n{pairs[1][1]}\n")] == [to for _, to in pairs]
    assert recipients_in("# none\n") == []
    for bad in ("", "# only a remark\n", f"{pairs[0][0]}\nhello\n", pairs[0][1], QUANTUM.upper(), bech32.encode("age-secret-key-", bytes(31))):
        with pytest.raises(BadIdentity):
            identities_in(bad)


def test_passphrases_come_from_a_file_as_they_are(tmp_path):
    """One line end and a mark of Windows go; blanks, accents and everything else stay."""
    path = tmp_path / "p"
    for data, text in [(b"a", "a"), (b"a\n", "a"), (b"a\r\n", "a"), (b" a b \n", " a b "), ("\ufeffä\n".encode(), "ä"), (b"a\t\n", "a\t"),
                       (b"x" * 4096, "x" * 4096)]:
        path.write_bytes(data)
        path.chmod(0o600)
        found = passphrase.from_file(path)
        assert (found.reveal(), found.remark) == (text, "")


@pytest.mark.parametrize(("data", "error"), [(b"", BlankPassphrase), (b"\n", BlankPassphrase), (b" \t \r\n", BlankPassphrase),
                                             ("\ufeff\n".encode(), BlankPassphrase),
                                             (b"a\n\n", BadRequest), (b"a\nb\n", BadRequest), (b"a\r", BadRequest), (b"a\0b", BadRequest),
                                             (b"\xffsecret", BadRequest), ("secret\n".encode("utf-16"), BadRequest), (b"secret" * 1000, BadRequest)])
def test_passphrase_files_that_cannot_be_meant_are_refused(tmp_path, data, error):
    """Blank, several lines, too long and not UTF-8: refused, and nothing of it is shown."""
    path = tmp_path / "p"
    path.write_bytes(data)
    with pytest.raises(error) as found:
        passphrase.from_file(path)
    assert "secret" not in "".join(traceback.format_exception(type(found.value), found.value, found.value.__traceback__)).replace("the secret", "")


def test_a_passphrase_file_that_is_not_there_is_an_error_of_ours(tmp_path):
    """A missing file and a folder are BadRequest, with the name."""
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(BadRequest, match=path.name):
            passphrase.from_file(path)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX tells who may read a file by its mode")
def test_a_passphrase_file_that_others_can_read_is_remarked(tmp_path):
    """When group or others may read it there is a remark with the remedy; a pipe has none."""
    path = tmp_path / "p"
    path.write_text(SECRET)
    for mode, expected in [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o644, True)]:
        path.chmod(mode)
        remark = passphrase.from_file(path).remark
        assert ("chmod 600" in remark) == expected
        assert SECRET not in remark
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    writer = threading.Thread(target=lambda: pipe.write_text(SECRET + "\n"))
    writer.start()
    found = passphrase.from_file(pipe)
    writer.join()
    assert (found.reveal(), found.remark) == (SECRET, "")


def test_passphrases_come_from_the_environment(monkeypatch):
    """The variable's value, as it is; missing and blank are different errors."""
    monkeypatch.setenv("SP_TEST", "pässword ")
    assert passphrase.from_environment("SP_TEST").reveal() == "pässword "
    monkeypatch.setenv("SP_TEST", " ")
    with pytest.raises(BlankPassphrase, match="SP_TEST"):
        passphrase.from_environment("SP_TEST")
    monkeypatch.delenv("SP_TEST")
    with pytest.raises(BadRequest, match="SP_TEST"):
        passphrase.from_environment("SP_TEST")
    if os.name == "posix":
        monkeypatch.setenv("SP_TEST", os.fsdecode(b"\xffsecret"))
        with pytest.raises(BadRequest, match="UTF-8"):
            passphrase.from_environment("SP_TEST")


def test_passphrases_are_asked_for_twice(monkeypatch):
    """Asked once or twice; mismatched and blank ones are different errors, and nothing is trimmed."""
    answers: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda _: answers.pop(0))
    for given_, confirm, expected in [([" a "], False, " a "), (["a", "a"], True, "a"), (["a", "a "], True, PassphraseMismatch),
                                      (["a", ""], True, PassphraseMismatch),
                                      ([" "], True, BlankPassphrase), ([""], False, BlankPassphrase)]:
        answers[:] = given_
        if isinstance(expected, str):
            assert passphrase.ask(confirm=confirm).reveal() == expected
        else:
            with pytest.raises(expected):
                passphrase.ask(confirm=confirm)
        assert answers == []


def test_without_a_terminal_nobody_is_asked(monkeypatch):
    """Where the answer would be shown, or there is nobody to give one, that is an error of ours."""

    def warn(prompt):
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return "shown"

    def gone(prompt):
        raise EOFError

    for stand_in in (warn, gone):
        monkeypatch.setattr(getpass, "getpass", stand_in)
        with pytest.raises(BadRequest, match="no terminal"):
            passphrase.ask(confirm=True)


def test_an_accent_may_be_spelled_either_way_when_reading():
    """A passphrase is used as given; the other Unicode forms of it open the file as well, another text does not."""
    composed = unicodedata.normalize("NFC", "Ä ö ñ")
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    for written in (composed, apart):
        file = io.BytesIO()
        with EncryptingWriter(file, passphrase=written, work_factor=10) as writer:
            writer.write(b"x")
        for typed in (composed, apart):
            assert DecryptingReader(io.BytesIO(file.getvalue()), passphrase=typed).read() == b"x"
        with pytest.raises(PortError):
            DecryptingReader(io.BytesIO(file.getvalue()), passphrase="A o n")
    assert Passphrase("plain").spellings() == [b"plain"]


def test_secrets_are_shown_nowhere():
    """No repr, text, record, pickle, traceback or error holds a passphrase or a secret key, whatever goes wrong with it."""
    key, to = new_identity()
    sealed = {}
    for name, options in {"key": {"recipients": [to]}, "phrase": {"passphrase": SECRET, "work_factor": 10}}.items():
        file = io.BytesIO()
        with EncryptingWriter(file, **options) as writer:
            writer.write(b"x")
            shown = [repr(writer), str(writer), repr(vars(writer))]
        sealed[name] = file.getvalue()
    phrase, identity = Passphrase(SECRET), Identity(key)
    shown += [repr(thing) + str(thing) + f"{thing}" for thing in (phrase, identity, DecryptingReader(io.BytesIO(sealed["key"]), identities=[key]))]
    attempts = [
        lambda: DecryptingReader(io.BytesIO(sealed["phrase"]), passphrase=SECRET + "!"),
        lambda: DecryptingReader(io.BytesIO(sealed["key"]), passphrase=SECRET),
        lambda: DecryptingReader(io.BytesIO(sealed["phrase"]), identities=[key]),
        lambda: DecryptingReader(io.BytesIO(sealed["key"]), identities=[key[:-1]]),
        lambda: DecryptingReader(io.BytesIO(sealed["key"]), identities=[SECRET]),
        lambda: DecryptingReader(io.BytesIO(sealed["key"][:-1]), identities=[key]),
        lambda: DecryptingReader(io.BytesIO(b"PK"), identities=[key], passphrase=SECRET),
        lambda: EncryptingWriter(io.BytesIO(), recipients=[key]),
        lambda: EncryptingWriter(io.BytesIO(), recipients=[key.lower()]),
        lambda: EncryptingWriter(io.BytesIO(), recipients=["x" + key]),
        lambda: EncryptingWriter(io.BytesIO(), recipients=[to], passphrase=SECRET),
        lambda: EncryptingWriter(io.BytesIO(), passphrase=SECRET, work_factor=99),
        lambda: Identity(key.replace("1", "1q", 1)),
        lambda: pickle.dumps(phrase),
        lambda: pickle.dumps(identity),
        lambda: json.dumps({"p": phrase}),
    ]
    for attempt in attempts:
        with pytest.raises((PortError, TypeError, ValueError)) as found:
            attempt()
        error = found.value
        while error is not None:
            shown += [repr(error), str(error), repr(vars(error))]
            if isinstance(error, PortError):
                shown.append(str(error.record()))
            error = error.__cause__ or error.__context__
        lines = traceback.format_exception(type(found.value), found.value, found.value.__traceback__)
        shown += [line for line in lines if "test_age_keys" not in line]
    for text in shown:
        for secret in (SECRET, key, key.lower(), key[15:-1], key[15:-1].lower()):
            assert secret not in text


def test_random_text_is_never_a_key():
    """Two thousand texts of the right form and a random checksum are refused."""
    chance = random.Random(5)
    accepted = 0
    for _ in range(2_000):
        text = "age1" + "".join(chance.choice("qpzry9x8gf2tvdw0s3jn54khce6mua7l") for _ in range(58))
        try:
            Recipient(text)
            accepted += 1
        except BadRecipient:
            pass
    assert accepted == 0
