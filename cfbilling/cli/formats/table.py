"""The table for people: the columns that matter, printed as records arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len

from cfbilling import BillingProfile, PaygoRecord, Record, UsageRecord
from cfbilling.cli.plain_text import plain, plain_number

__all__ = ["TableFormat"]

# Heading, least width, whether it stands to the right.
_HEADINGS: dict[type[Record], tuple[tuple[str, int, bool], ...]] = {
    UsageRecord: (
        ("Day", 10, False),
        ("Account", 12, False),
        ("Metric", 24, False),
        ("Zone", 14, False),
        ("Quantity", 12, True),
        ("Unit", 9, False),
        ("Billed", 10, True),
        ("Cur.", 4, False),
    ),
    PaygoRecord: (
        ("Day", 10, False),
        ("Service", 24, False),
        ("Zone", 14, False),
        ("Quantity", 12, True),
        ("Unit", 9, False),
        ("Contracted", 10, True),
        ("Cumulated", 10, True),
        ("Cur.", 4, False),
    ),
    BillingProfile: (("Field", 25, False), ("Value", 20, False)),
}


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return plain(value) if isinstance(value, str) else plain(str(value))


def _day(record: UsageRecord | PaygoRecord) -> str | None:
    start = record.charge_period_start
    return None if start is None else f"{start:%Y-%m-%d}"


def _usage_row(record: UsageRecord) -> tuple[object, ...]:
    return (
        _day(record),
        record.billing_account_name or record.billing_account_id,
        record.x_billable_metric_name or record.x_billable_metric_id,
        record.x_zone_name or record.x_zone_id,
        None if record.consumed_quantity is None else plain_number(record.consumed_quantity),
        record.consumed_unit,
        None if record.billed_cost is None else plain_number(record.billed_cost),
        record.billing_currency,
    )


def _paygo_row(record: PaygoRecord) -> tuple[object, ...]:
    numbers = (
        record.consumed_quantity,
        record.contracted_cost,
        record.cumulated_contracted_cost,
    )
    quantity, cost, cumulated = (None if n is None else plain_number(n) for n in numbers)
    return (
        _day(record),
        record.service_name,
        record.zone_name or record.zone_id,
        quantity,
        record.consumed_unit,
        cost,
        cumulated,
        record.billing_currency,
    )


def _rows_of(record: Record) -> list[tuple[object, ...]]:
    match record:
        case UsageRecord():
            return [_usage_row(record)]
        case PaygoRecord():
            return [_paygo_row(record)]
        case _:
            return list(record.to_wire().items())


class TableFormat:
    """Writes a line for each record; nothing is cut, a wide cell makes its column wider.

    Args:
        record_type: The class of the records.
        with_account: Whether the account's id is the first column, for records without one.
    """

    def __init__(self, record_type: type[Record], *, with_account: bool) -> None:
        first = (("AccountId", 32, False),) if with_account else ()
        headings = (*first, *_HEADINGS[record_type])
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
        rows = [[_shown(v) for v in (*before, *row)] for r in records for row in _rows_of(r)]
        self._widen(rows)
        lines = list(map(self._line, rows))
        if self._names:
            lines[:0] = [self._line(self._names), self._line(["─" * w for w in self._widths])]
            self._names = []
        return "".join(lines).encode()

    def finish(self) -> bytes:
        """Return the headings, if no record came."""
        return self._line(self._names).encode() if self._names else b""

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
