"""Optional Python packages: which feature needs which, whether it is there, and installing it into the state folder.

`pip install --target` works also where Python is "externally managed" (Alpine, Debian); each Python version and platform has a folder of its own.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import NamedTuple

from stashport.errors import BadRequest, InstallFailed, MissingLibrary
from stashport.runs.lock import Lock
from stashport.runs.state import State


class Feature(NamedTuple):
    """`module` is what is imported, `package` what is installed, `use` what it is for; `rare`: most people never need it."""

    module: str
    package: str
    use: str
    rare: bool = False


FEATURES = {
    "http": Feature("requests", "requests", "Talking to a running Stash"),
    "yaml": Feature("yaml", "pyyaml", "Configuration files in YAML"),
    "xml": Feature("defusedxml", "defusedxml", "The format XML"),
    "templates": Feature("jinja2", "Jinja2", "The format Template"),
    "encryption": Feature("cryptography", "cryptography", "Encryption"),
    "7z": Feature("py7zr", "py7zr", "7z archives"),
    "zstd": Feature("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", "backports.zstd", "Compression with zstd", rare=True),
    "stores": Feature("fsspec", "fsspec", "Vaults that are not a folder", rare=True),
    "s3": Feature("s3fs", "s3fs", "Vaults on S3", rare=True),
    "sftp": Feature("paramiko", "fsspec[sftp]", "Vaults over SFTP", rare=True),
    "webdav": Feature("webdav4", "webdav4[fsspec]", "Vaults over WebDAV", rare=True),
}


def use(state: State) -> None:
    """Let packages that were installed into the state folder be found, after those that Python has anyway."""
    folder = state.folder / "packages"
    if folder.is_dir() and str(state.packages) not in sys.path:
        sys.path.append(str(state.packages))


def present(name: str) -> bool:
    """Whether the package of a feature can be imported."""
    module = FEATURES[name].module
    parent = module.rpartition(".")[0]
    return (not parent or importlib.util.find_spec(parent) is not None) and importlib.util.find_spec(module) is not None


def need(name: str) -> None:
    """Errors: MissingLibrary when a feature's package is not there."""
    if not present(name):
        raise MissingLibrary(feature=FEATURES[name].use, package=FEATURES[name].package, feature_name=name)


def install(name: str, state: State) -> str:
    """Install the package of a feature; a sentence about it.  Errors: BadRequest, InstallFailed, Locked."""
    if name not in FEATURES:
        raise BadRequest(what=f'There is no feature "{name}"; known are {", ".join(FEATURES)}.')
    feature = FEATURES[name]
    if present(name):
        return f"{feature.package} is there already."
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--target", str(state.packages), feature.package]
    with Lock(state.locks, "packages", f"installing {feature.package}"):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            reason = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = str(error)
    importlib.invalidate_caches()
    use(state)
    if reason or not present(name):
        raise InstallFailed(package=feature.package, reason=reason or "it is still not found", command=f"pip install {feature.package}", feature=feature.use)
    return f"{feature.package} was installed into {state.packages}."
