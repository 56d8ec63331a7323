"""The one table of fields: every field of every kind of record, once.

Selections, SQL, CSV headers, the panel's field picker, comparison, docs/fields.md and the tests against a live server all come from here.  Names are
Stash's GraphQL names (images have their input's name).  Field's docstring in table.py explains the columns.  Fields that the server has and this table
leaves out stand in EXCLUDED with the reason; a test introspects a live Stash and fails on a field that is in neither.
"""

from __future__ import annotations

from typing import Any

from stashport.model.table import Field, Join, Kind, date, flag, image, number, real, ref, refs, rows, text, texts, time, times

FORMAT_VERSION = 1
KNOWN_SCHEMAS = frozenset({75})

_CREATED, _UPDATED = time("created_at"), time("updated_at")
_RATING = number("rating100", "rating", privacy="personal")
_PERSONAL: dict[str, Any] = {"privacy": "personal"}
_PATH: dict[str, Any] = {"privacy": "path"}
_IDENTIFYING: dict[str, Any] = {"privacy": "identifying"}
_SCAN: dict[str, Any] = {"write": "never", "merge": "keep"}
_V31: dict[str, Any] = {"since": "0.31"}


def _custom(gql_only: bool = True) -> Field:
    join = None if gql_only else Join("performer_custom_fields t", "t.performer_id", "t.field")
    return Field("custom_fields", "map", join=join, write="custom_fields", privacy="personal", since="0.31" if gql_only else "")


def _stash_ids(owner: str) -> Field:
    columns = (text("endpoint"), text("stash_id"), time("updated_at", write="updated_at"))
    return rows("stash_ids", Join(f"{owner}_stash_ids t", f"t.{owner}_id", "t.endpoint,t.stash_id"), columns, privacy="identifying", sort=("endpoint", "stash_id"))


def _urls(owner: str) -> Field:
    return texts("urls", f"{owner}_urls", f"{owner}_id", "url", order="position")


TAG = Kind("tag", "tags", "Tag", "tags t", (
    text("name"), text("sort_name"), text("description"),
    texts("aliases", "tag_aliases", "tag_id", "alias"),
    refs("parents", "tag", "tags_relations", "child_id", "parent_id", write="parent_ids"),
    flag("favorite", **_PERSONAL), flag("ignore_auto_tag", **_PERSONAL),
    _stash_ids("tag"), image("image", "image_blob", "image_path", **_IDENTIFYING), _custom(), _CREATED, _UPDATED,
), "findTags", "tags")

STUDIO = Kind("studio", "studios", "Studio", "studios t", (
    text("name"), texts("aliases", "studio_aliases", "studio_id", "alias"), _urls("studio"), text("details"),
    ref("parent_studio", "studio", "parent_id", write="parent_id"),
    refs("tags", "tag", "studios_tags", "studio_id", "tag_id"),
    _RATING, flag("favorite", **_PERSONAL), flag("ignore_auto_tag", **_PERSONAL), Field("organized", "bool", write="organized", **_PERSONAL, **_V31),
    _stash_ids("studio"), image("image", "image_blob", "image_path", **_IDENTIFYING), _custom(), _CREATED, _UPDATED,
), "findStudios", "studios")

PERFORMER = Kind("performer", "performers", "Performer", "performers t", (
    text("name"), text("disambiguation"), texts("alias_list", "performer_aliases", "performer_id", "alias"), _urls("performer"),
    text("gender"), date("birthdate"), date("death_date"), text("ethnicity"), text("country"), text("eye_color"), text("hair_color"),
    number("height_cm", "height"), number("weight"), text("measurements"), text("fake_tits"), real("penis_length"), text("circumcised"),
    text("career_length"), Field("career_start", "text", write="career_start", **_V31), Field("career_end", "text", write="career_end", **_V31),
    text("tattoos"), text("piercings"), text("details"),
    refs("tags", "tag", "performers_tags", "performer_id", "tag_id"),
    _RATING, flag("favorite", **_PERSONAL), flag("ignore_auto_tag", **_PERSONAL),
    _stash_ids("performer"), _custom(gql_only=False), image("image", "image_blob", "image_path", **_IDENTIFYING), _CREATED, _UPDATED,
), "findPerformers", "performers")

