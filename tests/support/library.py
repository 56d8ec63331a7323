"""Fill an empty Stash database with a made-up library of any size; the same arguments give the same library.

python tests/support/library.py stash-go.sqlite --scenes 10000

The database must have been created by Stash (schema 75), and Stash must not be running on it. Every table that holds a user's
work gets rows and every column is filled somewhere. Each table has a generator of its own with random numbers of its own, and
what two tables share (which file is whose) is arithmetic, so that rows stream into SQLite and nothing is kept in memory.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import sqlite3
import struct
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

SCHEMA = 75
BOXES = ("https://box-one.example/graphql", "https://box-two.example/graphql")
PER_FOLDER = 200
PAGES = 3  # images inside each zip that Stash has looked into; the last one lies in a folder of its own there
SYLLABLES = (
    "ba", "den", "fi", "gor", "hul", "ja", "ke", "lin", "mo", "nar", "os", "pel", "qui", "ro", "sul", "ta", "ven", "wy", "xo", "zim",
)
ODD = (
    "=HYPERLINK(1)", "+1+1", "-2", "@cmd", "two\nlines", "carriage\r\nreturn", "tab\there", 'she said "no"', "it's; a|b, c",
    "<b>&amp;</b>", "]]><!--", "smörgåsbord ☕", "family 👨‍👩‍👧 🏳️‍🌈", "日本語の題名", "שלום \u202eabc\u202c",
    "bell \x07 escape \x1b[1m del \x7f", "next\x85line\u2028para\u2029", "50%_off\\", "e\u0301 is not é", "null", "0012", "1e5",
    "${x} {{y}} %s",
)
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAgAAAQABAAD//gAQTGF2YzU5LjM3LjEwMAD/2wBDAAg+Pkk+SVVVVVVVVWRdZGhoaGRkZGRoaGhwcHCDg4NwcHBoaHBwfHyDg4+Tj4eH"
    "g4eTk5ubm7q6srLZ2eD/////xABMAAEBAAAAAAAAAAAAAAAAAAAABgEBAQAAAAAAAAAAAAAAAAAABgcQAQAAAAAAAAAAAAAAAAAAAAARAQAAAAAAAAAAAAAA"
    "AAAAAAD/wAARCAAIAAgDASIAAhEAAxEA/9oADAMBAAIRAxEAPwCLAFF/f//Z"
)
GIF = bytes.fromhex("47494638396101000100800000ff00000000ff21f90401000000002c00000000010001000002024401003b")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#48a"/></svg>'

Row = tuple[Any, ...]
Thing = TypeVar("Thing")
Rows = Callable[["Made", random.Random], Iterator[Row]]
TABLES: list[tuple[str, str, Rows]] = []


def table(name: str, columns: str) -> Callable[[Rows], Rows]:
    """Say that a generator makes the rows of a table, in these columns."""

    def remember(rows: Rows) -> Rows:
        TABLES.append((name, columns, rows))
        return rows

    return remember


def one_of(rng: random.Random, things: Sequence[Thing]) -> Thing:
    """Pick one (three times as fast as choice, and this is called millions of times)."""
    return things[int(rng.random() * len(things))]


def some_of(rng: random.Random, count: int, fewest: int, most: int) -> list[int]:
    """Pick some ids out of 1..count, low ones more often, as a few tags are on most scenes."""
    wanted = fewest + int(rng.random() * (most - fewest + 1))
    return sorted({1 + int(count * rng.random() ** 1.5) for _ in range(wanted)})


def picture(k: int) -> bytes:
    """Return a small picture, different for each k: mostly a PNG of one colour."""
    if k < 3:
        return (JPEG, GIF, SVG)[k]
    line = b"\0" + bytes((k * 37 % 256, k * 91 % 256, k)) * 8

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(line * 8)) + chunk(b"IEND", b"")


class Made:
    """The sizes of a library, what its tables agree on, and pools of values to draw from."""

    def __init__(self, *, scenes: int, images: int, galleries: int, seed: int, root: str) -> None:
        """Derive everything from the arguments."""
        self.scenes, self.images, self.galleries, self.seed, self.root = scenes, images, galleries, seed, root.rstrip("/\\")
        self.slash = "\\" if "\\" in root else "/"
        self.tags = min(max(scenes // 15, 24), 3000)
        self.studios = min(max(scenes // 50, 8), 2000)
        self.performers = min(max(scenes // 8, 64), 20000)
        self.groups = min(max(scenes // 25, 36), 4000)
        self.folder_galleries = (galleries + 2) // 3
        self.zips = (galleries + 1) // 3
        self.image_folders = self.folder_galleries or -(-images // PER_FOLDER)
        self.per_image_folder = max(1, -(-images // max(1, self.image_folders)))
        # files are numbered in blocks: each scene has room for three, each image for two, and so on
        self.first_image_file = 3 * scenes
        self.first_zip = self.first_image_file + 2 * images
        self.first_page_file = self.first_zip + 2 * self.zips
        # and so are folders: the root and its three parts, then the folders of videos, images and zips, then two for each zip
        self.first_video_folder = 5
        self.first_image_folder = self.first_video_folder + -(-scenes // PER_FOLDER)
        self.first_zip_folder = self.first_image_folder + self.image_folders
        self.first_inner_folder = self.first_zip_folder + -(-self.zips // PER_FOLDER)
        rng = self.random("pools")
        word = ["".join(one_of(rng, SYLLABLES) for _ in range(2 + k % 2)) for k in range(400)]
        self.phrases = [f"{one_of(rng, word)} {one_of(rng, word)}" for _ in range(1000)]
        self.texts = [" ".join(one_of(rng, word) for _ in range(12 + k % 40)).capitalize() + "." for k in range(300)]
        self.texts += [f"{odd}\n{odd} text" for odd in ODD]
        zones = [timezone.utc] * 3 + [timezone(timedelta(minutes=m)) for m in (120, -300, 345)]
        start = datetime(2017, 1, 1, tzinfo=timezone.utc)
        instants = [start + timedelta(seconds=rng.randrange(250_000_000)) for _ in range(6000)]
        self.stamps = [t.astimezone(one_of(rng, zones)).isoformat().replace("+00:00", "Z") for t in instants]
        self.instants = [t.isoformat().replace("+00:00", "Z") for t in instants]
        self.pictures = [picture(k) for k in range(64)]
        self.checksums = [hashlib.md5(data, usedforsecurity=False).hexdigest() for data in self.pictures]

    def random(self, name: str) -> random.Random:
        """Return random numbers that depend on the seed and this name only."""
        return random.Random(f"{self.seed} {name}")

    def path(self, *parts: str) -> str:
        """Join the names of folders below the root."""
        return self.slash.join((self.root, *parts))

    def name(self, rng: random.Random, i: int) -> str:
        """Make up a name; the number in it makes it the only one."""
        return f"{ODD[i // 23 % len(ODD)]} {i}" if i % 23 == 11 else f"{one_of(rng, self.phrases).title()} {i}"

    def maybe(self, rng: random.Random, things: Sequence[Thing], chance: float) -> Thing | None:
        """Pick one, or nothing."""
        return one_of(rng, things) if rng.random() < chance else None

    def rating(self, rng: random.Random) -> int | None:
        """Rate, or do not."""
        return 1 + int(rng.random() * 100) if rng.random() < 0.6 else None

    def times(self, rng: random.Random) -> tuple[str, str]:
        """Return when something was made and when it was last changed."""
        return one_of(rng, self.stamps), one_of(rng, self.stamps)

    def day(self, rng: random.Random, first: int, last: int) -> tuple[str | None, int | None]:
        """Return a date and its precision: 0 a day, 1 a month, 2 a year; sometimes none."""
        kind, year, month, day = rng.random(), rng.randint(first, last), 1 + int(rng.random() * 12), 1 + int(rng.random() * 28)
        if kind < 0.08:
            return None, None
        if kind < 0.16:
            return (f"{year}-01-01", 2) if kind < 0.12 else (f"{year}-{month:02}-01", 1)
        return f"{year}-{month:02}-{day:02}", 0

    def stash_id(self, rng: random.Random) -> tuple[str, str]:
        """Return a stash-box's id for something, and when it was given."""
        return str(uuid.UUID(int=rng.getrandbits(128))), one_of(rng, self.stamps)

    def scene_files(self, i: int) -> list[int]:
        """Return the files of a scene, the primary one first: usually one, for some scenes none, two or three."""
        count = 0 if i % 83 == 7 else 3 if i % 173 == 9 else 2 if i % 41 == 5 else 1
        return [k * self.scenes + i for k in range(count)]

    def image_files_of(self, i: int) -> list[int]:
        """Return the files of an image: one, for some two."""
        first = self.first_image_file + i
        return [first, first + self.images] if i % 43 == 5 else [first]

    def is_clip(self, i: int) -> bool:
        """Say whether an image is a moving one, whose file Stash keeps as a video."""
        return i % 57 == 3

    def zip_files(self, z: int) -> list[int]:
        """Return the files of zip gallery z, counted from 0: one, for some two."""
        first = self.first_zip + 2 * z + 1
        return [first, first + 1] if z % 7 == 3 else [first]

    def zip_path(self, z: int) -> tuple[str, str]:
        """Return the folder and the name of a zip."""
        return self.path("zips", f"{z // PER_FOLDER:05}"), f"gallery {z:06}.zip"

    def opened(self) -> range:
        """Return the zip galleries whose images Stash knows."""
        return range(0, self.zips, 2)

    def page(self, z: int, k: int) -> tuple[int, int, int]:
        """Return image, file and folder of a page inside a zip."""
        inner = self.first_inner_folder + 2 * z
        return self.images + PAGES * z + k + 1, self.first_page_file + PAGES * z + k + 1, inner + (k == PAGES - 1)

    def gallery_images(self, g: int) -> Sequence[int]:
        """Return what is in a gallery: 1, 4, 7.. are folders, 2, 5, 8.. are zips, 3, 6, 9.. were made by the user."""
        if g % 3 == 1:
            first = g // 3 * self.per_image_folder
            return range(first + 1, min(first + self.per_image_folder, self.images) + 1)
        if g % 3 == 2:
            return [self.page(g // 3, k)[0] for k in range(PAGES)] if g // 3 % 2 == 0 else []
        return list(dict.fromkeys(1 + (g * 31 + k * 17) % self.images for k in range(1 + g // 3 % 12))) if self.images else []

    def marker_tags(self, i: int, k: int) -> list[int]:
        """Return the tags of marker k of scene i, the primary one first."""
        return [1 + (i * 7 + k * 3 + step) % self.tags for step in range(1 + (i + k) % 3)]

    def markers(self) -> Iterator[tuple[int, int, int]]:
        """Go through all markers: id, scene, and which of the scene's markers it is."""
        for i in range(5, self.scenes + 1, 5):
            for k in range(1 + i // 5 % 4):
                yield 4 * i + k, i, k


@table("tags", "id,name,sort_name,description,favorite,ignore_auto_tag,image_blob,created_at,updated_at")
def tags(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make tags."""
    for i in range(1, m.tags + 1):
        yield (i, m.name(rng, i), f"{i:05}" if i % 9 == 0 else None, m.maybe(rng, m.texts, 0.4), i % 20 == 0, i % 17 == 0,
               m.maybe(rng, m.checksums, 0.2), *m.times(rng))


@table("tag_aliases", "tag_id,alias")
def tag_aliases(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make other names of tags."""
    return ((i, f"aka {one_of(rng, ODD if i % 10 == 0 else m.phrases)} {i}-{k}") for i in range(1, m.tags + 1) for k in range(i % 3))


@table("tags_relations", "parent_id,child_id")
def tag_parents(m: Made, _: random.Random) -> Iterator[Row]:
    """Make a tree in which some tags have two or three parents; a parent's number is always the lower one."""
    for i in range(6, m.tags + 1):
        yield from ((parent, i) for parent in {i // 6, i // 9 if i % 4 == 0 else i // 6, i // 14 if i % 20 == 0 else i // 6} if parent)


def stash_ids(owner: str, every: int) -> None:
    """Say that each n-th object of a kind is known to one stash-box, and some to two."""

    @table(f"{owner}_stash_ids", f"{owner}_id,endpoint,stash_id,updated_at")
    def rows(m: Made, rng: random.Random) -> Iterator[Row]:
        for i in range(1, getattr(m, f"{owner}s") + 1):
            if i % every == 0:
                yield (i, BOXES[0], *m.stash_id(rng))
            if i % (4 * every) < 2:
                yield (i, BOXES[1], *m.stash_id(rng))


def urls(owner: str, plural: str, every: int, most: int) -> None:
    """Say that each n-th object of a kind has up to so many addresses, whose order is not the alphabet's."""

    @table(f"{owner}_urls", f"{owner}_id,position,url")
    def rows(m: Made, _: random.Random) -> Iterator[Row]:
        for i in range(every, getattr(m, plural) + 1, every):
            yield from ((i, k, f"https://{owner}.example/{9 - k}/{i}?q=a&b=ü#{k}") for k in range(1 + i // every % most))


def links(name: str, plural: str, owner: str, other: str, *, every: int = 1, fewest: int = 0, most: int) -> None:
    """Say that each n-th object of a kind has some tags, or some performers."""

    @table(name, f"{owner}_id,{other}_id")
    def rows(m: Made, rng: random.Random) -> Iterator[Row]:
        count = getattr(m, f"{other}s")
        return ((i, x) for i in range(every, getattr(m, plural) + 1, every) for x in some_of(rng, count, fewest, most))


for _owner, _every in (("tag", 4), ("studio", 2), ("performer", 2), ("scene", 2)):
    stash_ids(_owner, _every)
for _owner, _plural, _every, _most in (
    ("studio", "studios", 2, 3), ("performer", "performers", 2, 3), ("group", "groups", 2, 2), ("scene", "scenes", 2, 3),
    ("image", "images", 15, 2), ("gallery", "galleries", 2, 2),
):
    urls(_owner, _plural, _every, _most)
for _name, _plural, _owner in (
    ("studios_tags", "studios", "studio"), ("performers_tags", "performers", "performer"), ("groups_tags", "groups", "group"),
    ("galleries_tags", "galleries", "gallery"), ("images_tags", "images", "image"),
):
    links(_name, _plural, _owner, "tag", most=6 if _owner == "image" else 4)
links("scenes_tags", "scenes", "scene", "tag", fewest=4, most=16)
links("performers_scenes", "scenes", "scene", "performer", most=4)
links("performers_images", "images", "image", "performer", every=3, fewest=1, most=2)
links("performers_galleries", "galleries", "gallery", "performer", most=3)


@table("studios", "id,name,parent_id,details,rating,favorite,ignore_auto_tag,image_blob,created_at,updated_at")
def studios(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make studios, some below others."""
    for i in range(1, m.studios + 1):
        yield (i, f"{m.name(rng, i)} Studio", i // 4 if i > 4 and i % 2 else None, m.maybe(rng, m.texts, 0.5), m.rating(rng),
               i % 7 == 0, i % 8 == 5, m.maybe(rng, m.checksums, 0.6), *m.times(rng))


@table("studio_aliases", "studio_id,alias")
def studio_aliases(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make other names of studios."""
    return ((i, f"{one_of(rng, m.phrases)} films {i}-{k}") for i in range(1, m.studios + 1) for k in range(i % 3))


@table(
    "performers",
    "id,name,disambiguation,gender,birthdate,birthdate_precision,death_date,death_date_precision,ethnicity,country,eye_color,hair_color,height,weight,"
    "measurements,fake_tits,penis_length,circumcised,career_length,tattoos,piercings,details,rating,favorite,ignore_auto_tag,image_blob,created_at,updated_at",
)
def performers(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make performers; each twentieth shares its name with others and is told apart by a disambiguation, or by having none."""
    genders = (None, "FEMALE", "FEMALE", "MALE", "TRANSGENDER_FEMALE", "TRANSGENDER_MALE", "INTERSEX", "NON_BINARY")
    for i in range(1, m.performers + 1):
        name, told_by = (f"Jane Doe {i // 60}", None if i % 60 == 20 else f"no. {i}") if i % 20 == 0 else (m.name(rng, i), None)
        death = m.day(rng, 2010, 2025) if i % 15 == 0 else (None, None)
        yield (
            i, name, told_by, one_of(rng, genders), *m.day(rng, 1950, 2000), *death,
            m.maybe(rng, ("Asian", "Black", "Caucasian", "Latin"), 0.7), m.maybe(rng, ("US", "CZ", "JP", "BR", "DE"), 0.7),
            m.maybe(rng, ("Blue", "Brown", "Green"), 0.6), m.maybe(rng, ("Blond", "Black", "Red"), 0.6), m.maybe(rng, range(150, 200), 0.7),
            m.maybe(rng, range(45, 110), 0.6), m.maybe(rng, ("34C-24-35", "32A-23-33"), 0.5), m.maybe(rng, ("Natural", "Augmented"), 0.4),
            m.maybe(rng, (12.5, 15.0, 18.25), 0.2), m.maybe(rng, ("CUT", "UNCUT"), 0.2), m.maybe(rng, ("2010 - 2020", "2015 -"), 0.4),
            m.maybe(rng, ('Left arm; "Mom"', "None"), 0.3), m.maybe(rng, ("Navel", "Ears & nose"), 0.3), m.maybe(rng, m.texts, 0.4),
            m.rating(rng), i % 11 == 0, i % 33 == 0, m.maybe(rng, m.checksums, 0.8), *m.times(rng),
        )


@table("performer_aliases", "performer_id,alias")
def performer_aliases(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make other names of performers; some are somebody else's name."""
    for i in range(1, m.performers + 1):
        yield from ((i, "Jane Doe 0" if k == 2 and i % 20 else f"{one_of(rng, m.phrases)} {i}-{k}") for k in range(i % 4))


@table("performer_custom_fields", "performer_id,field,value")
def custom_fields(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make custom fields of each type that Stash has."""
    for i in range(4, m.performers + 1, 4):
        yield from ((i, "shelf", f"row {i}"), (i, "score", i), (i, "share", i / 7), (i, "whole", float(i)), (i, "none", 0))
        yield i, "year", "1999"
        yield i, one_of(rng, ("Notes", "ключ 🔑", "a.b[0]")), one_of(rng, ODD)


@table(
    "groups",
    "id,name,aliases,duration,date,date_precision,rating,studio_id,director,description,front_image_blob,back_image_blob,created_at,updated_at",
)
def groups(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make groups; names repeat."""
    for i in range(1, m.groups + 1):
        yield (i, "Best of" if i % 9 == 0 else m.name(rng, i), m.maybe(rng, ("aka one, aka two", "the other"), 0.4),
               m.maybe(rng, (0, 3600, 7261), 0.6), *m.day(rng, 1975, 2025), m.rating(rng), m.maybe(rng, range(1, m.studios + 1), 0.7),
               m.maybe(rng, m.phrases, 0.4), m.maybe(rng, m.texts, 0.5), m.maybe(rng, m.checksums, 0.5), m.maybe(rng, m.checksums, 0.3),
               *m.times(rng))


@table("groups_relations", "containing_id,sub_id,order_index,description")
def sub_groups(m: Made, rng: random.Random) -> Iterator[Row]:
    """Put groups into groups, some into two; the order has gaps."""
    for i in range(4, m.groups + 1):
        if i % 3:
            yield i // 4, i, 1 + i % 4, m.maybe(rng, ("part one", *ODD), 0.5)
        if i % 5 == 0 and i // 7 and i // 7 != i // 4:
            yield i // 7, i, 10 + i % 7, m.maybe(rng, m.phrases, 0.5)


@table("folders", "id,path,parent_folder_id,zip_file_id,mod_time,created_at,updated_at")
def folders(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make folders, those inside zips too."""

    def folder(number: int, path: str, parent: int | None, inside: int | None = None) -> Row:
        return number, path, parent, inside, one_of(rng, m.stamps), *m.times(rng)

    yield folder(1, m.root, None)
    yield from (folder(2 + k, m.path(name), 1) for k, name in enumerate(("videos", "images", "zips")))
    video_folders = m.first_image_folder - m.first_video_folder
    yield from (folder(m.first_video_folder + k, m.path("videos", f"{k:05}"), 2) for k in range(video_folders))
    yield from (folder(m.first_image_folder + k, m.path("images", f"{k:05} ünïcode [set]"), 3) for k in range(m.image_folders))
    yield from (folder(m.first_zip_folder + k, m.path("zips", f"{k:05}"), 4) for k in range(m.first_inner_folder - m.first_zip_folder))
    for z in m.opened():
        inner, (outer, name) = m.first_inner_folder + 2 * z, m.zip_path(z)
        yield folder(inner, f"{outer}{m.slash}{name}", m.first_zip_folder + z // PER_FOLDER, m.zip_files(z)[0])
        yield folder(inner + 1, f"{outer}{m.slash}{name}{m.slash}extras", inner, m.zip_files(z)[0])


@table("files", "id,basename,parent_folder_id,zip_file_id,size,mod_time,created_at,updated_at")
def files(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make files: videos, images, zips and what is inside them."""

    def file(number: int, name: str, parent: int, size: int, inside: int | None = None) -> Row:
        return number, name, parent, inside, 1 + int(rng.random() * size), one_of(rng, m.stamps), *m.times(rng)

    for i in range(1, m.scenes + 1):
        for k, number in enumerate(m.scene_files(i)):
            name = f"{i:07} 100% #1 [e\u0301] “q” & 🎬 {k}.mkv" if i % 31 == 0 else f"scene {i:07}{f' copy {k}' if k else ''}.mp4"
            yield file(number, name, m.first_video_folder + (i - 1) // PER_FOLDER, 6 * 10**9)
    for i in range(1, m.images + 1):
        for k, number in enumerate(m.image_files_of(i)):
            name = f"image {i:08}{f' copy {k}' if k else ''}.{'webm' if m.is_clip(i) else 'jpg'}"
            yield file(number, name, m.first_image_folder + (i - 1) // m.per_image_folder, 10**7)
    for z in range(m.zips):
        for k, number in enumerate(m.zip_files(z)):
            yield file(number, f"copy of {m.zip_path(z)[1]}" if k else m.zip_path(z)[1], m.first_zip_folder + z // PER_FOLDER, 10**8)
    for z in m.opened():
        for k in range(PAGES):
            _, number, parent = m.page(z, k)
            yield file(number, f"page {k:02}.jpg", parent, 10**6, m.zip_files(z)[0])


@table("files_fingerprints", "file_id,type,fingerprint")
def fingerprints(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make checksums: the copies of a scene's file share them or not, some files have several phashes, some scenes share one."""
    for i in range(1, m.scenes + 1):
        for k, number in enumerate(m.scene_files(i)):
            if k == 0 or i % 2:
                md5, oshash, phash = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(64):016x}", rng.getrandbits(64) - 2**63
            if i % 10:
                yield number, "md5", md5
            yield number, "oshash", oshash
            yield number, "phash", i // 100 if i % 50 == 0 else phash
            if i % 17 == 0:
                yield from ((number, "phash", phash ^ 1 << bit) for bit in range(1 + i % 3))
    for i in range(1, m.images + 1):
        md5 = f"{rng.getrandbits(128):032x}"
        yield from ((number, "md5", md5) for number in m.image_files_of(i))
    for z in range(m.zips):
        md5 = f"{rng.getrandbits(128):032x}"
        yield from ((number, "md5", md5) for number in m.zip_files(z))
    yield from ((m.page(z, k)[1], "md5", f"{rng.getrandbits(128):032x}") for z in m.opened() for k in range(PAGES))


@table("video_files", "file_id,duration,video_codec,format,audio_codec,width,height,frame_rate,bit_rate,interactive,interactive_speed")
def video_files(m: Made, rng: random.Random) -> Iterator[Row]:
    """Say what the videos are like; a moving image is one of them."""
    shapes = ((1920, 1080), (1280, 720), (3840, 2160), (720, 1280), (640, 480))
    for i in range(1, m.scenes + 1):
        for number in m.scene_files(i):
            codec, form, audio = one_of(rng, (("h264", "mp4", "aac"), ("hevc", "matroska", "opus"), ("vp9", "webm", "")))
            yield (number, 5 + round(rng.random() * 5000, 2), codec, form, audio, *one_of(rng, shapes),
                   one_of(rng, (23.976, 25.0, 29.97, 60.0)), int(rng.random() * 9_000_000), i % 12 == 0, i % 100 if i % 24 == 0 else None)
    for i in filter(m.is_clip, range(1, m.images + 1)):
        yield from ((number, 2.5, "vp9", "webm", "", 640, 360, 25.0, 500_000, False, None) for number in m.image_files_of(i))


@table("image_files", "file_id,format,width,height")
def image_files(m: Made, rng: random.Random) -> Iterator[Row]:
    """Say what the images are like."""
    shapes = (("jpeg", 1920, 1280), ("jpeg", 1280, 1920), ("png", 800, 800), ("webp", 4000, 3000))
    for i in range(1, m.images + 1):
        if not m.is_clip(i):
            yield from ((number, *one_of(rng, shapes)) for number in m.image_files_of(i))
    yield from ((m.page(z, k)[1], "jpeg", 800, 1200) for z in m.opened() for k in range(PAGES))


@table("video_captions", "file_id,language_code,filename,caption_type")
def captions(m: Made, _: random.Random) -> Iterator[Row]:
    """Make captions, those of a scene's further files too."""
    for i in range(1, m.scenes + 1):
        for k, number in enumerate(m.scene_files(i)):
            if i % 20 == 0 or k:
                yield number, "en", f"scene {i:07}.en.srt", "srt"
            if i % 40 == 0 or k == 1:
                yield from ((number, "de", f"scene {i:07} {k} ü.de.vtt", "vtt"), (number, "00", f"scene {i:07} {k}.srt", "srt"))


@table(
    "scenes",
    "id,title,code,details,director,date,date_precision,rating,studio_id,organized,resume_time,play_duration,cover_blob,created_at,updated_at",
)
def scenes(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make scenes; one without a file has a title."""
    for i in range(1, m.scenes + 1):
        title = None if i % 29 == 3 and m.scene_files(i) else m.name(rng, i)
        yield (i, title, f"SC-{i:06}" if i % 3 == 0 else None, m.maybe(rng, m.texts, 0.6), m.maybe(rng, m.phrases, 0.2),
               *m.day(rng, 1985, 2025), m.rating(rng), 1 + int(rng.random() * m.studios) if i % 9 else None, i % 4 == 0,
               round(rng.random() * 900, 3) if i % 7 == 0 else 0, i * 1.5 if i % 3 == 0 else 0, m.maybe(rng, m.checksums, 0.5),
               *m.times(rng))


@table("scenes_files", "scene_id,file_id,`primary`")
def scene_files(m: Made, _: random.Random) -> Iterator[Row]:
    """Say which files are which scene."""
    return ((i, number, k == 0) for i in range(1, m.scenes + 1) for k, number in enumerate(m.scene_files(i)))


@table("groups_scenes", "group_id,scene_id,scene_index")
def scene_groups(m: Made, _: random.Random) -> Iterator[Row]:
    """Put scenes into groups: with a number, without one, or with the number 0."""
    for i in range(6, m.scenes + 1, 6):
        yield 1 + i * 5 % m.groups, i, None if i % 12 == 0 else 0 if i % 18 == 0 else i % 100
        if i % 18 == 0:
            yield 1 + (i * 5 + 1) % m.groups, i, 1


@table("scene_markers", "id,title,seconds,end_seconds,primary_tag_id,scene_id,created_at,updated_at")
def markers(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make markers; the first two of a scene stand at one second."""
    for number, i, k in m.markers():
        title = "" if k == 3 else ODD[i % len(ODD)] if i % 25 == 0 else f"mark {k}"
        yield number, title, 12.5 if k < 2 else 60.25 * k, 20.75 if k == 1 else None, m.marker_tags(i, k)[0], i, *m.times(rng)


@table("scene_markers_tags", "scene_marker_id,tag_id")
def marker_tags(m: Made, _: random.Random) -> Iterator[Row]:
    """Give markers further tags."""
    return ((number, tag) for number, i, k in m.markers() for tag in m.marker_tags(i, k)[1:])


@table("scenes_view_dates", "scene_id,view_date")
def plays(m: Made, rng: random.Random) -> Iterator[Row]:
    """Play scenes, some twice at one instant."""
    for i in range(3, m.scenes + 1, 3):
        seen = [one_of(rng, m.instants) for _ in range(1 + i // 3 % 4)]
        yield from ((i, when) for when in (seen + seen[:1] if i % 30 == 0 else seen))


@table("scenes_o_dates", "scene_id,o_date")
def o_history(m: Made, rng: random.Random) -> Iterator[Row]:
    """Count, some twice at one instant."""
    for i in range(8, m.scenes + 1, 8):
        when = one_of(rng, m.instants)
        yield from ((i, when) for _ in range(2 if i % 48 == 0 else 1))


@table("scenes_galleries", "scene_id,gallery_id")
def scene_galleries(m: Made, _: random.Random) -> Iterator[Row]:
    """Put a scene, or two, beside each gallery."""
    for g in range(1, m.galleries + 1 if m.scenes else 1):
        yield from ((i, g) for i in {1 + g * 13 % m.scenes, 1 + g * (17 if g % 4 == 0 else 13) % m.scenes})


@table("images", "id,title,code,details,photographer,date,date_precision,rating,studio_id,organized,o_counter,created_at,updated_at")
def images(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make images, those inside zips too."""
    for i in range(1, m.images + 1):
        yield (i, m.name(rng, i) if i % 3 == 0 else None, f"IM-{i}" if i % 8 == 0 else None, one_of(rng, m.texts) if i % 12 == 0 else None,
               one_of(rng, m.phrases) if i % 10 == 0 else None, *m.day(rng, 2000, 2025), m.rating(rng),
               1 + int(rng.random() * m.studios) if i % 4 == 0 else None, i % 9 == 0, i // 10 % 4 if i % 10 == 0 else 0, *m.times(rng))
    inside_zips = (m.page(z, k)[0] for z in m.opened() for k in range(PAGES))
    yield from ((i, None, None, None, None, None, None, None, None, False, 0, *m.times(rng)) for i in inside_zips)


@table("images_files", "image_id,file_id,`primary`")
def files_of_images(m: Made, _: random.Random) -> Iterator[Row]:
    """Say which files are which image."""
    yield from ((i, number, k == 0) for i in range(1, m.images + 1) for k, number in enumerate(m.image_files_of(i)))
    yield from ((*m.page(z, k)[:2], True) for z in m.opened() for k in range(PAGES))


@table("galleries", "id,folder_id,title,code,details,photographer,date,date_precision,rating,studio_id,organized,created_at,updated_at")
def galleries(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make galleries of the three sorts; titles repeat."""
    for g in range(1, m.galleries + 1):
        title = "Holiday" if g % 10 == 0 else None if g % 6 in {1, 5} else m.name(rng, g)
        yield (g, m.first_image_folder + g // 3 if g % 3 == 1 else None, title, f"GA-{g}" if g % 5 == 0 else None,
               m.maybe(rng, m.texts, 0.5), m.maybe(rng, m.phrases, 0.3), *m.day(rng, 2000, 2025), m.rating(rng),
               1 + int(rng.random() * m.studios) if g % 2 else None, g % 5 == 0, *m.times(rng))


@table("galleries_files", "gallery_id,file_id,`primary`")
def gallery_files(m: Made, _: random.Random) -> Iterator[Row]:
    """Say which zips are which gallery."""
    return ((3 * z + 2, number, k == 0) for z in range(m.zips) for k, number in enumerate(m.zip_files(z)))


@table("galleries_images", "gallery_id,image_id,cover")
def gallery_images(m: Made, _: random.Random) -> Iterator[Row]:
    """Put images into galleries; a chosen cover is the last one, which nobody would guess."""
    for g in range(1, m.galleries + 1):
        inside = m.gallery_images(g)
        yield from ((g, i, g % 2 == 0 and i == inside[-1]) for i in inside)


@table("galleries_chapters", "id,title,image_index,gallery_id,created_at,updated_at")
def chapters(m: Made, rng: random.Random) -> Iterator[Row]:
    """Make chapters; some begin at the same image."""
    for g in range(2, m.galleries + 1, 2):
        if inside := m.gallery_images(g):
            yield 2 * g, ODD[g % len(ODD)] if g % 8 == 0 else "Chapter one", 1, g, *m.times(rng)
            yield 2 * g + 1, "Chapter two", 1 if g % 6 == 0 else len(inside), g, *m.times(rng)


@table("saved_filters", "id,mode,name,find_filter,object_filter,ui_options")
def saved_filters(_: Made, __: random.Random) -> Iterator[Row]:
    """Save filters of every mode, with ids inside as the pages of Stash write them."""

    def labelled(*numbers: int) -> list[dict[str, str]]:
        return [{"id": str(n), "label": f"was called {n}"} for n in numbers]

    tagged = {"modifier": "INCLUDES_ALL", "value": {"items": labelled(3, 5), "excluded": labelled(7), "depth": -1}}
    by_whom = {"modifier": "INCLUDES", "value": {"items": labelled(2), "excluded": labelled(4)}}
    studio = {"modifier": "INCLUDES", "value": {"items": labelled(1), "excluded": [], "depth": 0}}
    rated = {"modifier": "GREATER_THAN", "value": {"value": 80}}
    in_2020 = {"modifier": "BETWEEN", "value": {"value": "2020-01-01", "value2": "2021-01-01"}}
    found: list[tuple[str, str, dict[str, Any]]] = [
        ("SCENES", "tagged", {"tags": tagged, "performers": by_whom, "studios": studio}),
        ("SCENES", 'top "rated" 🎬', {"rating100": rated, "organized": {"modifier": "EQUALS", "value": "true"}}),
        ("SCENES", "of a group", {"groups": {"modifier": "INCLUDES", "value": {"items": labelled(1), "excluded": [], "depth": 0}}}),
        ("SCENES", "everything", {}),
        ("PERFORMERS", "tagged", {"tags": tagged, "gender": {"modifier": "INCLUDES", "value": ["Female"]}}),
        ("STUDIOS", "below one", {"parents": {"modifier": "INCLUDES", "value": labelled(1)}}),
        ("GALLERIES", "with somebody", {"performers": by_whom, "date": in_2020}),
        ("SCENE_MARKERS", "tagged", {"tags": tagged, "scene_tags": tagged}),
        ("GROUPS", "of a studio", {"studios": studio}),
        ("TAGS", "below one", {"parents": tagged}),
        ("IMAGES", "of a studio", {"studios": studio, "path": {"modifier": "INCLUDES", "value": "a/b"}}),
    ]
    order = {"q": "", "sort": "date", "direction": "DESC", "page": 1, "per_page": 40}
    for k, (mode, name, criteria) in enumerate(found):
        options = {"display_mode": k % 3, "zoom_index": 1}
        yield k + 1, mode, name, json.dumps(order if k % 2 == 0 else {"sort": "title"}), json.dumps(criteria), json.dumps(options)


def plant_hostile(db: sqlite3.Connection) -> None:
    """Plant what no sound library holds and some real one does: broken text, endless text, odd times, huge ids, odd numbers."""
    then, made, far = "2020-01-01 00:00:00", "2021-05-05T05:05:05Z", 2**40
    db.execute("UPDATE files SET basename = CAST(x'62726f6b656e20ff20c3282e6d7034' AS TEXT) WHERE id = 1")
    db.execute("UPDATE files SET basename = ? WHERE id = 2", ("line\nbreak 'quote'.mp4",))
    db.execute("UPDATE scenes SET title = ? WHERE id = 2", ("long " * 2000,))
    db.execute("UPDATE scenes SET title = '  spaces around  ', details = '', code = ' ' WHERE id = 3")
    db.execute("UPDATE scenes SET created_at = ?, updated_at = '2020-01-01T00:00:00.123456789+02:00' WHERE id = 4", (then,))
    db.execute("UPDATE tags SET created_at = ?, updated_at = ? WHERE id = 2", (then, then))
    db.execute("UPDATE files SET mod_time = '2020-02-29T23:59:59.5Z' WHERE id = 4")
    db.execute("INSERT INTO scenes_view_dates VALUES (5, '2020-06-01T12:00:00+09:00'), (5, ?)", (then,))
    odd_numbers = "(1, 'past 2^53', 9007199254740993), (1, 'huge', 1e22), (1, 'small', -1.5e-7)"
    db.execute(f"INSERT INTO performer_custom_fields VALUES {odd_numbers}")
    db.execute("INSERT INTO tags(id, name, created_at, updated_at) VALUES (?, 'far tag', ?, ?)", (2**31 + 5, made, made))
    db.execute("INSERT INTO studios(id, name, created_at, updated_at) VALUES (?, 'far studio', ?, ?)", (2**33, made, made))
    db.execute("INSERT INTO performers(id, name, created_at, updated_at) VALUES (?, 'Far Away', ?, ?)", (2**32 + 1, made, made))
    db.execute("INSERT INTO scenes(id, title, studio_id, created_at, updated_at) VALUES (?, 'far', ?, ?, ?)", (far, 2**33, made, made))
    db.execute("INSERT INTO scenes_tags(scene_id, tag_id) VALUES (?, ?)", (far, 2**31 + 5))
    db.execute("INSERT INTO performers_scenes(scene_id, performer_id) VALUES (?, ?)", (far, 2**32 + 1))
    db.execute("INSERT INTO galleries(id, title, created_at, updated_at) VALUES (?, 'far gallery', ?, ?)", (far - 1, made, made))
    db.execute("INSERT INTO scenes_galleries(scene_id, gallery_id) VALUES (?, ?)", (far, far - 1))


def store_pictures(db: sqlite3.Connection, m: Made, blobs: Path | None) -> None:
    """Put the pictures into the database; given a folder, every second one goes there, as Stash lays it out."""
    for k, (checksum, data) in enumerate(zip(m.checksums, m.pictures, strict=True)):
        outside = blobs is not None and k % 2 == 0
        if blobs is not None and outside:
            place = blobs / checksum[:2] / checksum[2:4]
            place.mkdir(parents=True, exist_ok=True)
            (place / checksum).write_bytes(data)
        db.execute("INSERT INTO blobs(checksum, blob) VALUES (?, ?)", (checksum, None if outside else data))


def fill(
    database: Path, *, scenes: int = 1000, images: int | None = None, galleries: int | None = None, seed: int = 1,
    blobs: Path | None = None, root: str = "/data/media", hostile: bool = False,
) -> dict[str, int]:
    """Fill an empty database and return how many rows each table has. Images inside zips come on top of those asked for."""
    images = scenes // 2 if images is None else images
    galleries = max(6, scenes // 20) if galleries is None else galleries
    m = Made(scenes=scenes, images=images, galleries=galleries, seed=seed, root=root)
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        (version,) = db.execute("SELECT version FROM schema_migrations").fetchone()
        if version != SCHEMA:
            raise ValueError(f"{database} has schema {version}, only {SCHEMA} is known here")
        if db.execute("SELECT 1 FROM scenes UNION SELECT 1 FROM tags").fetchone():
            raise ValueError(f"{database} is not empty")
        (journal,) = db.execute("PRAGMA journal_mode").fetchone()
        for setting in ("journal_mode=MEMORY", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-400000"):
            db.execute(f"PRAGMA {setting}")
        db.execute("BEGIN IMMEDIATE")
        store_pictures(db, m, blobs)
        for name, columns, rows in TABLES:
            places = ",".join("?" * len(columns.split(",")))
            db.executemany(f"INSERT INTO `{name}`({columns}) VALUES ({places})", rows(m, m.random(name)))
        if hostile:
            plant_hostile(db)
        if broken := db.execute("PRAGMA foreign_key_check").fetchmany(5):
            raise AssertionError(f"broken references: {broken}")
        db.execute("COMMIT")
        db.execute("ANALYZE")
        db.execute(f"PRAGMA journal_mode={journal}")
        names = ["blobs", *(name for name, _, _ in TABLES)]
        return {name: db.execute(f"SELECT count(*) FROM `{name}`").fetchone()[0] for name in names}


def main() -> None:
    """Fill a database from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=Path)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--images", type=int, help="half as many as scenes")
    parser.add_argument("--galleries", type=int, help="a twentieth of the scenes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blobs", type=Path, help="put every second picture into this folder, the blobs folder of Stash")
    parser.add_argument("--root", default="/data/media", help="where the media would lie")
    parser.add_argument("--hostile", action="store_true", help="plant broken text, odd times and huge ids too")
    started = time.perf_counter()
    for name, count in fill(**vars(parser.parse_args())).items():
        print(f"{name}: {count}")
    print(f"{time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
