"""Tables as CSV, for people and for programs. The one place that writes it: spreadsheets compute some texts."""

from __future__ import annotations

from typing import Any

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a cell begins with that a spreadsheet computes (OWASP, CSV injection)


MARK = "\ufeff"  # of UTF-8: without it Excel takes β for two other letters


def for_people(table: pd.DataFrame) -> bytes:
    """A file that a spreadsheet opens: with a mark of UTF-8, and lists such as tags as `a, b`.

    For programs there is `as_csv`, without either.
    """
    lists = {
        name: [", ".join(map(str, cell)) if isinstance(cell, list | tuple) else cell for cell in table[name]]
        for name in table.columns
        if table[name].map(lambda cell: isinstance(cell, list | tuple)).any()
    }
    return (MARK + as_csv(table.assign(**lists))).encode()


def as_csv(table: pd.DataFrame) -> str:
    """`table` without its index, for programs: plain UTF-8.

    A text that a spreadsheet would compute gets an apostrophe before it, as they ask for.

    Names, tags, notes and classes are anybody's words: `=HYPERLINK(…)` would send a table to somebody else. Numbers
    stay numbers, also where they stand as text.
    """
    kinds = pd.api.types
    texts = [name for name in table.columns if kinds.is_object_dtype(table[name]) or kinds.is_string_dtype(table[name])]
    return table.assign(**{name: [_harmless(cell) for cell in table[name]] for name in texts}).to_csv(index=False)


def _harmless(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    mark = "'" if cell.startswith(FORMULA) and not _number(cell) else ""
    return mark + cell.replace("\r\n", "\n").replace("\r", "\n")  # a lone \r would end the row: pandas quotes only \n


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