GROUP = Kind("group", "groups", "Group", "groups t", (
    text("name"), text("aliases"), date("date"), number("duration"), text("director"), text("synopsis", "description"), _urls("group"),
    ref("studio", "studio", "studio_id"), refs("tags", "tag", "groups_tags", "group_id", "tag_id"),
    rows("sub_groups", Join("groups_relations t", "t.containing_id", "t.order_index"), (ref("group", "group", "sub_id"), text("description")), about="group"),
    _RATING, image("front_image", "front_image_blob", "front_image_path", **_IDENTIFYING), image("back_image", "back_image_blob", "back_image_path", **_IDENTIFYING), _custom(),
    _CREATED, _UPDATED,
), "findGroups", "groups")

FOLDER = Kind("folder", "folders", "Folder", "folders t", (
    text("path", **_PATH, **_SCAN), Field("basename", "text", **_PATH, **_SCAN, **_V31),
    ref("parent_folder", "folder", "parent_folder_id", **_PATH, **_SCAN), ref("zip_file", "file", "zip_file_id", **_PATH, **_SCAN),
    time("mod_time", **_SCAN), _CREATED, _UPDATED,
), "findFolders", "folders")

# A path is put together as Stash does: the folder's own separator, and none after a root that ends with one.
_SEPARATOR = "CASE WHEN d.path LIKE '%/' OR d.path LIKE '%\\' THEN '' WHEN instr(d.path,'\\') AND NOT instr(d.path,'/') THEN '\\' ELSE '/' END"
_VIDEO, _ANY = "...on VideoFile{%s}", "...on VideoFile{%s} ...on ImageFile{%s}"


def _video(name: str, kind: str) -> Field:
    column = f"CAST(v.{name} AS REAL)" if kind == "float" else f"nullif(v.{name},'')"
    return Field(name, kind, column=column, gql=_VIDEO % name, write="never", merge="keep")


def _visual(name: str, kind: str) -> Field:
    return Field(name, kind, column=f"coalesce(v.{name},i.{name})", gql=_ANY % (name, name), write="never", merge="keep")


FILE = Kind("file", "files", "BaseFile", """files t LEFT JOIN folders d ON d.id=t.parent_folder_id
    LEFT JOIN video_files v ON v.file_id=t.id LEFT JOIN image_files i ON i.file_id=t.id""", (
    Field("type", "text", column="CASE WHEN v.file_id THEN 'video' WHEN i.file_id THEN 'image' ELSE 'file' END", gql="__typename", **_SCAN),
    Field("path", "text", column=f"d.path||{_SEPARATOR}||t.basename", **_PATH, **_SCAN), text("basename", **_PATH, **_SCAN),
    ref("parent_folder", "folder", "parent_folder_id", **_PATH, **_SCAN), ref("zip_file", "file", "zip_file_id", **_SCAN),
    number("size", **_SCAN), time("mod_time", **_SCAN),
    rows("fingerprints", Join("files_fingerprints t", "t.file_id", "t.type,t.fingerprint"), (
        text("type"), Field("value", "text", column="CASE typeof(t.fingerprint) WHEN 'integer' THEN printf('%x',t.fingerprint) ELSE CAST(t.fingerprint AS TEXT) END")),
        write="mutation fileSetFingerprints", privacy="identifying", note="GraphQL tells the first phash of a file only", sort=("type", "value")),
    _visual("format", "text"), _visual("width", "int"), _visual("height", "int"), _video("duration", "float"), _video("video_codec", "text"),
    _video("audio_codec", "text"), _video("frame_rate", "float"), _video("bit_rate", "int"),
    Field("interactive", "bool", column="v.interactive", gql="", **_SCAN), Field("interactive_speed", "int", column="v.interactive_speed", gql="", **_SCAN),
    rows("captions", Join("video_captions t", "t.file_id", "t.language_code,t.caption_type"),
         (text("language_code"), text("filename", **_PATH), text("caption_type")), gql="", write="sql"),
    _CREATED, _UPDATED,
), "findFiles", "files")

_MARKER = (
    text("title"), real("seconds"), real("end_seconds"), ref("primary_tag", "tag", "primary_tag_id"),
    Field("tags", "refs", "tag", column="(SELECT json_group_array('tag:'||tag_id) FROM (SELECT tag_id FROM scene_markers_tags WHERE scene_marker_id=t.id ORDER BY tag_id))"),
    _CREATED, _UPDATED,
)

