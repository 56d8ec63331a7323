"""How a member is packed: gzip with one fixed header, zstd, or not at all; and unpacked, never further than asked."""

from __future__ import annotations

import importlib
import struct
import zlib
from typing import Any, Protocol

from stashport.errors import MissingLibrary

SUFFIXES = {"gzip": ".gz", "zstd": ".zst", "none": ""}
_GZIP_HEAD = b"\x1f\x8b\x08" + bytes(6) + b"\xff"  # no name, no time, no system
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 9
_ZSTD_WINDOW = 23  # a reader needs 8 MiB for it


class Packer(Protocol):
    """Takes bytes, gives packed ones."""

    def compress(self, data: bytes, /) -> bytes:
        """What is ready."""
        ...

    def flush(self) -> bytes:
        """What is left, with the end."""
        ...


class Unpacker(Protocol):
    """Takes packed bytes, gives bytes; the interface of Python's own decompressors."""

    @property
    def eof(self) -> bool:
        """Whether the packed data have come to their end."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether more packed bytes are needed to go on."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was found after the end."""
        ...

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """At most `max_length` bytes."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._deflate = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -15)
        self._head, self._crc, self._size = _GZIP_HEAD, 0, 0

    def compress(self, data: bytes, /) -> bytes:
        self._crc, self._size = zlib.crc32(data, self._crc), self._size + len(data)
        head, self._head = self._head, b""
        return head + self._deflate.compress(data)

    def flush(self) -> bytes:
        return self._head + self._deflate.flush() + struct.pack("<2L", self._crc, self._size & 0xFFFFFFFF)


class _Gunzip:
    def __init__(self) -> None:
        self._inflate, self._head = zlib.decompressobj(31), b""

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        if len(self._head) < len(_GZIP_HEAD):
            self._head += data[: len(_GZIP_HEAD) - len(self._head)]
            if not _GZIP_HEAD.startswith(self._head):
                raise ValueError("its gzip header is not ours")
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)


def packer(name: str) -> Packer | None:
    """What packs a member of this name.  Errors: MissingLibrary."""
    if name.endswith(".gz"):
        return _Gzip()
    if name.endswith(".zst"):
        library = zstd()
        wanted = library.CompressionParameter
        packs: Packer = library.ZstdCompressor(
            options={wanted.compression_level: _ZSTD_LEVEL, wanted.window_log: _ZSTD_WINDOW, wanted.checksum_flag: 1})
        return packs
    return None


def unpacker(name: str) -> Unpacker | None:
    """What unpacks a member of this name.  Errors: MissingLibrary."""
    if name.endswith(".gz"):
        return _Gunzip()
    if name.endswith(".zst"):
        library = zstd()
        unpacks: Unpacker = library.ZstdDecompressor(options={library.DecompressionParameter.window_log_max: _ZSTD_WINDOW})
        return unpacks
    return None


def zstd() -> Any:
    """Find Python's own zstd (3.14 and later) or the package that brings it to older ones.  Errors: MissingLibrary."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise MissingLibrary(feature="A bundle packed with zstd", package="backports.zstd", feature_name="zstd")


def best() -> str:
    """The better one: zstd where this Python has it, else gzip."""
    try:
        zstd()
    except MissingLibrary:
        return "gzip"
    return "zstd"


def unpacking_errors() -> tuple[type[Exception], ...]:
    """What unpacking damaged bytes raises."""
    try:
        return (ValueError, EOFError, zlib.error, zstd().ZstdError)
    except MissingLibrary:
        return (ValueError, EOFError, zlib.error)
