"""A zip archive from outside. Nothing is ever written to a disk: entries are read into memory, and counted.

Refused: path tricks, links, encryption, methods whose unpacking can't be bounded, bombs, what is no archive, and an
archive behind something else, such as a program that unpacks itself.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib

from ...errors import InputError
from .limits import Limits, megabytes, shown

# All that zipfile raises for damaged input; NotImplementedError is a RuntimeError.
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, LookupError)
STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # of an archive, and of an empty one
DIRECTORY_ENTRY = b"PK\x01\x02"
# zipfile unpacks these two piece by piece; of bzip2 and LZMA a few bytes may become gigabytes at once.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def opened(data: bytes, limits: Limits) -> zipfile.ZipFile:
    """The archive, every entry's name and kind checked. Raises InputError."""
    if not data.startswith(STARTS):
        raise InputError("It is not a zip archive, or a damaged one.")
    if data.count(DIRECTORY_ENTRY) > limits.entries:  # before zipfile makes an object of each
        raise InputError(f"It holds more than the {limits.entries:,} files and folders allowed here (VAE_MAX_IMAGES).")
    try:
        archive = _named_in(data, "utf-8") or _named_in(data, None)
    except BROKEN:
        raise InputError("It is not a zip archive, or a damaged one.") from None
    if archive is None:  # a name that says of itself that it is UTF-8, and isn't
        raise InputError("It is not a zip archive, or a damaged one.")
    for entry in archive.infolist():
        _check(entry)
    limits.unpackable(sum(entry.file_size for entry in archive.infolist()))  # as claimed; counted again when read
    return archive


def _named_in(data: bytes, encoding: str | None) -> zipfile.ZipFile | None:
    """The archive with its names read so. macOS writes UTF-8 without saying so; older programs write code page 437."""
    try:
        return zipfile.ZipFile(io.BytesIO(data), metadata_encoding=encoding)
    except UnicodeDecodeError:
        return None


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        raise InputError(f"{shown(name)} in the archive leads out of its folder; such names are refused.")
    if "\\" in name or not name.isprintable() or not name:
        raise InputError(f"{shown(name)} in the archive holds a backslash or a control character; such are refused.")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{shown(name)} in the archive is a link or a device, not a file.")
    if entry.flag_bits & 0x41:
        raise InputError(f"{shown(name)} in the archive is encrypted; save the archive without a password.")
    if entry.compress_type not in METHODS:
        raise InputError(f"{shown(name)} in the archive is packed in an unusual way; only “deflate” is read.")


class Unpacker:
    """Reads entries of one archive until their bytes, as unpacked, exceed what is allowed."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.archive, self.limits = archive, limits
        self.done = 0  # bytes

    def read(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        """One whole entry of at most `most` bytes. Raises InputError when it is longer, or damaged."""
        try:
            with self.archive.open(entry) as file:
                raw = file.read(most + 1)
        except BROKEN:
            raise damaged(entry.filename) from None
        self.done += len(raw)
        if len(raw) > most:
            raise InputError(f"{shown(entry.filename)} in the archive is larger than {megabytes(most)}.")
        self.limits.unpackable(self.done)
        return raw


def damaged(name: str) -> InputError:
    """To be raised."""
    return InputError(f"{shown(name)} in the archive is damaged.")
