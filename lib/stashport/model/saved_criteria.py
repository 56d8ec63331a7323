"""What Stash's pages can filter by (version 0.30.1), how they write it in a saved filter, and the words of their lists.  Pure, and only a table."""

from __future__ import annotations

GENDERS = {"Female": "FEMALE", "Male": "MALE", "Transgender Male": "TRANSGENDER_MALE", "Transgender Female": "TRANSGENDER_FEMALE", "Intersex": "INTERSEX",
           "Non-Binary": "NON_BINARY"}
CIRCUMCISED = {"Cut": "CUT", "Uncut": "UNCUT"}
ORIENTATIONS = {"Landscape": "LANDSCAPE", "Portrait": "PORTRAIT", "Square": "SQUARE"}
RESOLUTIONS = {"144p": "VERY_LOW", "240p": "LOW", "360p": "R360P", "480p": "STANDARD", "540p": "WEB_HD", "720p": "STANDARD_HD", "1080p": "FULL_HD",
               "1440p": "QUAD_HD", "4k": "FOUR_K", "5k": "FIVE_K", "6k": "SIX_K", "7k": "SEVEN_K", "8k": "EIGHT_K", "Huge": "HUGE"}
LANGUAGES = {"Deutsche": "de", "English": "en", "Español": "es", "Français": "fr", "Italiano": "it", "日本": "ja", "한국인": "ko", "Holandés": "nl",
             "Português": "pt", "Русский": "ru", "Unknown": "00"}
MODES = {"SCENES": "scenes", "PERFORMERS": "performers", "STUDIOS": "studios", "GALLERIES": "galleries", "SCENE_MARKERS": "scene_markers",
         "MOVIES": "groups", "GROUPS": "groups", "TAGS": "tags", "IMAGES": "images"}

# Which criteria each page of Stash has, by the form in which they are kept.
_TIMES, _MEDIA = "created_at updated_at", "tag_count performer_count performer_age file_count"
CRITERIA: dict[str, dict[str, str]] = {
    "scenes": {
        "text": "title code path details director oshash checksum video_codec audio_codec url", "flag": "organized performer_favorite interactive",
        "number": f"rating100 o_counter framerate bitrate duration resume_time play_duration play_count interactive_speed {_MEDIA}",
        "date": "date", "time": f"last_played_at {_TIMES}", "word": "has_markers is_missing", "tree": "tags performer_tags studios groups movies",
        "list": "performers", "ids": "galleries", "resolution": "resolution", "orientation": "orientation", "captions": "captions",
        "stash_id": "stash_id_endpoint", "phash": "phash_distance", "duplicated": "duplicated",
    },
    "images": {
        "text": "title code details photographer checksum path url", "flag": "organized performer_favorite", "number": f"rating100 o_counter {_MEDIA}",
        "date": "date", "time": _TIMES, "word": "is_missing", "tree": "tags performer_tags studios", "list": "performers", "ids": "galleries",
        "resolution": "resolution", "orientation": "orientation",
    },
    "galleries": {
        "text": "title code details photographer path checksum url", "flag": "organized performer_favorite", "number": f"rating100 image_count {_MEDIA}",
        "date": "date", "time": _TIMES, "word": "has_chapters is_missing", "tree": "tags performer_tags studios", "list": "performers", "ids": "scenes",
        "resolution": "average_resolution",
    },
    "performers": {
        "text": "name disambiguation details ethnicity hair_color eye_color measurements fake_tits career_length tattoos piercings aliases url country",
        "flag": "filter_favorites ignore_auto_tag", "number": "rating100 tag_count scene_count image_count gallery_count play_count o_counter height_cm"
        " birth_year death_year age weight penis_length", "date": "birthdate death_date", "time": _TIMES, "word": "is_missing", "tree": "tags groups studios",
        "gender": "gender", "circumcised": "circumcised", "stash_id": "stash_id_endpoint", "custom": "custom_fields",
    },
    "studios": {
        "text": "name details url aliases", "flag": "favorite ignore_auto_tag", "number": "rating100 tag_count scene_count image_count gallery_count"
        " child_count", "time": _TIMES, "word": "is_missing", "tree": "tags", "ids": "parents", "stash_id": "stash_id_endpoint",
    },
    "groups": {
        "text": "url name director synopsis", "number": "duration rating100 o_counter containing_group_count sub_group_count tag_count", "date": "date",
        "time": _TIMES, "word": "is_missing", "tree": "studios containing_groups sub_groups tags", "list": "performers",
    },
    "tags": {
        "text": "name sort_name aliases description", "flag": "favorite ignore_auto_tag", "number": "scene_count image_count gallery_count performer_count"
        " studio_count group_count marker_count parent_count child_count", "time": _TIMES, "word": "is_missing", "tree": "parents children",
        "stash_id": "stash_id_endpoint",
    },
    "scene_markers": {
        "tree": "tags scene_tags", "ids": "scenes", "list": "performers", "number": "duration", "date": "scene_date",
        "time": f"{_TIMES} scene_created_at scene_updated_at",
    },
}
