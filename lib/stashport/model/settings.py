"""Settings of Stash that may leave it: an allow-list by section, so that a setting this version does not know is never exported by accident.

A setting becomes the record `setting:<section>.<key>`.  The value of each entry is its privacy class.  Left out on purpose: user name, password hash,
API key, stash-box keys, the Handy key.  The sections `ui` and `plugins` are free maps: they are taken as they are, but for what looks like a
secret, by its name or by itself.
"""

from __future__ import annotations

import contextlib
import json
import re

from stashport.model.records import Record
from stashport.model.scrub import without_secrets_in

SETTINGS: dict[str, dict[str, str]] = {
    "general": {
        "stashes{path excludeVideo excludeImage}": "path", "databasePath": "path", "backupDirectoryPath": "path", "deleteTrashPath": "path",
        "generatedPath": "path", "metadataPath": "path", "scrapersPath": "path", "pluginsPath": "path", "cachePath": "path", "blobsPath": "path",
        "ffmpegPath": "path", "ffprobePath": "path", "pythonPath": "path", "logFile": "path", "customPerformerImageLocation": "path",
        "blobsStorage": "public", "calculateMD5": "public", "videoFileNamingAlgorithm": "public", "parallelTasks": "public", "previewAudio": "public",
        "previewSegments": "public", "previewSegmentDuration": "public", "previewExcludeStart": "public", "previewExcludeEnd": "public",
        "previewPreset": "public", "transcodeHardwareAcceleration": "public", "maxTranscodeSize": "public", "maxStreamingTranscodeSize": "public",
        "transcodeInputArgs": "personal", "transcodeOutputArgs": "personal", "liveTranscodeInputArgs": "personal", "liveTranscodeOutputArgs": "personal",
        "drawFunscriptHeatmapRange": "public", "writeImageThumbnails": "public", "createImageClipsFromVideos": "public", "maxSessionAge": "public",
        "logOut": "public", "logLevel": "public", "logAccess": "public", "logFileMaxSize": "public", "videoExtensions": "public", "imageExtensions": "public",
        "galleryExtensions": "public", "createGalleriesFromFolders": "public", "galleryCoverRegex": "personal", "excludes": "personal",
        "imageExcludes": "personal", "stashBoxes{endpoint name max_requests_per_minute}": "personal",
        "scraperPackageSources{name url local_path}": "personal", "pluginPackageSources{name url local_path}": "personal",
    },
    "interface": {
        "sfwContentMode": "public", "menuItems": "personal", "soundOnPreview": "public", "wallShowTitle": "public", "wallPlayback": "public",
        "showScrubber": "public", "maximumLoopDuration": "public", "noBrowser": "public", "notificationsEnabled": "public", "autostartVideo": "public",
        "autostartVideoOnPlaySelected": "public", "continuePlaylistDefault": "public", "showStudioAsText": "public", "css": "personal", "cssEnabled": "public",
        "javascript": "personal", "javascriptEnabled": "public", "customLocales": "personal", "customLocalesEnabled": "public", "language": "public",
        "imageLightbox{slideshowDelay displayMode scaleUp resetZoomOnNav scrollMode scrollAttemptsBeforeChange disableAnimation}": "public",
        "disableDropdownCreate{performer tag studio movie gallery}": "public", "funscriptOffset": "public", "useStashHostedFunscript": "public",
    },
    "dlna": {"serverName": "personal", "enabled": "public", "port": "public", "whitelistedIPs": "identifying", "interfaces": "identifying", "videoSortOrder": "public"},
    "scraping": {"scraperUserAgent": "personal", "scraperCDPPath": "path", "scraperCertCheck": "public", "excludeTagPatterns": "personal"},
    "defaults": {
        "scan{rescan scanGenerateCovers scanGeneratePreviews scanGenerateImagePreviews scanGenerateSprites scanGeneratePhashes scanGenerateThumbnails"
        " scanGenerateClipPreviews}": "public",
        "identify{sources{source{stash_box_endpoint scraper_id} options{%(identify)s}} options{%(identify)s}}": "personal",
        "autoTag{performers studios tags}": "personal",
        "generate{covers sprites previews imagePreviews previewOptions{previewSegments previewSegmentDuration previewExcludeStart previewExcludeEnd previewPreset}"
        " markers markerImagePreviews markerScreenshots transcodes phashes interactiveHeatmapsSpeeds imageThumbnails clipPreviews}": "public",
        "deleteFile": "public", "deleteGenerated": "public",
    },
    "ui": {}, "plugins": {},
}
_IDENTIFY = (
    "fieldOptions{field strategy createMissing} setCoverImage setOrganized includeMalePerformers skipMultipleMatches skipMultipleMatchTag"
    " skipSingleNamePerformers skipSingleNamePerformerTag"
)
SETTINGS["defaults"] = {selection.replace("%(identify)s", _IDENTIFY): privacy for selection, privacy in SETTINGS["defaults"].items()}

