"""The table for people: the columns that matter, printed as records arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from rich.cells import cell_len

from cfbilling import GroupBy, Record
from cfbilling.cli.formats.table_columns import TableColumn, columns_of, group_columns
from cfbilling.cli.plain_text import plain, plain_number

__all__ = ["TableFormat"]

_FIELDS = (
    TableColumn("Field", 25, lambda pair: pair[0]),
    TableColumn("Value", 20, lambda pair: pair[1]),
)
_ACCOUNT_ID = ("AccountId", 32, False)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return plain_number(value)
    return plain(str(value))


class TableFormat:
    """Writes a line for each record; nothing is cut, a wide cell makes its column wider.

    Args:
        record_type: The class of the records.
        with_account: Whether the account's id is the first column, for records without one.
        groups: What the records are split by, each with a column of its own.
    """

    def __init__(
        self, record_type: type[Record], *, with_account: bool, groups: Sequence[GroupBy] = ()
    ) -> None:
        columns = columns_of(record_type)
        self._columns = None if columns is None else (*columns, *group_columns(groups))
        shown = [(c.heading, c.width, c.is_right) for c in self._columns or _FIELDS]
        headings = [_ACCOUNT_ID, *shown] if with_account else shown
        self._with_account = with_account
        self._names = [name for name, _, _ in headings]
        self._widths = [width for _, width, _ in headings]
        self._right = [right for _, _, right in headings]

    def begin(self) -> bytes:
        """Return nothing: the first records say how wide the columns are."""
        return b""

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return one line for each record, under the headings the first time."""
        before = [account_id] if self._with_account else []
        rows = [[_shown(v) for v in (*before, *row)] for r in records for row in self._rows(r)]
        self._widen(rows)
        lines = list(map(self._line, rows))
        if self._names:
            lines[:0] = [self._line(self._names), self._line(["─" * w for w in self._widths])]
            self._names = []
        return "".join(lines).encode()

    def finish(self) -> bytes:
        """Return the headings, if no record came."""
        return self._line(self._names).encode() if self._names else b""

    def _rows(self, record: Record) -> list[list[object]]:
        if self._columns is None:
            return [[column.value(pair) for column in _FIELDS] for pair in record.to_wire().items()]
        return [[column.value(record) for column in self._columns]]

    def _widen(self, rows: Sequence[Sequence[str]]) -> None:
        length: Callable[[str], int] = cell_len
        for row in rows:
            for index, cell in enumerate(row):
                self._widths[index] = max(self._widths[index], length(cell))

    def _line(self, cells: Sequence[str]) -> str:
        padded = [
            " " * (width - cell_len(cell)) + cell
            if right
            else cell + " " * (width - cell_len(cell))
            for cell, width, right in zip(cells, self._widths, self._right, strict=True)
        ]
        return "  ".join(padded).rstrip() + "\n"
