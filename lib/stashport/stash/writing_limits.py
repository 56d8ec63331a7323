"""The written list of what Stash's API cannot set: shown in a plan before anything is done, and in its report.

A plain name is a field that cannot be written at all; a name with a point is a part of one ("scene_markers.created_at"): the rest of it is written.
"""

from __future__ import annotations

from stashport.model.table import Kind

_NOW = "Stash sets it to the time of the change"
_SCAN = "Stash finds it out itself, when it scans"
_HISTORY = "Stash keeps whole seconds in UTC: fractions and time zones are lost, the instants stay"
_BLANKS = "Stash cuts blanks at the ends of texts"
_IDS = "Stash keeps it in UTC: the instant stays, its time zone is lost"
_TIMES = {"created_at": "Stash sets it to the time when the record is made", "updated_at": _NOW}
_ROW_TIMES = {"created_at": "Stash sets it to the time when it is made", "updated_at": _NOW}


def _rows(name: str) -> dict[str, str]:
    return {f"{name}.{inner}": reason for inner, reason in _ROW_TIMES.items()}


_DESCRIBED = {**_TIMES, "text.blanks": _BLANKS}
_WITH_IDS = {**_DESCRIBED, "stash_ids.updated_at.zone": _IDS}
_NUMBERS = {"custom_fields.exponents": "Stash reads a number like 1e+22 as 0: a record's custom fields with such a one are left as they are"}
CANNOT: dict[str, dict[str, str]] = {
    "tag": _WITH_IDS,
    "studio": _WITH_IDS,
    "performer": {**_WITH_IDS, **_NUMBERS},
    "group": _DESCRIBED,
    "folder": {**_TIMES, "path": _SCAN, "parent_folder": _SCAN, "zip_file": _SCAN, "mod_time": _SCAN},
    "file": {
        **_TIMES, "path": _SCAN, "basename": _SCAN, "parent_folder": _SCAN, "zip_file": _SCAN, "mod_time": _SCAN, "size": _SCAN, "captions": _SCAN,
        "format": _SCAN, "width": _SCAN, "height": _SCAN, "duration": _SCAN, "video_codec": _SCAN, "audio_codec": _SCAN, "frame_rate": _SCAN,
        "bit_rate": _SCAN, "interactive": _SCAN, "interactive_speed": _SCAN,
        "fingerprints.md5": _SCAN, "fingerprints.oshash": _SCAN, "fingerprints.further": "Stash's API sets one fingerprint of each type",
    },
    "gallery": {
        **_DESCRIBED, **_rows("chapters"),
        "files": "the zip file of a gallery comes from a scan only", "folder": "the folder of a gallery comes from a scan only",
    },
    "scene": {
        **_WITH_IDS, **_rows("scene_markers"), "captions": _SCAN, "interactive": _SCAN, "interactive_speed": _SCAN,
        "scene_markers.tags.primary": "Stash leaves the primary tag out of a marker's other tags",
        "play_history.fractions": _HISTORY, "o_history.fractions": _HISTORY,
        "cover_image.cleared": "Stash replaces the cover of a scene, but does not take it away",
        "files.removed": "Stash moves a file to another scene, but does not take it out of one",
    },
    "image": {
        **_DESCRIBED, "visual_files": "an image is what a scan found in its file",
        "galleries.scanned": "which images a folder or a zip file holds comes from a scan only",
    },
    "saved_filter": {},
    "setting": {
        "value.secrets": "keys and passwords never leave a Stash: those that are set here stay", "value.null": "a setting can be changed, but not removed",
        "value.max_requests_per_minute": "Stash's API stores this number of a stash-box where Stash does not read it",
    },
}  # fmt: skip


def cannot(kind: Kind) -> dict[str, str]:
    """Field -> why Stash's API does not set it, for the fields of a kind that this version of Stash Port knows."""
    return dict(CANNOT[kind.name])
