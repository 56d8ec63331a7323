"""What a job is given by the door through which it was called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stashport.runs.progress import Sink
from stashport.runs.state import State

if TYPE_CHECKING:
    from stashport.bundle.age_keys import Identity
    from stashport.bundle.passphrase import Passphrase
    from stashport.stash.source import Place


@dataclass
class Context:
    """state: where runs are kept; place: the source, as told by stash.source; settings: the plugin's own, set in Stash.

    in_queue      whether this process is a task of Stash's queue, which runs one after the other
    config_file   the config.yml of a Stash that is down, for what can be done without it
    passphrase, identities   what opens what is there, or locks what is new; new_passphrase: the latter, where both are wanted
    """

    state: State
    place: Place | None = None
    sinks: Sequence[Sink] = ()
    run_id: str | None = None
    config_file: Path | None = None
    in_queue: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    passphrase: Passphrase | None = None
    url_secret: bytes | None = None
    identities: tuple[Identity, ...] = ()
    new_passphrase: Passphrase | None = None

    def source(self) -> Place:
        """The source; the door has given one."""
        assert self.place is not None
        return self.place

    def for_browser(self) -> Path:
        """The folder for exports that are made to be downloaded; they stay for a week."""
        return self.state.folder / "exports" / "browser"

    def exports(self) -> Path:
        """The folder for exports that were given no place."""
        chosen = str(self.settings.get("outputFolder") or "").strip()
        return Path(chosen) if chosen else self.state.folder / "exports"