SCENE = Kind("scene", "scenes", "Scene", """scenes t LEFT JOIN scenes_files p ON p.scene_id=t.id AND p."primary"=1
    LEFT JOIN video_files v ON v.file_id=p.file_id""", (
    text("title"), text("code"), text("details"), text("director"), date("date"), _urls("scene"),
    ref("studio", "studio", "studio_id"), refs("performers", "performer", "performers_scenes", "scene_id", "performer_id"),
    refs("tags", "tag", "scenes_tags", "scene_id", "tag_id"),
    rows("groups", Join("groups_scenes t", "t.scene_id", "t.group_id"), (ref("group", "group", "group_id"), number("scene_index")), sort=("group",), about="group"),
    refs("galleries", "gallery", "scenes_galleries", "scene_id", "gallery_id"),
    refs("files", "file", "scenes_files", "scene_id", "file_id", order='"primary" DESC,file_id', write="file_ids"),
    rows("scene_markers", Join("scene_markers t", "t.scene_id", "t.seconds,t.id"), _MARKER, write="mutation sceneMarkerCreate",
         sort=("seconds", "id")),
    _RATING, flag("organized", **_PERSONAL),
    times("play_history", "scenes_view_dates", "scene_id", "view_date", write="mutation sceneAddPlay"),
    times("o_history", "scenes_o_dates", "scene_id", "o_date", write="mutation sceneAddO"),
    real("resume_time", write="mutation sceneSaveActivity", merge="larger", **_PERSONAL), real("play_duration", merge="larger", **_PERSONAL),
    Field("interactive", "bool", column="coalesce(v.interactive,0)", **_SCAN), Field("interactive_speed", "int", column="v.interactive_speed", **_SCAN),
    rows("captions", Join('video_captions t JOIN scenes_files s ON s.file_id=t.file_id AND s."primary"=1', "s.scene_id", "t.language_code,t.caption_type"),
         (text("language_code"), text("caption_type")), sort=("language_code", "caption_type"), **_SCAN),
    _stash_ids("scene"), image("cover_image", "cover_blob", "paths{screenshot}", **_IDENTIFYING), _custom(), _CREATED, _UPDATED,
), "findScenes", "scenes", "scene_filter")

IMAGE = Kind("image", "images", "Image", "images t", (
    text("title"), text("code"), text("details"), text("photographer"), date("date"), _urls("image"),
    ref("studio", "studio", "studio_id"), refs("performers", "performer", "performers_images", "image_id", "performer_id"),
    refs("tags", "tag", "images_tags", "image_id", "tag_id"), refs("galleries", "gallery", "galleries_images", "image_id", "gallery_id"),
    refs("visual_files", "file", "images_files", "image_id", "file_id", order='"primary" DESC,file_id', write="never",
         gql="visual_files{...on VideoFile{id} ...on ImageFile{id}}"),
    _RATING, flag("organized", **_PERSONAL), number("o_counter", write="mutation imageIncrementO", merge="larger", **_PERSONAL),
    _custom(), _CREATED, _UPDATED,
), "findImages", "images", "image_filter")

GALLERY = Kind("gallery", "galleries", "Gallery", "galleries t", (
    text("title"), text("code"), text("details"), text("photographer"), date("date"), _urls("gallery"),
    ref("studio", "studio", "studio_id"), refs("performers", "performer", "performers_galleries", "gallery_id", "performer_id"),
    refs("tags", "tag", "galleries_tags", "gallery_id", "tag_id"),
    refs("files", "file", "galleries_files", "gallery_id", "file_id", order='"primary" DESC,file_id', write="never"),
    ref("folder", "folder", "folder_id", write="never", privacy="path"),
    Field("cover", "ref", "image", column="'image:'||(SELECT image_id FROM galleries_images WHERE gallery_id=t.id AND cover=1)", gql="",
          write="mutation setGalleryCover", note="GraphQL shows a fallback where none is chosen"),
    rows("chapters", Join("galleries_chapters t", "t.gallery_id", "t.image_index,t.id"), (text("title"), number("image_index"), _CREATED, _UPDATED),
         write="mutation galleryChapterCreate", sort=("image_index", "id")),
    _RATING, flag("organized", **_PERSONAL), _custom(), _CREATED, _UPDATED,
), "findGalleries", "galleries", "gallery_filter")

