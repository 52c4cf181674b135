"""What probes found, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Column, Table

from cfbilling import NotCovered
from cfbilling.cli.check.probes import SOURCES, Probe, costs_of
from cfbilling.cli.plain_text import plain

__all__ = ["overview", "reasons", "table_of"]


def table_of(scope_id: str, probes: Sequence[Probe]) -> Table:
    """Return a line for each endpoint of an account or organization."""
    table = Table(title=f"Endpoints for {plain(scope_id)}", title_justify="left")
    table.add_column("cfbilling …", no_wrap=True)
    table.add_column("Open")
    for probe in probes:
        table.add_row(probe.name, plain(probe.answer))
    return table


def overview(found: Mapping[str, Sequence[Probe]]) -> Table:
    """Return a line for each account, and a column for each endpoint."""
    # An id that is cut names no account.
    account = Column("Account", overflow="fold")
    table = Table(account, "costs", *SOURCES, title="Endpoints", title_justify="left")
    for account_id, probes in found.items():
        cells = [_cell(probe) for probe in (costs_of(probes), *probes)]
        table.add_row(plain(account_id), *cells)
    return table


def _cell(probe: Probe) -> str:
    if probe.is_open is not False or probe.error is None:
        return probe.brief
    if isinstance(probe.error, NotCovered):
        return "not covered"
    return "no" if probe.error.status is None else f"no ({probe.error.status})"


def reasons(found: Mapping[str, Sequence[Probe]]) -> list[str]:
    """Return each reason why something is not open, with the number of accounts that have it."""
    counted = Counter(
        (probe.name, plain(probe.answer))
        for probes in found.values()
        for probe in probes
        if probe.error is not None
    )
    return [
        f"{name}: {answer}, {count:,} {'account' if count == 1 else 'accounts'}"
        for (name, answer), count in counted.items()
    ]
