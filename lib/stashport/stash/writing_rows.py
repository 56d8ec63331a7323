"""What belongs to a record and has mutations of its own: markers of scenes, chapters, covers and images of galleries, fingerprints of files.

Rows keep their ids: those that are there are read with them, paired with those that shall be, and only what is left over is made or removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from stashport.model.records import Record
from stashport.stash.writing_calls import Answer, Call, Calls, call
from stashport.stash.writing_inputs import Item, chapter_key, local, marker_key, trimmed

TOLERANCE = 0.5  # seconds within which two markers of one primary tag are one marker that was moved
REMOVABLE = 200  # images of a gallery in one call
FIXED_PRINTS = ("md5", "oshash")

_MARKERS = call("findScene", "id:ID!", "{scene_markers{id title seconds end_seconds primary_tag{id} tags{id}}}", "query")
_CHAPTERS = call("findGallery", "id:ID!", "{chapters{id title image_index}}", "query")
_IMAGE_GALLERIES = call("findImage", "id:ID!", "{galleries{id}}", "query")


class Sort(NamedTuple):
    """A sort of rows that have ids: how they are read, what a row is, whether two may be one, their input, and the calls that make, change, remove."""

    field: str
    read: Call
    row: Callable[[dict[str, Any]], Record]
    key: Callable[[Record], Hashable]
    near: Callable[[Record, Record], float | None]
    input: Callable[[Record], dict[str, Any]]
    owner: str
    make: Call
    change: Call
    remove: Call


def _marker(told: dict[str, Any]) -> Record:
    tags = [f"tag:{tag['id']}" for tag in told["tags"]]
    return {**told, "primary_tag": f"tag:{told['primary_tag']['id']}", "tags": tags}


def _marker_input(row: Record) -> dict[str, Any]:
    tags = [local(tag) for tag in row.get("tags") or () if tag != row["primary_tag"]]
    times = {"seconds": row["seconds"], "end_seconds": row.get("end_seconds")}
    return {"title": trimmed(row.get("title")), **times, "primary_tag_id": local(row["primary_tag"]), "tag_ids": sorted(tags)}


def _marker_near(one: Record, other: Record) -> float | None:
    apart = abs(float(one["seconds"]) - float(other["seconds"]))
    return apart if one["primary_tag"] == other["primary_tag"] and apart <= TOLERANCE else None


def _chapter_near(one: Record, other: Record) -> float | None:
    return 0.0 if one.get("image_index") == other.get("image_index") else None


MARKERS = Sort(
    "scene_markers", _MARKERS, _marker, marker_key, _marker_near, _marker_input, "scene_id",
    call("sceneMarkerCreate", "input:SceneMarkerCreateInput!", "{id}"), call("sceneMarkerUpdate", "input:SceneMarkerUpdateInput!", "{id}"),
    call("sceneMarkerDestroy", "id:ID!"),
)  # fmt: skip
CHAPTERS = Sort(
    "chapters", _CHAPTERS, dict, chapter_key, _chapter_near, lambda row: {"title": row.get("title") or "", "image_index": row["image_index"]}, "gallery_id",
    call("galleryChapterCreate", "input:GalleryChapterCreateInput!", "{id}"), call("galleryChapterUpdate", "input:GalleryChapterUpdateInput!", "{id}"),
    call("galleryChapterDestroy", "id:ID!"),
)  # fmt: skip


def write_rows(sort: Sort, calls: Calls, items: list[Item]) -> None:
    """Give records the rows that they shall have."""
    removed: list[tuple[Item, dict[str, Any]]] = []
    changed: list[tuple[Item, dict[str, Any]]] = []
    made: list[tuple[Item, dict[str, Any]]] = []
    known = [item for item in items if not item.new]
    there = dict(zip(map(id, known), calls.each(sort.read, [{"id": item.number} for item in known]), strict=True))
    for item in items:
        told = there.get(id(item), Answer({}))
        if not isinstance(told.value, dict):  # what is there is not known: nothing may be added to it
            item.lacks(sort.field, told.reason or "the record is not there any more")
            continue
        rows = [sort.row(row) for row in told.value.get(sort.field) or ()]
        pairs, extra, lacking = paired(rows, item.wanted[sort.field] or [], sort.key, sort.near)
        removed += [(item, {"id": row["id"]}) for row in extra]
        for row, wanted in pairs:
            before, after = sort.input(row), sort.input(wanted)
            if changes := {name: value for name, value in after.items() if value != before[name]}:
                changed.append((item, {"input": {"id": row["id"], **changes}}))
        made += [(item, {"input": {sort.owner: item.number, **sort.input(row)}}) for row in lacking]
    for what, sent in ((sort.remove, removed), (sort.change, changed), (sort.make, made)):
        do(calls, what, sort.field, sent)


def paired(
    here: Sequence[Record], wanted: Sequence[Record], key: Callable[[Record], Hashable], near: Callable[[Record, Record], float | None],
) -> tuple[list[tuple[Record, Record]], list[Record], list[Record]]:  # fmt: skip
    """(pairs of rows that are there and rows that shall be in their place, rows too many, rows that lack).

    Equal ones first, then the nearest of those that may be one, then whatever remains, in order.
    """
    free, lacking, pairs = list(here), [], []
    by_key: dict[Hashable, list[Record]] = {}
    for row in free:
        by_key.setdefault(key(row), []).append(row)
    for row in wanted:
        if same := by_key.get(key(row)):
            found = same.pop(0)
            free = [one for one in free if one is not found]
        else:
            lacking.append(row)
    distances = [(far, n, k) for n, row in enumerate(lacking) for k, one in enumerate(free) if (far := near(one, row)) is not None]
    taken_here: set[int] = set()
    taken_there: set[int] = set()
    for _, n, k in sorted(distances):
        if n not in taken_there and k not in taken_here:
            taken_there.add(n)
            taken_here.add(k)
            pairs.append((free[k], lacking[n]))
    left = [row for k, row in enumerate(free) if k not in taken_here]
    rest = [row for n, row in enumerate(lacking) if n not in taken_there]
    common = min(len(left), len(rest))
    return [*pairs, *zip(left, rest, strict=False)], left[common:], rest[common:]


def do(calls: Calls, what: Call, field: str, sent: Iterable[tuple[Item, dict[str, Any]]], *, most: int = 128) -> list[Any]:
    """Call for items; what is refused is said in them.  The values that came back."""
    listed = list(sent)
    answers = calls.each(what, (arguments for _, arguments in listed), most=most)
    for (item, _), answer in zip(listed, answers, strict=True):
        if answer.reason and f"{field}: {answer.reason}" not in item.reasons:
            item.lacks(field, answer.reason)
    return [answer.value for answer in answers]


def write_covers(calls: Calls, items: list[Item]) -> None:
    """Choose the covers of galleries, or choose none.  Stash would take away the old cover and say nothing if the image were not in the gallery."""
    named = [item for item in items if item.wanted["cover"]]
    answers = calls.each(_IMAGE_GALLERIES, [{"id": local(item.wanted["cover"])} for item in named])
    chosen = []
    for item, answer in zip(named, answers, strict=True):
        if item.number in [gallery["id"] for gallery in (answer.value or {}).get("galleries", ())]:
            chosen.append((item, {"input": {"gallery_id": item.number, "cover_image_id": local(item.wanted["cover"])}}))
        else:
            item.lacks("cover", answer.reason or "the image is not in this gallery")
    do(calls, call("setGalleryCover", "input:GallerySetCoverInput!"), "cover", chosen)
    none = [(item, {"input": {"gallery_id": item.number}}) for item in items if not item.wanted["cover"]]
    do(calls, call("resetGalleryCover", "input:GalleryResetCoverInput!"), "cover", none)


def write_galleries(calls: Calls, items: list[Item]) -> None:
    """Put images into galleries, and take them out, one by one: anew altogether, they would not be covers any more."""
    add: dict[str, list[Item]] = {}
    remove: dict[str, list[Item]] = {}
    for item in items:
        mine, wanted = set(item.mine.get("galleries") or ()), set(item.wanted["galleries"] or ())
        for changes, galleries in ((add, wanted - mine), (remove, mine - wanted)):
            for gallery in sorted(galleries):
                changes.setdefault(gallery, []).append(item)
    for changes, what in (
        (remove, call("removeGalleryImages", "input:GalleryRemoveInput!")), (add, call("addGalleryImages", "input:GalleryAddInput!")),
    ):  # fmt: skip
        parts = [(gallery, some[n : n + REMOVABLE]) for gallery, some in changes.items() for n in range(0, len(some), REMOVABLE)]
        answers = calls.each(what, [{"input": {"gallery_id": local(gallery), "image_ids": [one.number for one in some]}} for gallery, some in parts])
        singly = [(gallery, one) for (gallery, some), answer in zip(parts, answers, strict=True) if answer.reason for one in some]
        do(calls, what, "galleries", [(one, {"input": {"gallery_id": local(gallery), "image_ids": [one.number]}}) for gallery, one in singly])


def write_files(calls: Calls, items: list[Item]) -> None:
    """Give scenes files that are theirs, and choose the first; a file is taken out of a scene only by giving it to another one."""
    added, first = [], []
    for item in items:
        mine, wanted = item.mine.get("files") or [], item.wanted["files"] or []
        if set(mine) - set(wanted):
            item.lacks("files", "Stash moves a file to another scene, but does not take it out of one")
        added += [(item, {"input": {"scene_id": item.number, "file_id": local(one)}}) for one in wanted if one not in mine]
        if wanted[:1] and wanted[:1] != mine[:1]:
            first.append((item, {"input": {"id": item.number, "primary_file_id": local(wanted[0])}}))
    do(calls, call("sceneAssignFile", "input:AssignSceneFileInput!"), "files", added)
    do(calls, call("sceneUpdate", "input:SceneUpdateInput!", "{id}"), "files", first)


def write_fingerprints(calls: Calls, items: list[Item]) -> None:
    """Set the fingerprints of files that Stash lets be set: one of each type, and neither md5 nor oshash."""
    sent = []
    for item in items:
        here, wanted = (_prints(side.get("fingerprints")) for side in (item.mine, item.wanted))
        changes = []
        for name in sorted(here.keys() | wanted.keys()):
            before, after = here.get(name, Counter()), wanted.get(name, Counter())
            if before == after:
                continue
            if name in FIXED_PRINTS:
                item.lacks("fingerprints", f"{name} comes from a scan only")
                continue
            if len(after) > 1 or (after and len(before) > 1):
                item.lacks("fingerprints", f"Stash's API sets one {name} only, and there are more")
                continue
            changes.append({"type": name, "value": next(iter(after), None)})
        if changes:
            sent.append((item, {"input": {"id": item.number, "fingerprints": changes}}))
    do(calls, call("fileSetFingerprints", "input:FileSetFingerprintsInput!"), "fingerprints", sent)


def _prints(rows: list[Record] | None) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for row in rows or ():
        found.setdefault(row["type"], Counter())[row["value"]] += 1
    return found