_FIND = "find_filter{q page per_page sort direction}"
SAVED_FILTER = Kind("saved_filter", "saved_filters", "SavedFilter", "saved_filters t", (
    text("mode", **_PERSONAL), text("name", **_PERSONAL), Field("find_filter", "json", column="CAST(t.find_filter AS TEXT)", gql=_FIND, write="find_filter", **_PERSONAL),
    Field("object_filter", "json", column="CAST(t.object_filter AS TEXT)", write="object_filter", **_PERSONAL),
    Field("ui_options", "json", column="CAST(t.ui_options AS TEXT)", write="ui_options", **_PERSONAL),
), "findSavedFilters")

SETTING = Kind("setting", "settings", "ConfigResult", "", (
    Field("section", "text", write="never"), Field("key", "text", write="never"), Field("value", "json", write="configure", **_PERSONAL),
))

# The order of export: what is referred to comes first where it can.
KINDS = (TAG, STUDIO, PERFORMER, GROUP, FOLDER, FILE, GALLERY, SCENE, IMAGE, SAVED_FILTER, SETTING)
BY_NAME = {kind.name: kind for kind in KINDS}
BY_PLURAL = {kind.plural: kind for kind in KINDS}

_COUNTED, _REVERSE, _DEPRECATED, _URL = "counted by the server", "told from the other side: {}", "deprecated: {}", "an address on that server"
_ID = "becomes the record's id"
EXCLUDED: dict[str, dict[str, str]] = {
    "Tag": {"id": _ID, "children": _REVERSE.format("parents"), "parent_count": _COUNTED, "child_count": _COUNTED},
    "Studio": {"id": _ID, "url": _DEPRECATED.format("urls"), "child_studios": _REVERSE.format("parent_studio"), "o_counter": _COUNTED,
               "groups": _REVERSE.format("group.studio"), "movies": _DEPRECATED.format("groups")},
    "Performer": {"id": _ID, "url": _DEPRECATED.format("urls"), "twitter": _DEPRECATED.format("urls"), "instagram": _DEPRECATED.format("urls"),
                  "o_counter": _COUNTED, "scenes": _REVERSE.format("scene.performers"), "groups": "told by the scenes of the group",
                  "movies": _DEPRECATED.format("groups")},
    "Group": {"id": _ID, "containing_groups": _REVERSE.format("sub_groups"), "scenes": _REVERSE.format("scene.groups"), "o_counter": _COUNTED},
    "Folder": {"id": _ID, "parent_folder_id": _DEPRECATED.format("parent_folder"), "zip_file_id": _DEPRECATED.format("zip_file"),
               "parent_folders": "told by parent_folder, one after the other"},
    "BaseFile": {"id": _ID, "parent_folder_id": _DEPRECATED.format("parent_folder"), "zip_file_id": _DEPRECATED.format("zip_file"),
                 "fingerprint": "one of fingerprints"},
    "Scene": {"id": _ID, "url": _DEPRECATED.format("urls"), "movies": _DEPRECATED.format("groups"), "o_counter": "the length of o_history",
              "play_count": "the length of play_history", "last_played_at": "the last of play_history", "sceneStreams": _URL},
    "SceneMarker": {"id": "a marker belongs to its scene", "scene": "a marker belongs to its scene", "stream": _URL, "preview": _URL, "screenshot": _URL},
    "Image": {"id": _ID, "url": _DEPRECATED.format("urls"), "files": _DEPRECATED.format("visual_files"), "paths": _URL},
    "Gallery": {"id": _ID, "url": _DEPRECATED.format("urls"), "scenes": _REVERSE.format("scene.galleries"), "image_count": _COUNTED,
                "cover": "the server mixes chosen and fallback covers", "paths": _URL, "image": "one of the images that tell this gallery"},
    "GalleryChapter": {"id": "a chapter belongs to its gallery", "gallery": "a chapter belongs to its gallery"},
    "SavedFilter": {"id": _ID, "filter": _DEPRECATED.format("find_filter and object_filter")},
    "StashID": {}, "Fingerprint": {}, "VideoCaption": {}, "SceneGroup": {}, "GroupDescription": {},
    "SavedFindFilterType": {},
}

# What GraphQL cannot tell although the database can: printed in the header of every export that was read over GraphQL.
GRAPHQL_CANNOT = {f"{kind.name}.{f.name}": f.note or "not in Stash's API" for kind in KINDS for f in kind.fields if f.selection == "" or f.note}
GRAPHQL_PARTIAL = frozenset({"file.fingerprints"})

