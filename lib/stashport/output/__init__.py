"""From a reader to a proven file: which records, through which format, into which files, read back before they get their name."""

COMPRESSIONS = ("none", "gzip", "zip", "7z")
