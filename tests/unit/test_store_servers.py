"""Vaults on real servers, S3, WebDAV and SFTP: backup, list, verify by reading everything back, carry away, delete; and uploads that are cut off."""

from __future__ import annotations

import pytest
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.retention import Policy
from stashport.bundle.store_remote import FsspecStore, connect
from stashport.bundle.store_url import address, file_system
from stashport.errors import MissingLibrary, StoreFailed
from stashport.jobs.backup import backup
from stashport.jobs.carry import carry
from stashport.jobs.keeping import clean_up
from stashport.jobs.packages import FEATURES, present
from stashport.jobs.vault_setup import vault_confirm, vault_setup
from stashport.jobs.vaults import reach
from stashport.jobs.verify import verify
from support.place import Place
from support.servers import PASSWORD, QUOTED, USER, s3_server, sftp_server, webdav_server
from support.stores import Failing

NEEDED = {"s3": ("s3fs", "moto"), "webdav": ("webdav4", "wsgidav"), "sftp": ("paramiko",)}
# what these packages warn about among themselves
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=NEEDED)
def server(request, tmp_path_factory, monkeypatch):
    """The address of an empty place on a running server of each kind."""
    for package in NEEDED[request.param]:
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("served")
    if request.param == "s3":
        for name, value in (("AWS_ACCESS_KEY_ID", USER), ("AWS_SECRET_ACCESS_KEY", PASSWORD), ("AWS_EC2_METADATA_DISABLED", "true")):
            monkeypatch.setenv(name, value)
        with s3_server() as found:
            yield found
    elif request.param == "webdav":
        with webdav_server(folder) as found:
            yield found
    else:
        home = tmp_path_factory.mktemp("home")
        monkeypatch.setenv("HOME", str(home))
        with sftp_server(folder) as (found, host):
            (home / ".ssh").mkdir()
            (home / ".ssh" / "known_hosts").write_text(host)
            yield found


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Small pieces, and no pauses between tries."""
    monkeypatch.setattr(FsspecStore.__init__, "__kwdefaults__", {"piece": 12000, "pauses": (0.0,)})


@pytest.fixture
def machine(tmp_path):
    """A machine with a small library."""
    return Place(tmp_path, blobs=True)


def test_an_encrypted_vault_on_a_real_server(server, machine):
    """Set up, two backups, everything read back, one carried away, one deleted with what only it needed; the login is nowhere on the machine."""
    context = machine.context
    context.passphrase = Passphrase("correct horse")
    told = vault_setup({"vault": server}, context)
    assert told["place"] == server.partition("?")[0].replace(f"{USER}:{QUOTED}@", "")
    sheet = told["sheet"].replace("<wbr>", "")
    key = sheet[sheet.index("AGE-SECRET-KEY-1") :][:74]
    context.passphrase = Passphrase(key)
    vault_confirm({"vault": server, "last": key[-4:]}, context)
    context.passphrase = None
    first, second = backup({"vault": server}, context), backup({"vault": server, "kind": "portable"}, context)
    assert (first.record["notes"]["backup"]["images"]["new"], second.record["notes"]["backup"]["images"]["new"]) == (7, 0)
    assert [one.level for one in reach(server, context).vault.backups()] == ["full", "full"]
    context.passphrase = Passphrase("correct horse")
    assert verify({"target": server, "backup": "all", "level": "full"}, context).result == "ok"
    carry({"vault": server, "to": str(machine.folder / "it.zip"), "plain": True}, context)
    vault = reach(server, context).vault
    assert any(".parts/" in name for name, _ in vault.store._walk(""))
    instance = vault.backups()[0].instance
    vault.forget(vault.find(first.record["notes"]["backup"]["id"]))
    assert vault.collect(instance) == []
    clean_up(vault, instance, Policy(), proven_now=True)
    vault.forget(vault.backups()[0])
    assert len(vault.collect(instance)) == 1
    assert [name for name in vault.store.names("") if not name.startswith("keys/")] == ["stash-port-vault.json"]
    texts = [path.read_bytes() for path in machine.state.folder.rglob("*") if path.is_file()]
    assert not any(secret.encode() in text for text in texts for secret in (PASSWORD, QUOTED, key, "correct horse"))


def test_an_upload_that_is_cut_off_goes_on(server, tmp_path):
    """After every second change on the server, for good: nothing half sent is listed, and settling sends the rest."""
    found, data = address(server), bytes(range(256)) * 20
    for fails_at in (2, 4, 6):
        name, after = f"i/packs/{fails_at}.bundle", [(f"i/packs/{fails_at}.json", b"{}")]
        broken = FsspecStore(found, lambda at=fails_at: Failing(file_system(found), at), tmp_path, piece=1500, pauses=())
        made = broken.workplace(name)
        made.write_bytes(data)
        with pytest.raises(StoreFailed, match="the network is gone"):
            broken.put(made, name, lambda _: None, after)
        store = FsspecStore(found, lambda: file_system(found), tmp_path, piece=1500)
        assert after[0][0] not in set(store.names(""))
        assert store.settle("i/", finish=True) == [name]
        assert store.size(name) == len(data)
        with store.open(name) as file:
            assert file.read() == data
    assert len(list(store.names("i"))) == 6


def test_a_server_that_refuses_is_named_without_the_login(server, tmp_path, monkeypatch):
    """A wrong password, or a host that nobody knows, is said at once; the message holds no login."""
    wrong = server.replace(QUOTED, "wr0ng")
    if server.startswith("s3"):
        wrong = server.replace("bucket", f"{USER}:{QUOTED}@no-such-bucket")
    if server.startswith("sftp"):
        (tmp_path / ".ssh").mkdir()
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(StoreFailed, match="not found in known_hosts") as caught:
            connect(server, tmp_path).check(0)
        assert PASSWORD not in caught.value.message
        return
    with pytest.raises(StoreFailed) as caught:
        connect(wrong, tmp_path).check(0)
    assert not any(secret in caught.value.message for secret in ("wr0ng", PASSWORD, QUOTED))


def test_packages_are_told_apart():
    """Each kind of store has a feature of its own that `check --install` can install."""
    for name in ("stores", "s3", "sftp", "webdav", "zstd"):
        assert isinstance(present(name), bool)
    for url, package in (("webdav://host/x", "webdav4"), ("s3://bucket/x", "s3fs"), ("sftp://host/x", "paramiko"), ("hdfs://host/x", "hdfs")):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(MissingLibrary, match=package) as caught:
            patch.setattr("fsspec.get_filesystem_class", _not_there)
            file_system(address(url))
        assert caught.value.details["feature_name"] in FEATURES


def _not_there(_):
    """As when a package is not installed."""
    raise ImportError
