"""Settings of Stash that may leave it: an allow-list by section, so that a setting this version does not know is never exported by accident.

A setting becomes the record `setting:<section>.<key>`.  The value of each entry is its privacy class.  Left out on purpose: user name, password hash,
API key, stash-box keys, the Handy key.  The sections `ui` and `plugins` are free maps: they are taken as they are, but for keys that look like secrets.
"""

from __future__ import annotations

import re

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
_LOOKS_SECRET = re.compile(r"key|token|passw|secret|credential|cookie|auth|bearer|session|webhook|api", re.IGNORECASE)
_URL_LOGIN = re.compile(r"://[^/@\s]+:[^/@\s]+@")


def key_of(selection: str) -> str:
    """The name that a selection begins with."""
    return selection.split("{", maxsplit=1)[0]


def without_secrets(value: object, removed: list[str], path: str = "") -> object:
    """A copy of a free map without what looks like a secret; the paths of what was taken out are added to `removed`."""
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            where = f"{path}.{key}" if path else str(key)
            if _LOOKS_SECRET.search(str(key)) and not isinstance(inner, (bool, dict, list)) and inner not in (None, ""):
                removed.append(where)
            else:
                kept[key] = without_secrets(inner, removed, where)
        return kept
    if isinstance(value, list):
        return [without_secrets(inner, removed, f"{path}[{i}]") for i, inner in enumerate(value)]
    if isinstance(value, str) and _URL_LOGIN.search(value):
        removed.append(path)
        return None
    return value
