"""CSV: a column for each documented field, exact, at the speed of the columns.

A null is an empty cell, an empty text is a quoted empty cell (``""``). Lines end with a line
feed. The standard library's writer knows neither that difference (before Python 3.12) nor
columns, and it is the columns that make this fast: most of their texts repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from cfbilling import FocusRecord, Record
from cfbilling.cli.formats.format import account_column, part_json
from cfbilling.cli.plain_text import plain_number

__all__ = ["CsvFormat", "harmless"]

_MOST_REMEMBERED = 20_000
_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")

Cells = Callable[[Sequence[Any]], Sequence[str]]


def _quoted(text: str) -> str:
    if not text or any(char in text for char in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def harmless(text: str) -> str:
    """Return a text as no spreadsheet runs it, with an apostrophe before a formula."""
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text


def _harmless(text: str) -> str:
    return _quoted(harmless(text))


class _Remembered(dict[Any, str]):
    """The cell of each value seen lately; None is the empty cell."""

    def __init__(self, make: Callable[[Any], str]) -> None:
        super().__init__({None: ""})
        self._make = make

    def __missing__(self, value: Any) -> str:
        if len(self) > _MOST_REMEMBERED:
            self.clear()
            self[None] = ""
        cell = self[value] = self._make(value)
        return cell

    def cells(self, values: Sequence[Any]) -> Sequence[str]:
        return list(map(self.__getitem__, values))


def _moments(record_type: type[Record], name: str) -> Cells:
    def cell(moment: datetime) -> str:
        # How the wire has a moment is the record's to say; it is asked once for each of them.
        fields: Any = {name: moment}
        return str(record_type(**fields).to_wire()[record_type.wire_names[name]])

    return _Remembered(cell).cells


def _numbers(values: Sequence[Decimal | None]) -> Sequence[str]:
    # Not remembered: 1.0 and 1.00 are equal as keys, but not to the last digit.
    texts = list(map(str, values))
    seen = "".join(texts)
    if "E" in seen:
        pairs = zip(texts, values, strict=True)
        texts = [
            text if value is None or "E" not in text else plain_number(value)
            for text, value in pairs
        ]
    if "N" in seen:
        texts = ["" if text == "None" else text for text in texts]
    return texts


def _truths(values: Sequence[bool | None]) -> Sequence[str]:
    return ["" if value is None else str(value).lower() for value in values]


def _json_cell(value: object) -> str:
    return _quoted(part_json(value))


def _objects(values: Sequence[object]) -> Sequence[str]:
    return ["" if value is None else _json_cell(value) for value in values]


class CsvFormat:
    """Writes records as rows; ``extra`` is the last column, as JSON.

    Args:
        record_type: The class of the records.
        with_account: Whether the account's id is a column, for records without one.
        spreadsheet_safe: Whether text that a spreadsheet would run as a formula gets an
            apostrophe before it.
    """

    def __init__(
        self, record_type: type[Record], *, with_account: bool, spreadsheet_safe: bool
    ) -> None:
        self._names = [*record_type.wire_names.values(), record_type.extra_name]
        self._account_at = None
        if with_account:
            self._account_at = len(self._names) if record_type is FocusRecord else 0
            self._names.insert(self._account_at, account_column(record_type))
        quote = _harmless if spreadsheet_safe else _quoted
        text = _Remembered(quote)
        kinds: dict[type, Cells] = {
            str: text.cells,
            Decimal: _numbers,
            bool: _truths,
            dict: _objects,
            tuple: _objects,
        }

        def run_of_texts(values: tuple[str | None, ...]) -> str:
            return ",".join(text.cells(values))

        # Texts side by side repeat together, so they are looked up together.
        self._parts: list[tuple[attrgetter[Any], Cells]] = []
        for kind, columns in groupby(record_type.columns, key=lambda column: column.kind):
            names = [column.name for column in columns]
            if kind is str and len(names) > 1:
                self._parts.append((attrgetter(*names), _Remembered(run_of_texts).cells))
            else:
                for name in names:
                    cells = _moments(record_type, name) if kind is datetime else kinds[kind]
                    self._parts.append((attrgetter(name), cells))

    def begin(self) -> bytes:
        """Return the header."""
        return (",".join(self._names) + "\n").encode()

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return one row for each record."""
        made = [cells(list(map(pick, records))) for pick, cells in self._parts]
        made.append([_json_cell(record.extra) if record.extra else "" for record in records])
        if self._account_at is not None:
            made.insert(self._account_at, [_quoted(account_id)] * len(records))
        return ("\n".join(map(",".join, zip(*made, strict=True))) + "\n").encode()

    def finish(self) -> bytes:
        """Return nothing: the last row is the last record."""
        return b""