FREE_SECTIONS = ("ui", "plugins")
TYPES = {
    "general": "ConfigGeneralResult", "interface": "ConfigInterfaceResult", "dlna": "ConfigDLNAResult", "scraping": "ConfigScrapingResult",
    "defaults": "ConfigDefaultSettingsResult",
}
SECRET = {
    "general": {"apiKey": "the server's key", "username": "a login", "password": "a login", "configFilePath": "told by the server it runs on"},
    "interface": {"handyKey": "a device's key"},
}
# Names of what is secret, and words that merely sound like one of them.
_LOOKS_SECRET = re.compile(
    r"key|token|passw|passphrase|passcode|pwd|secret|credential|cookie|auth|bearer|session|webhook|api|jwt|private|signature|(?<![a-z])(?:pass|pin|otp|sid|pat)(?![a-z])"
)
_SOUNDS_SECRET = re.compile(r"key ?board|key ?word|key ?frame|key ?stroke|hot ?key|short ?cut ?key|monkey|turkey|author(?!i)|capital|rapid|therapi")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAMING = ("name", "key", "id", "field", "label", "header", "title")


def key_of(selection: str) -> str:
    """The name that a selection begins with."""
    return selection.split("{", maxsplit=1)[0]


def is_path(record: Record) -> bool:
    """Whether a setting says where something lies on its machine: such a one means nothing on another."""
    section, _, key = record["id"].partition(":")[2].partition(".")
    return any(key_of(selection) == key and privacy == "path" for selection, privacy in SETTINGS.get(section, {}).items())


def sounds_secret(name: str) -> bool:
    """Whether a name is one for secrets: apiKey, auth_token, PASSWORD; not keyboard nor author."""
    return bool(_LOOKS_SECRET.search(_SOUNDS_SECRET.sub("", _HUMP.sub(" ", name).lower())))


def without_secrets(value: object, removed: list[str], path: str = "", *, secret: bool = False) -> object:
    """A copy of a setting's value without what looks like a secret; the paths of what was taken out are added to `removed`.

    What has a secret's name goes, with everything below it but switches; so does the value beside such a name ({"name": "apiKey", "value": "..."}).  Out of
    other texts go logins in addresses, and what looks like a key or a token; a text that is JSON is looked through like any other value.
    """
    if isinstance(value, dict):
        named = secret or any(isinstance(inner, str) and str(key).lower() in _NAMING and sounds_secret(inner) for key, inner in value.items())
        kept = {}
        for key, inner in value.items():
            where = f"{path}.{key}" if path else str(key)
            hidden = sounds_secret(str(key)) or (named and (secret or str(key).lower() not in _NAMING))
            before = len(removed)
            clean = without_secrets(inner, removed, where, secret=hidden)
            if not (hidden and clean is None and len(removed) > before):
                kept[key] = clean
        return kept
    if isinstance(value, list):
        return [without_secrets(inner, removed, f"{path}[{i}]", secret=secret) for i, inner in enumerate(value)]
    if value is None or value == "" or isinstance(value, bool):
        return value
    clean_text = None if secret else _clean(value)
    if clean_text != value:
        removed.append(path)
    return clean_text


def _clean(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            inside: list[str] = []
            clean = without_secrets(json.loads(value), inside)
            return json.dumps(clean, ensure_ascii=False) if inside else value
    return without_secrets_in(value)
