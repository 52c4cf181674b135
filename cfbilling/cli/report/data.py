"""The table of a report as data: CSV, NDJSON or JSON, with every digit."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import PurePath

from cfbilling.cli.errors import CommandError
from cfbilling.cli.formats.csv import harmless
from cfbilling.cli.formats.format import part_json
from cfbilling.cli.output import opened
from cfbilling.cli.plain_text import plain_number
from cfbilling.cli.report.answer import Answer, Incomplete
from cfbilling.cli.report.rows import Row
from cfbilling.cli.report.totals import Totals

__all__ = ["SHAPES", "cell", "safe_cell", "shape_of", "write_data"]

SHAPES = ("table", "csv", "ndjson", "json")
_SUFFIXES = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "json"}


def shape_of(shape: str | None, path: str | None) -> str:
    """Return the format that was asked for, or that the file's name says.

    Args:
        shape: ``--format``.
        path: The file, ``-o``; None or ``-`` for standard output.

    Raises:
        CommandError: If neither names one, or a table is to be a file.
    """
    if path in (None, "-"):
        return shape or "table"
    found = shape or _SUFFIXES.get(PurePath(str(path)).suffix.lower())
    if found is None or found == "table":
        raise CommandError(f"--format is needed for {path}: csv, ndjson or json; --html is a page")
    return found


async def write_data(
    shape: str,
    path: str | None,
    answer: Answer,
    days: Mapping[str, str | None],
    top: int | None,
    *,
    cells: Callable[[object], object],
) -> None:
    """Write the lines, of each currency in turn; JSON has the totals too.

    Args:
        shape: The format.
        path: The file; None or ``-`` for standard output.
        answer: The answer, of whose sums the first are written.
        days: What JSON tells of the days.
        top: The number of lines of each currency; None for all.
        cells: Makes cells of CSV: `cell` or `safe_cell`.

    Raises:
        CommandError: If the file cannot be opened.
        OSError: If it cannot be written.
    """
    lines = _lines(answer, top)
    match shape:
        case "csv":
            text = _csv(list(_line(answer.totals[0], None, Row(""))), lines, cells)
        case "ndjson":
            text = "".join(f"{part_json(line)}\n" for line in lines)
        case _:
            text = f"{part_json(_whole(answer, days, lines))}\n"
    with opened(path) as output:
        await output.write(text.encode())
        output.commit()


def _lines(answer: Answer, top: int | None) -> list[dict[str, object]]:
    totals = answer.totals[0]
    return [
        _line(totals, currency, row)
        for currency in totals.tables
        for row in totals.rows(currency, top)
    ]


def _line(totals: Totals, currency: str | None, row: Row) -> dict[str, object]:
    return {
        "By": totals.by,
        "Key": row.key,
        "Name": row.name,
        "Currency": currency,
        **_amounts(row, is_compared=totals.before is not None),
        "Used": row.used,
        "Records": row.records,
        "IsPartial": row.is_partial,
    }


def _amounts(row: Row, *, is_compared: bool) -> dict[str, object]:
    amounts: dict[str, object] = {"BilledCost": row.cost, "ListCost": row.list_cost}
    return {**amounts, "BilledCostBefore": row.before} if is_compared else amounts


def _whole(
    answer: Answer, days: Mapping[str, str | None], lines: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    totals = answer.totals[0]
    is_compared = totals.before is not None
    breakdowns = [
        {
            "Currency": currency,
            **_amounts(totals.total(currency), is_compared=is_compared),
            "Records": totals.total(currency).records,
            "Rows": [line for line in lines if line["Currency"] == currency],
        }
        for currency in totals.tables
    ]
    return {
        "By": totals.by,
        **days,
        "Records": totals.records,
        "RecordsWithoutCost": totals.unpriced,
        "Breakdowns": breakdowns,
        "Incomplete": _incomplete(answer.incomplete),
        "IncompleteBefore": _incomplete(answer.incomplete_before),
        "Unfinished": list(answer.unfinished),
    }


def _incomplete(accounts: Sequence[Incomplete]) -> list[dict[str, object]]:
    return [{"Account": a.account_id, "RecordsCounted": a.counted} for a in accounts]


def _csv(
    header: Sequence[str],
    lines: Sequence[Mapping[str, object]],
    cells: Callable[[object], object],
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for line in lines:
        writer.writerow(map(cells, line.values()))
    return text.getvalue()


def cell(value: object) -> object:
    """Return a value as a cell of CSV."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            return plain_number(value)
        case dict():
            return part_json(value)
    return value


def safe_cell(value: object) -> object:
    """Return the same, as no spreadsheet runs it."""
    return harmless(value) if isinstance(value, str) else cell(value)
