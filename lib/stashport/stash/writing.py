"""Writes records into a running Stash through its API: validated by Stash, any version, hooks run.

A Writer takes records with the target's own references and gives an answer for each, in order: what was done, or why not in words.  One bad record never
takes others with it.  Writing the same again, from values that were read afresh, sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from stashport.model.records import Record
from stashport.model.table import Field, Kind
from stashport.stash import writing_limits
from stashport.stash.capabilities import Capabilities
from stashport.stash.connection import Connection
from stashport.stash.writing_calls import MOST_CALLS, Calls, call
from stashport.stash.writing_history import write_activity, write_counters, write_histories
from stashport.stash.writing_inputs import ImageSource, Inputs, InputTypes, Item, differs, local
from stashport.stash.writing_rows import CHAPTERS, MARKERS, write_covers, write_files, write_fingerprints, write_galleries, write_rows
from stashport.stash.writing_settings import write_settings

_CREATES = {kind: f"{kind}Create" for kind in ("tag", "studio", "performer", "group", "gallery", "scene")} | {"saved_filter": "saveFilter"}
_LISTS = {"scene": "scenesUpdate", "image": "imagesUpdate", "gallery": "galleriesUpdate"}
_DESTROYS = {
    "scene": ("scenesDestroy", "input:ScenesDestroyInput!"), "image": ("imagesDestroy", "input:ImagesDestroyInput!"),
    "gallery": ("galleryDestroy", "input:GalleryDestroyInput!"),
} | {kind: (f"{kind}sDestroy", "ids:[ID!]!") for kind in ("tag", "studio", "performer", "group")}  # fmt: skip
_MOST_DESTROYED = 25  # one call is one transaction, and others wait for it
_SAVE = call("saveFilter", "input:SaveFilterInput!", "{id}")
_FILTERS = "query StashPortFilters{findSavedFilters{id mode name find_filter{q page per_page sort direction} object_filter ui_options}}"
_ALWAYS_LATE = {
    ("image", "galleries"),  # the image's own mutation would put it into all galleries anew, and so forget whose cover it is
    ("scene", "play_duration"),  # so that playing does not make a changed scene
}
# What has mutations of its own, in the order in which it is written: the names of fields, and what writes them.
_LATE: dict[str, tuple[tuple[tuple[str, ...], Callable[[Calls, list[Item]], None]], ...]] = {
    "scene": (
        (("files",), write_files), (("scene_markers",), partial(write_rows, MARKERS)), (("play_history",), partial(write_histories, "play_history")),
        (("o_history",), partial(write_histories, "o_history")), (("resume_time", "play_duration"), write_activity),
    ),
    "image": ((("galleries",), write_galleries), (("o_counter",), write_counters)),
    "gallery": ((("cover",), write_covers), (("chapters",), partial(write_rows, CHAPTERS))),
    "file": ((("fingerprints",), write_fingerprints),),
}  # fmt: skip
_GONE = re.compile(r"with id \d+ not found|\d+ does not exist")
_Part = tuple[Item, list[Field], list[Field]]
_NO_CREATE = {
    "file": "files are found by a scan only", "folder": "folders are found by a scan only", "image": "images are found by a scan only",
    "setting": "Stash itself decides which settings there are",
}


class Written(NamedTuple):
    """What became of one record.

    id        the target's "tag:17" when it was done, else None
    reason    why it was not; beside an id, which of its fields were not, and why
    """

    id: str | None
    reason: str = ""


class Writer(Protocol):
    """A method of writing.  All take and give lists in one order; references are the target's."""

    def cannot(self, kind: Kind) -> dict[str, str]:
        """Field, or "field.part" -> why this method cannot write it when it makes a record."""
        ...

    def cannot_change(self, kind: Kind) -> dict[str, str]:
        """The same for a record that is there."""
        ...

    def creates(self, kind: Kind) -> bool:
        """Whether it can make new records of a kind at all."""
        ...

    def create(self, kind: Kind, records: Sequence[Record]) -> list[Written]:
        """Make records, of the fields that are present."""
        ...

    def update(self, kind: Kind, changes: Sequence[tuple[Record, Record]]) -> list[Written]:
        """Change records: (as it is, as it shall be), both with "id" and the fields concerned.  Only what differs is written."""
        ...

    def delete(self, kind: Kind, ids: Sequence[str]) -> list[Written]:
        """Delete records; files on disk are never touched.  What is gone already counts as done."""
        ...


