"""Cards: the small plain files of a vault, which say what its large ones are.

A card is canonical JSON that carries the SHA-256 of the rest of itself, so that a changed byte is found before the card is believed.  It can be read
without any key, which is why it says nothing that a file's name and size do not nearly say: counts and sizes, no titles, no paths.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import Any

from stashport.errors import NewerFile, VaultDamaged

VERSION = 1
Card = dict[str, Any]


def dump(card: Card) -> bytes:
    """The bytes of a card, with its checksum."""
    told = {key: value for key, value in card.items() if key != "checksum"}
    return _spelling({**told, "checksum": hashlib.sha256(_spelling(told)).hexdigest()})


def load(data: bytes, made_for: str, place: str, name: str) -> Card:
    """A card of the kind `made_for` ("stash-port vault", ...).  Errors: VaultDamaged, NewerFile."""
    card, sound = None, False
    with contextlib.suppress(ValueError, RecursionError):
        card = json.loads(data)
        sound = isinstance(card, dict) and dump(card) == data
    if not isinstance(card, dict) or not sound:
        raise VaultDamaged(place=place, name=name, reason="its checksum does not fit")
    if card.get("format") != made_for:
        raise VaultDamaged(place=place, name=name, reason=f"it is no {made_for}, but {card.get('format')!r}")
    if type(card.get("version")) is not int or card["version"] > VERSION:
        raise NewerFile(place=f"{place}/{name}", version=card.get("version"), known=VERSION)
    return card


def _spelling(told: Card) -> bytes:
    return json.dumps(told, sort_keys=True, indent=1, allow_nan=False).encode("ascii") + b"\n"
