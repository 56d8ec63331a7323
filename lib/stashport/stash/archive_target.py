"""What a running Stash has, as its import refers to it: paths of files and folders, names that only one record has, and which record a file belongs to.

Everything is asked for when it is first needed, in pages; what is looked up by path is looked up by folder, since Stash answers an unknown path with an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from stashport.errors import ServerError
from stashport.model.fields import BY_NAME
from stashport.model.records import Record, number_of
from stashport.stash.archive import FILES, pattern
from stashport.stash.connection import Connection
from stashport.stash.writing_inputs import ImageSource

PAGE = 1000
_NAMES = "query StashPortNames{{found:{find}(filter:{{per_page:-1}}){{{listing}{{id name}}}}}}"
_OF = "query StashPortPaths($ids:[ID!]){{found:{find}(ids:$ids,filter:{{per_page:-1}}){{{listing}{{id path}}}}}}"
_FOLDERS = "query StashPortFolders{found:findFolders(filter:{per_page:-1}){folders{id path}}}"
_INSIDE = """query StashPortInside($ids:[ID!]){
    found:findFiles(file_filter:{parent_folder:{value:$ids,modifier:INCLUDES,depth:0}},filter:{per_page:-1}){files{id path}}}"""
_GALLERIES = "query StashPortGalleries{found:findGalleries(filter:{per_page:-1}){galleries{id title folder{path} files{path}}}}"
_LAST = 'query StashPortLast{{found:{find}(filter:{{per_page:1,sort:"id",direction:DESC}}){{{listing}{{id}}}}}}'
_OWNERS = (
    "query StashPortOwners($after:Int!){{found:{find}({keyset}:{{id:{{value:$after,modifier:GREATER_THAN}}}},"
    'filter:{{per_page:{page},sort:"id",direction:ASC}}){{{listing}{{id {files}}}}}}}'
)
_OWNED = {"scene": "files{id}", "image": "visual_files{...on VideoFile{id} ...on ImageFile{id}}", "gallery": "files{id} folder{id}"}


class Target:
    """A running Stash as its import sees it, and the records that are about to be made, which may refer to each other by their ids.

    Errors: those of Connection.
    """

    def __init__(self, connection: Connection, records: Collection[Record], image: ImageSource) -> None:
        self._connection, self.image = connection, image
        self.windows = connection.query("query StashPortSystem{systemStatus{os}}")["systemStatus"]["os"] == "windows"
        self._paths: dict[str, str] = {r["id"]: r["path"] for r in records if r.get("path") and r["id"].partition(":")[0] in ("file", "folder")}
        self._new_galleries = [r for r in records if r["id"].startswith("gallery:")]
        self._read_paths(records)
        self._names: dict[str, dict[str, str]] = {}
        self._galleries: dict[str, Record] | None = None
        self._folders: dict[str, str] | None = None
        self._shared: dict[str, bool] = {}
        self._alike: dict[str, list[str]] = {}
        self._soon: dict[str, list[str]] = {}
        self._there: dict[str, list[str]] = {}

    def _read_paths(self, records: Iterable[Record]) -> None:
        wanted: dict[str, list[str]] = {"file": [], "folder": []}
        for reference in {one for record in records for one in file_references(record)} - self._paths.keys():
            if number_of(reference) > 0:
                wanted[reference.partition(":")[0]].append(reference.partition(":")[2])
        for kind, ids in wanted.items():
            document = _OF.format(find=BY_NAME[kind].find, listing=BY_NAME[kind].listing)
            for n in range(0, len(ids), PAGE):
                for one in self._those_there(document, BY_NAME[kind].listing, ids[n : n + PAGE]):
                    self._paths[f"{kind}:{one['id']}"] = one["path"]

    def _those_there(self, document: str, listing: str, ids: list[str]) -> list[dict[str, Any]]:
        """What is there of some ids: one that is not makes Stash refuse the whole question."""
        try:
            return self._ask(document, listing, ids=ids)
        except ServerError as error:
            if "no rows" not in str(error) and "not found" not in str(error):
                raise
        half = len(ids) // 2
        return [*self._those_there(document, listing, ids[:half]), *self._those_there(document, listing, ids[half:])] if half else []

    def _ask(self, document: str, listing: str, **variables: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._connection.query(document, variables)["found"][listing]
        return found

    # --- as the import refers to it -----------------------------------------------------------------------------------------------------------------

    def path(self, reference: str) -> str | None:
        """The path of a file or folder; None for a file that the import would confuse with another one."""
        path = self._paths.get(reference)
        return None if path is None or (reference.startswith("file:") and self.confused(path)) else path

    def known_path(self, reference: str) -> str | None:
        """The path of a file or folder, whatever the import makes of it."""
        return self._paths.get(reference)

    def confused(self, path: str) -> bool:
        """Whether the import, which takes "%" and "*" in a file's path for a pattern, may find another file by it."""
        matches = pattern(path)
        if matches is None:
            return False
        if path not in self._shared:
            self._shared[path] = any(one != path and matches.fullmatch(one) for folder in self._near(parent(path)) for one in self._listed(folder))
        return self._shared[path]

    def _near(self, folder: str) -> list[str]:
        """The folders that the import would search for a file in this one: it does not mind their case, then."""
        if not self._alike:
            for one in {*self.folders(), *(parent(path) for reference, path in self._paths.items() if reference.startswith("file:"))}:
                self._alike.setdefault(one.lower(), []).append(one)
        matches = pattern(folder)
        return [one for some in self._alike.values() for one in some if matches.fullmatch(one)] if matches else self._alike.get(folder.lower(), [])

    def _listed(self, folder: str) -> list[str]:
        """The files of a folder, those that are about to be made too."""
        if not self._soon:
            for reference, path in self._paths.items():
                if reference.startswith("file:"):
                    self._soon.setdefault(parent(path), []).append(path)
        if folder not in self._there:
            self._there[folder] = list(self.inside([folder]))
        return self._there[folder] + self._soon.get(folder, [])

    def name(self, reference: str) -> str | None:
        """The name of a tag, studio, performer or group, if no other one has it."""
        kind = reference.partition(":")[0]
        if kind not in self._names:
            listing = BY_NAME[kind].listing
            told = self._ask(_NAMES.format(find=BY_NAME[kind].find, listing=listing), listing)
            held = Counter(one["name"] for one in told)
            self._names[kind] = {f"{kind}:{one['id']}": one["name"] for one in told if one["name"] and held[one["name"]] == 1}
        return self._names[kind].get(reference)

    def gallery(self, reference: str) -> Record | None:
        """How the import finds a gallery: by its folder, a zip file, or its title; None if another gallery is found by the same."""
        if self._galleries is None:
            self._galleries = self._found_by()
        return self._galleries.get(reference)

    def _found_by(self) -> dict[str, Record]:
        there = [
            (f"gallery:{one['id']}", one["title"], (one["folder"] or {}).get("path"), tuple(file["path"] for file in one["files"]))
            for one in self._ask(_GALLERIES, "galleries")
        ]
        same = {(folder, files): gallery for gallery, _, folder, files in there}
        soon = [
            (record["id"], None, self._paths.get(record.get("folder") or ""), tuple(self._paths.get(one, "") for one in record.get("files") or ()))
            for record in self._new_galleries
        ]
        holders: dict[str, set[str]] = {}
        titles = Counter(title for _, title, folder, files in there if not folder and not files)
        for gallery, _, folder, files in (*there, *soon):
            for path in (folder, *files):
                who = same.get((folder, files)) if gallery.startswith("gallery:-") else None
                holders.setdefault(path or "", set()).add(who or gallery)
        found: dict[str, Record] = {}
        for gallery, title, folder, files in (*there, *soon):
            alone = [path for path in files if len(holders[path]) == 1]
            if folder and len(holders[folder]) == 1:
                found[gallery] = {"folder_path": folder}
            elif alone:
                found[gallery] = {"zip_files": alone[:1]}
            elif title and not folder and not files and titles[title] == 1:
                found[gallery] = {"title": title}
        return found

    # --- what is there ------------------------------------------------------------------------------------------------------------------------------

    def folders(self) -> dict[str, str]:
        """All folders: path -> id."""
        if self._folders is None:
            self._folders = {one["path"]: f"folder:{one['id']}" for one in self._ask(_FOLDERS, "folders")}
        return self._folders

    def inside(self, folders: Iterable[str]) -> dict[str, str]:
        """The files of some folders: path -> id."""
        ids = [number.partition(":")[2] for one in folders if (number := self.folders().get(one))]
        found: dict[str, str] = {}
        for n in range(0, len(ids), PAGE):
            found |= {one["path"]: f"file:{one['id']}" for one in self._ask(_INSIDE, "files", ids=ids[n : n + PAGE])}
        return found

    def files(self, paths: Collection[str]) -> dict[str, str]:
        """Those of some files that are there: path -> id."""
        wanted = set(paths)
        return {path: file for path, file in self.inside({parent(one) for one in wanted}).items() if path in wanted}

    def forget(self) -> None:
        """What was imported since has changed the folders."""
        self._folders = None

    def last(self, kind: str) -> int:
        """The highest number of a kind; 0 when there are none."""
        listing = BY_NAME[kind].listing
        return max((int(one["id"]) for one in self._ask(_LAST.format(find=BY_NAME[kind].find, listing=listing), listing)), default=0)

    def owners(self, kind: str, of: Collection[str], after: int = 0) -> dict[str, str]:
        """Which scene, image or gallery a file or folder belongs to, of those with higher numbers than `after`: {"file:1": "scene:5"}."""
        found: dict[str, str] = {}
        for number, belongs in self._owned(kind, after) if of else ():
            found |= {one: f"{kind}:{number}" for one in belongs if one in of and one not in found}
        return found

    def _owned(self, kind: str, after: int) -> Iterator[tuple[int, list[str]]]:
        table = BY_NAME[kind]
        keyset = table.keyset
        document = _OWNERS.format(find=table.find, listing=table.listing, keyset=keyset, page=PAGE, files=_OWNED[kind])
        while page := self._ask(document, table.listing, after=after):
            for one in page:
                belongs = [f"file:{file['id']}" for name in FILES[kind] for file in one[name] if file]
                yield int(one["id"]), belongs + ([f"folder:{one['folder']['id']}"] if one.get("folder") else [])
            after = int(page[-1]["id"])


def file_references(record: Record) -> list[str]:
    """The files and folders that a record refers to."""
    names = (*FILES.get(record["id"].partition(":")[0], ()), "folder", "zip_file")
    told = (record.get(name) or [] for name in names)
    return [one for value in told for one in (value if isinstance(value, list) else [value])]


def parent(path: str) -> str:
    """The folder that a path lies in."""
    cut = max(path.rfind("/"), path.rfind("\\") if "/" not in path else -1)
    return path[:cut] or path[: cut + 1]
