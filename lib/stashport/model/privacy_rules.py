"""What each privacy profile lets out, by name: fields that stand here may leave, whatever else there is may not.

A field that is added to the table of fields stays inside until somebody has put it here; tests hold these lists to the table and to its classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stashport.model.pseudonyms import Pseudonyms

PROFILES = {
    "full": "Everything but secrets: for yourself.",
    "share": "A list of what may be shown to others: no settings, paths, histories, ratings or marks of your own; texts are searched for secrets.",
    "anonymous": "The shape of the library without its contents: names are pseudonyms, dates are years, pictures stay behind.",
}

# Kinds that are of one class as a whole: without it nothing of them is worth writing.
WHOLLY = {"folder": "path", "saved_filter": "personal", "setting": "personal"}

_MARKERS, _CHAPTERS = "scene_markers(title seconds end_seconds primary_tag tags)", "chapters(title image_index)"
_BOXES, _CAPTIONS = "stash_ids(endpoint stash_id)", "captions(language_code filename caption_type)"
_SHARED = {
    "tag": f"name sort_name description aliases parents {_BOXES} image",
    "studio": f"name aliases urls details parent_studio tags {_BOXES} image",
    "performer": "name disambiguation alias_list urls gender birthdate death_date ethnicity country eye_color hair_color height_cm weight measurements"
    f" fake_tits penis_length circumcised career_length career_start career_end tattoos piercings details tags {_BOXES} image",
    "group": "name aliases date duration director synopsis urls studio tags sub_groups(group description) front_image back_image",
    "folder": "path basename parent_folder zip_file",
    "file": "type path basename parent_folder zip_file size fingerprints(type value) format width height duration video_codec audio_codec frame_rate bit_rate"
    f" interactive interactive_speed {_CAPTIONS}",
    "scene": "title code details director date urls studio performers tags groups(group scene_index) galleries files interactive interactive_speed"
    f" captions(language_code caption_type) {_MARKERS} {_BOXES} cover_image",
    "image": "title code details photographer date urls studio performers tags galleries visual_files",
    "gallery": f"title code details photographer date urls studio performers tags files folder cover {_CHAPTERS}",
}  # fmt: skip

# How anonymous changes what it lets out.  A word with a capital is the label of a pseudonym; the others stand in CHANGES.
ANONYMOUS = {
    "tag": {"name": "Tag", "aliases": "Tag", "description": "Text", "parents": "link"},
    "studio": {"name": "Studio", "aliases": "Studio", "urls": "url", "details": "Text", "parent_studio": "link", "tags": "link"},
    "performer": {"name": "Performer", "alias_list": "Performer", "disambiguation": "Note", "urls": "url", "gender": "word", "birthdate": "decade",
                  "details": "Text", "tags": "link"},
    "group": {"name": "Group", "aliases": "Group", "date": "year", "duration": "minutes", "director": "Person", "synopsis": "Text", "urls": "url",
              "studio": "link", "tags": "link", "sub_groups.group": "link", "sub_groups.description": "Text"},
    "file": {"type": "word", "zip_file": "link", "size": "roughly", "format": "word", "width": "edge", "height": "edge", "duration": "minutes",
             "video_codec": "word", "audio_codec": "word", "frame_rate": "rate", "bit_rate": "roughly", "interactive": "flag",
             "captions.language_code": "language", "captions.caption_type": "word"},
    "scene": {"title": "Scene", "code": "Code", "details": "Text", "director": "Person", "date": "year", "urls": "url", "studio": "link", "performers": "link",
              "tags": "link", "groups.group": "link", "groups.scene_index": "number", "galleries": "link", "files": "link", "interactive": "flag",
              "captions.language_code": "language", "captions.caption_type": "word", "scene_markers.title": "Marker", "scene_markers.seconds": "minutes",
              "scene_markers.end_seconds": "minutes", "scene_markers.primary_tag": "link", "scene_markers.tags": "link"},
    "image": {"title": "Image", "code": "Code", "details": "Text", "photographer": "Person", "date": "year", "urls": "url", "studio": "link",
              "performers": "link", "tags": "link", "galleries": "link", "visual_files": "link"},
    "gallery": {"title": "Gallery", "code": "Code", "details": "Text", "photographer": "Person", "date": "year", "urls": "url", "studio": "link",
                "performers": "link", "tags": "link", "files": "link", "cover": "link", "chapters.title": "Chapter", "chapters.image_index": "number"},
}  # fmt: skip

_BODY = (
    "death_date", "ethnicity", "country", "eye_color", "hair_color", "height_cm", "weight", "measurements", "fake_tits", "penis_length", "circumcised",
    "career_length", "career_start", "career_end", "tattoos", "piercings",
)  # fmt: skip

# Why anonymous keeps back what others may see otherwise.
KEPT_BACK = {
    "tag.sort_name": "it tells where a name stands in the alphabet",
    **dict.fromkeys((f"performer.{name}" for name in _BODY), "a few such facts together name a performer"),
    **dict.fromkeys(("file.interactive_speed", "scene.interactive_speed"), "it is computed from one file's script"),
}  # fmt: skip


def _parsed(listed: str) -> frozenset[str]:
    """A list such as "a b(c d)" as the names a, b, b.c and b.d."""
    found: set[str] = set()
    for name, inner in re.findall(r"(\w+)(?:\(([^)]*)\))?", listed):
        found |= {name, *(f"{name}.{one}" for one in inner.split())}
    return frozenset(found)


SHARE = {kind: _parsed(listed) for kind, listed in _SHARED.items()}
ANONYMOUS_NAMES = {kind: frozenset(changes) | {name.partition(".")[0] for name in changes} for kind, changes in ANONYMOUS.items()}

# The only texts that anonymous lets out as they are.
_USUAL = (
    "MALE FEMALE TRANSGENDER_MALE TRANSGENDER_FEMALE INTERSEX NON_BINARY video image file srt vtt ass ssa smi sub"
    " mp4 m4v mov matroska mkv webm avi asf wmv flv mpeg mpegts vob ogg 3gp rm hls jpeg jpg png gif webp apng avif heic heif jxl bmp tiff svg"
    " h263 h264 hevc h265 vp6f vp8 vp9 av1 mpeg1video mpeg2video mpeg4 msmpeg4v1 msmpeg4v2 msmpeg4v3 wmv1 wmv2 wmv3 vc1 mjpeg flv1 prores theora rv30 rv40"
    " svq3 dvvideo rawvideo aac mp2 mp3 ac3 eac3 dts truehd opus vorbis flac alac wmav1 wmav2 wmapro amr_nb amr_wb cook adpcm_ms adpcm_ima_wav pcm_s16le"
    " pcm_s24le pcm_u8 nellymoser speex"
)
WORDS = frozenset(_USUAL.split())
_LANGUAGE = re.compile(r"[a-z]{2,3}|00", re.ASCII)
_DATE = re.compile(r"(\d{3})(\d)(?:-\d\d(?:-\d\d)?)?", re.ASCII)
_EDGES = (120, 160, 240, 320, 360, 480, 540, 576, 640, 720, 768, 800, 854, 960, 1024, 1080, 1280, 1440, 1600, 1920, 2160, 2560, 2880, 3200, 3840, 4096, 4320,
          5120, 5760, 6144, 7680, 8192)
_RATES = (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100, 120, 240)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63


def _minutes(value: Any) -> Any:
    """Whole minutes, from ten minutes on every fifth: together with a year, seconds would find a scene in a public database."""
    if not _number(value) or value < 0:
        return None
    step = 60 if value < 600 else 300
    return type(value)(value // step * step)


def _roughly(value: Any) -> Any:
    """One leading digit: a size in bytes belongs to one file in the world."""
    if not _number(value) or value < 0:
        return None
    power = 10 ** (len(str(int(value))) - 1)
    return int(value) // power * power


def _nearest(values: tuple[int, ...]) -> Callable[[Any], Any]:
    return lambda value: type(value)(min(values, key=lambda one: abs(one - value))) if _number(value) and value > 0 else None


def _year(value: Any) -> Any:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    return found[1] + found[2] if found else None


def _decade(value: Any) -> Any:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    return found[1] + "0" if found else None


def _of_type(wanted: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) is wanted else None


# name -> (the change, what it is called)
CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "word": (lambda value: value if isinstance(value, str) and value in WORDS else None if value is None else "other", "if it is a usual word, else `other`"),
    "language": (lambda value: value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else None, "if it is a language's code"),
    "year": (_year, "the year"),
    "decade": (_decade, "the decade"),
    "minutes": (_minutes, "whole minutes, from ten on every fifth"),
    "roughly": (_roughly, "its first digit"),
    "edge": (_nearest(_EDGES), "the nearest usual one"),
    "rate": (_nearest(_RATES), "the nearest usual one"),
    "number": (_of_type(int), "as it is"),
    "flag": (_of_type(bool), "as it is"),
    "link": (_of_type(type(None)), "links, with other numbers"),
}


def change_of(name: str, pseudonyms: Pseudonyms) -> Callable[[Any], Any]:
    """The change for one value, by its name in ANONYMOUS."""
    if name in CHANGES:
        return CHANGES[name][0]
    if name == "url":
        return lambda value: pseudonyms.url(value) if isinstance(value, str) and value else None
    return lambda value: pseudonyms.name(name, value) if isinstance(value, str) and value else None


def called(name: str) -> str:
    """What a change is called, for people."""
    return CHANGES[name][1] if name in CHANGES else "an address of no site" if name == "url" else f"a pseudonym ({name} 4k7q29fzxm)"