class ApiWriter:
    """A Writer by GraphQL mutations.  `image` gives the bytes of a picture for its md5.

    Errors: those of Connection, also when it is not clear whether a request was carried out; then read again what is there, and go on from that.
    """

    def __init__(self, connection: Connection, image: ImageSource, capabilities: Capabilities | None = None) -> None:
        self._calls = Calls(connection)
        self._can = capabilities or Capabilities.of(connection)
        self._types = InputTypes.of(connection)
        self._inputs = Inputs(self._types, image)

    def cannot(self, kind: Kind) -> dict[str, str]:
        """Field, or "field.part" -> why Stash's API cannot set it."""
        return writing_limits.cannot(kind)

    def cannot_change(self, kind: Kind) -> dict[str, str]:
        """The same as when it makes one."""
        return writing_limits.cannot(kind)

    def creates(self, kind: Kind) -> bool:
        """Whether Stash's API makes records of a kind.; galleries only those without folder and files."""
        return _CREATES.get(kind.name) in self._can.arguments

    def create(self, kind: Kind, records: Sequence[Record]) -> list[Written]:
        """Make records, of the fields that are present."""
        # What a saved filter does not tell is an empty object to Stash's own pages; left out, it would be kept as the word "null".
        empty: dict[str, Any] = {f.name: {} for f in kind.fields if f.type == "json"} if kind.name == "saved_filter" else {}
        items = [Item({}, {**record, **{name: value for name, value in empty.items() if not record.get(name)}}) for record in records]
        for item in items:
            if not self.creates(kind):
                item.refuse(_NO_CREATE.get(kind.name, "this Stash's API makes no such records"))
            elif kind.name == "gallery" and (item.wanted.get("folder") or item.wanted.get("files")):
                item.refuse("galleries of a folder or a zip file are found by a scan only")
        saves = kind.name == "saved_filter"
        type_name = "SaveFilterInput" if saves else f"{kind.type}CreateInput"
        parts = [(item, *self._split(kind, item, type_name, _told(kind, item.wanted))) for item in items]
        sent: list[Item] = []
        # A saved filter's answer may not be empty: one that is refused would take the ids of the others with it.
        what, most = (_SAVE, 1) if saves else (call(f"{kind.name}Create", f"input:{type_name}!", "{id}"), MOST_CALLS)
        answers = self._calls.each(what, self._inputs_of(kind, parts, type_name, sent), most=most)
        for item, answer in zip(sent, answers, strict=True):
            if answer.value:
                item.id = f"{kind.name}:{answer.value['id']}"
            else:
                item.refuse(answer.reason or "Stash gave no answer")
        self._late(kind, parts)
        if kind.name == "group":
            self._back_images(kind, [item for item, main, _ in parts if item.id and kind.by_name["back_image"] not in main])
        return [_written(item) for item in items]

    def update(self, kind: Kind, changes: Sequence[tuple[Record, Record]]) -> list[Written]:
        """Change records: (as it is, as it shall be), both with "id" and the fields concerned.  Only what differs is written."""
        items = [Item(mine, wanted, mine["id"]) for mine, wanted in changes]
        different = [(item, fields) for item in items if (fields := _different(kind, item))]
        if kind.name == "setting":
            write_settings(self._calls, self._types, [item for item, _ in different])
        elif kind.name == "saved_filter":
            self._save(kind, [item for item, _ in different])
        else:
            type_name = f"{kind.type}UpdateInput"
            parts = [(item, *self._split(kind, item, type_name, fields)) for item, fields in different]
            sent: list[Item] = []
            inputs = self._inputs_of(kind, [part for part in parts if part[1]], type_name, sent)
            for item, reason in zip(sent, self._changed(kind, type_name, inputs), strict=True):
                if reason:
                    item.refuse(reason)
            self._late(kind, parts)
        return [_written(item) for item in items]

    def delete(self, kind: Kind, ids: Sequence[str]) -> list[Written]:
        """Delete records; files on disk are never touched.  What is gone already counts as done."""
        if kind.name == "saved_filter":
            answers = self._calls.each(call("destroySavedFilter", "input:DestroyFilterInput!"), [{"input": {"id": local(one)}} for one in ids])
            reasons = [answer.reason for answer in answers]
        elif kind.name in _DESTROYS:
            name, argument = _DESTROYS[kind.name]
            keep = {} if kind.name not in _LISTS else {"delete_file": False, "delete_generated": False}

            def make(chunk: list[str]) -> dict[str, Any]:
                return {"input": {"ids": chunk, **keep}} if keep else {"ids": chunk}

            reasons = self._calls.lists(call(name, argument), [local(one) for one in ids], most=_MOST_DESTROYED, make=make)
        else:
            reasons = [f"Stash Port deletes no {kind.label.lower()}"] * len(ids)
        return [Written(one) if not reason or _gone(reason) else Written(None, reason) for one, reason in zip(ids, reasons, strict=True)]

    def _split(self, kind: Kind, item: Item, type_name: str, fields: list[Field]) -> tuple[list[Field], list[Field]]:
        """(the fields that go into the input that makes or changes a record, those that have mutations of their own)."""
        slots = self._types.inputs.get(type_name, {})
        main, late = [], []
        for of in fields:
            own = any(of.name in names for names, _ in _LATE.get(kind.name, ()))
            if kind.name == "group" and of.name == "back_image" and not item.id and not item.wanted.get("front_image"):
                continue
            if of.write in slots and (kind.name, of.name) not in _ALWAYS_LATE:
                main.append(of)
            elif own:
                late.append(of)
            elif of.write not in ("sql", "never"):
                item.lacks(of.name, "this Stash has no such field")
        return main, late

    def _inputs_of(self, kind: Kind, parts: list[_Part], type_name: str, sent: list[Item]) -> Iterator[dict[str, Any]]:
        """Inputs, one after the other as they are needed, since pictures are large; `sent` gets the items that they are for."""
        for item, main, _ in parts:
            made = {} if item.refused else self._inputs.main(kind, item, type_name, main)
            if not item.refused and made.keys() - {"id"}:
                sent.append(item)
                yield {"input": made}

    def _changed(self, kind: Kind, type_name: str, inputs: Iterator[dict[str, Any]]) -> list[str]:
        if kind.name in _LISTS:
            what = call(_LISTS[kind.name], f"input:[{type_name}!]!", "{id}")
            return self._calls.lists(what, inputs, make=lambda chunk: {"input": [one["input"] for one in chunk]})
        answers = self._calls.each(call(f"{kind.name}Update", f"input:{type_name}!", "{id}"), inputs)
        return [answer.reason or ("" if answer.value else "Stash gave no answer") for answer in answers]

    def _late(self, kind: Kind, parts: list[_Part]) -> None:
        """What has mutations of its own, after the records themselves."""
        for names, write in _LATE.get(kind.name, ()):
            some = [item for item, _, late in parts if not item.refused and any(of.name in names for of in late)]
            if some:
                write(self._calls, some)

    def _back_images(self, kind: Kind, items: list[Item]) -> None:
        """A group that is made with a back image alone gets a front image of Stash's own; one that is changed does not."""
        parts: list[_Part] = [(item, [kind.by_name["back_image"]], []) for item in items if item.wanted.get("back_image")]
        sent: list[Item] = []
        reasons = self._changed(kind, "GroupUpdateInput", self._inputs_of(kind, parts, "GroupUpdateInput", sent))
        for item, reason in zip(sent, reasons, strict=True):
            item.lacks("back_image", reason)

    def _save(self, kind: Kind, items: list[Item]) -> None:
        """Saved filters are written whole: what is not told is taken from what is there."""
        there = {one.pop("id"): one for one in self._calls.connection.query(_FILTERS)["findSavedFilters"]} if items else {}
        for item in items:
            if item.number not in there:
                item.refuse("it is not there any more")
            item.wanted = {**there.get(item.number, {}), **item.wanted}
        sent: list[Item] = []
        parts: list[_Part] = [(item, list(kind.fields), []) for item in items]
        answers = self._calls.each(_SAVE, self._inputs_of(kind, parts, "SaveFilterInput", sent), most=1)
        for item, answer in zip(sent, answers, strict=True):
            if answer.reason:
                item.refuse(answer.reason)


def _different(kind: Kind, item: Item) -> list[Field]:
    return [f for f in kind.fields if f.name in item.wanted and differs(f, item.mine.get(f.name), item.wanted[f.name])]


def _told(kind: Kind, record: Record) -> list[Field]:
    # An empty object is something else than none: Stash keeps "null" for the latter.
    return [f for f in kind.fields if record.get(f.name) not in (None, "", [], {}) or (f.type == "json" and record.get(f.name) == {})]


def _gone(reason: str) -> bool:
    return bool(_GONE.search(reason))


def _written(item: Item) -> Written:
    return Written(None if item.refused else item.id, "; ".join(item.reasons))
