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
from dataclasses import dataclass

from ...errors import InputError
from .limits import Limits, megabytes, shown
from .names import read_names

# All that zipfile raises for damaged input; NotImplementedError is a RuntimeError.
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, LookupError)
STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # of an archive, and of an empty one
DIRECTORY_ENTRY = b"PK\x01\x02"
# zipfile unpacks these two piece by piece; of bzip2 and LZMA a few bytes may become gigabytes at once.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Entry:
    """One file or folder of an archive, under the name that its packer would read."""

    name: str  # with / between folders, whatever the archive has there
    info: zipfile.ZipInfo


def opened(data: bytes, limits: Limits) -> tuple[zipfile.ZipFile, list[Entry], str | None]:
    """The archive, its entries with their names and kinds checked, and the encoding that was guessed for names.

    Raises InputError.
    """
    if not data.startswith(STARTS):
        raise InputError("It is not a zip archive, or a damaged one.")
    if data.count(DIRECTORY_ENTRY) > limits.entries:  # before zipfile makes an object of each
        raise InputError(f"It holds more than the {limits.entries:,} files and folders allowed here (VAE_MAX_IMAGES).")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
        names, encoding = read_names(infos)
    except BROKEN:  # among them a name that says of itself that it is UTF-8, and isn't
        raise InputError("It is not a zip archive, or a damaged one.") from None
    entries = [Entry(_checked(name, info), info) for name, info in zip(names, infos, strict=True)]
    limits.unpackable(sum(info.file_size for info in infos))  # as claimed; counted again when read
    return archive, entries, encoding


def _checked(stored: str, info: zipfile.ZipInfo) -> str:
    """The name with / between folders: Windows PowerShell writes backslashes. Raises InputError for a trick."""
    name = stored.replace("\\", "/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        raise InputError(f"{shown(stored)} in the archive leads out of its folder; such names are refused.")
    if not name.isprintable() or not name:
        raise InputError(f"{shown(stored)} in the archive holds a control character; such names are refused.")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{shown(stored)} in the archive is a link or a device, not a file.")
    if info.flag_bits & 0x41:
        raise InputError(f"{shown(stored)} in the archive is encrypted; save the archive without a password.")
    if info.compress_type not in METHODS:
        raise InputError(f"{shown(stored)} in the archive is packed in an unusual way; only “deflate” is read.")
    return name


class Unpacker:
    """Reads entries of one archive until their bytes, as unpacked, exceed what is allowed."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.archive, self.limits = archive, limits
        self.done = 0  # bytes

    def read(self, entry: Entry, most: int) -> bytes:
        """One whole entry of at most `most` bytes. Raises InputError when it is longer, or damaged."""
        try:
            with self.archive.open(entry.info) as file:
                raw = file.read(most + 1)
        except BROKEN:
            raise damaged(entry.name) from None
        self.done += len(raw)
        if len(raw) > most:
            raise InputError(f"{shown(entry.name)} in the archive is larger than {megabytes(most)}.")
        self.limits.unpackable(self.done)
        return raw


def damaged(name: str) -> InputError:
    """To be raised."""
    return InputError(f"{shown(name)} in the archive is damaged.")
