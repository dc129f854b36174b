"""Names within a zip archive, as the person who packed it would read them.

Zip files say of a name that it is UTF-8, or nothing. Then it may be UTF-8 all the same (macOS), code page 437 (the
standard), or whatever the packing computer used: the usual ones are tried in turn, and what was guessed is told.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Sequence

UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075  # an extra field that holds the name in UTF-8 (APPNOTE 4.6.9)
LETTERS_OF_437 = re.compile(rb"[\x80-\xa5\xe1]+")  # its accented letters; above are lines, Greek and mathematics
LETTERS_OF_1252 = re.compile(rb"[\xc0-\xff]+")
HANGUL = ("\uac00", "\ud7a3")


def read_names(entries: Sequence[zipfile.ZipInfo]) -> tuple[list[str], str | None]:
    """Each entry's name, and the encoding that was guessed for those that don't say theirs (None: nothing was guessed).

    Raises UnicodeDecodeError for a name that says of itself that it is UTF-8, and isn't.
    """
    told = [_told(entry) for entry in entries]
    unknown = {entry.orig_filename.encode("cp437") for entry, name in zip(entries, told, strict=True) if name is None}
    if not unknown:
        return [name or "" for name in told], None
    encoding = _guessed(b"/".join(sorted(unknown)))
    return [
        name if name is not None else entry.orig_filename.encode("cp437").decode(encoding)
        for entry, name in zip(entries, told, strict=True)
    ], encoding


def _told(entry: zipfile.ZipInfo) -> str | None:
    """The name, where its encoding is known."""
    stored = entry.orig_filename
    if entry.flag_bits & UTF8_FLAG or stored.isascii():
        return stored
    raw = stored.encode("cp437")  # as zipfile decoded it
    if (name := _unicode_path(entry, raw)) is not None:
        return name
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _unicode_path(entry: zipfile.ZipInfo, raw: bytes) -> str | None:
    """The name in the entry's extra field, if it belongs to this name."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and len(field) > 5 and struct.unpack_from("<BL", field) == (1, zlib.crc32(raw)):
            try:
                return field[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None


def _guessed(raw: bytes) -> str:
    """The encoding in which what isn't ASCII is letters; code page 437, the standard's, if none is found."""
    runs = re.findall(rb"[\x80-\xff]+", raw)
    high = b"".join(runs)
    if LETTERS_OF_437.fullmatch(high):
        return "cp437"
    if LETTERS_OF_1252.fullmatch(high) and all(len(run) == 1 for run in runs):
        return "cp1252"
    for encoding, (first, last) in {
        "cp932": ("\u3040", "\u9fff"),
        "euc_kr": HANGUL,
        "gbk": ("\u4e00", "\u9fff"),
    }.items():
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if all(first <= character <= last for character in text if not character.isascii()):
            return encoding
    return "cp1252" if LETTERS_OF_1252.fullmatch(high) else "cp437"
