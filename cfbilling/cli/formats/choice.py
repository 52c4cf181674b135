"""The choice of a format: what the options say, or else the name of the file."""

from __future__ import annotations

from pathlib import PurePath

import attrs

from cfbilling import GroupBy, Record
from cfbilling.cli.errors import CommandError
from cfbilling.cli.formats.csv import CsvFormat
from cfbilling.cli.formats.format import Format, account_column
from cfbilling.cli.formats.json import JsonFormat
from cfbilling.cli.formats.ndjson import NdjsonFormat
from cfbilling.cli.formats.table import TableFormat

__all__ = ["FORMATS", "FormatChoice", "format_of"]

FORMATS = ("table", "json", "ndjson", "csv", "parquet", "arrow")
_SUFFIXES = {
    ".arrows": "arrow",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "ndjson",
    ".ndjson": "ndjson",
    ".parquet": "parquet",
}


@attrs.frozen
class FormatChoice:
    """What the options say about the format.

    Attributes:
        name: The name of the format, ``--format``; None to go by the file's name.
        spreadsheet_safe: Whether CSV text that a spreadsheet would run gets an apostrophe.
        decimal_scale: The digits after the point in Parquet and Arrow; None for the usual.
        groups: What usage is split by: a table has columns for it.
        account_id: Whether records of several accounts get the account's id ahead of all else.
    """

    name: str | None = None
    spreadsheet_safe: bool = False
    decimal_scale: int | None = None
    groups: tuple[GroupBy, ...] = ()
    account_id: bool = True


def format_of(
    choice: FormatChoice,
    path: str | None,
    record_type: type[Record],
    *,
    with_account: bool,
    has_column: bool = False,
) -> Format:
    """Return the format that was asked for, or that the file's name says.

    Args:
        choice: What the options say.
        path: The file; None for standard output.
        record_type: The class of the records.
        with_account: Whether they may not say whose they are.
        has_column: Whether they have a column for that, which may be empty: then a table, which
            shows it, gets none of ours.

    Raises:
        CommandError: If neither names one, or it needs an extra that is not installed.
    """
    is_column = with_account and choice.account_id
    name = choice.name or ("table" if path is None else _SUFFIXES.get(_suffix(path)))
    match name:
        case "csv":
            safe = choice.spreadsheet_safe
            return CsvFormat(record_type, with_account=is_column, spreadsheet_safe=safe)
        case "ndjson" | "json":
            key = account_column(record_type) if is_column else None
            lines = NdjsonFormat(account_key=key)
            return lines if name == "ndjson" else JsonFormat(lines)
        case "parquet" | "arrow":
            scale = choice.decimal_scale
            return _columnar(name, record_type, with_account=is_column, scale=scale)
        case "table":
            first = is_column and not has_column
            return TableFormat(record_type, with_account=first, groups=choice.groups)
    raise CommandError(f"--format is needed: the name {path} does not imply one")


def _columnar(
    name: str, record_type: type[Record], *, with_account: bool, scale: int | None
) -> Format:
    try:
        if name == "arrow":
            from cfbilling.cli.formats.arrow import ArrowFormat  # noqa: PLC0415 - needs the extra

            return ArrowFormat(record_type, with_account=with_account, scale=scale)
        from cfbilling.cli.formats.parquet import ParquetFormat  # noqa: PLC0415 - likewise

        return ParquetFormat(record_type, with_account=with_account, scale=scale)
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "pyarrow":
            raise
        needs = f"{name.capitalize()} needs an extra: pip install 'cfbilling[arrow]'"
        raise CommandError(needs) from error


def _suffix(path: str) -> str:
    return PurePath(path).suffix.lower()
