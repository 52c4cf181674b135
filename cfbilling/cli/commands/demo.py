"""The demonstration: 13 months of usage, streamed, added up and shown."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cfbilling import ApiToken, BillingClient, ConfigurationError, UsageRecord
from cfbilling.cli.report.amounts import money, quantities
from cfbilling.progress import Progress
from cfbilling.sandbox import Fault, Sandbox

__all__ = ["run_demo"]

_MONTHS = 13
_BARS = " ▁▂▃▄▅▆▇█"
_NO_PRODUCT = "(no product)"


def _months_back(today: date, months: int) -> date:
    count = today.year * 12 + today.month - 1 - months
    return date(count // 12, count % 12 + 1, 1)


class _Line:
    """The line that is shown while records stream."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __rich__(self) -> Text:
        seen = self._progress
        return Text(
            f"{seen.chunks} of {seen.total_chunks or 0} chunks · {seen.records:,} records"
            f" · {seen.rate:,.0f}/s · {seen.requests} requests · {seen.retries} retries"
        )


class _Totals:
    """Cost and usage, added up exactly; never across currencies or units."""

    def __init__(self) -> None:
        self.cost: dict[tuple[str, str, str], Decimal] = {}
        self.usage: dict[str, dict[str, Decimal]] = {}

    def add(self, record: UsageRecord) -> None:
        product = record.x_product_family_name or _NO_PRODUCT
        if record.charge_period_start is not None and record.billed_cost is not None:
            month = f"{record.charge_period_start:%Y-%m}"
            key = (record.billing_currency or "?", product, month)
            self.cost[key] = self.cost.get(key, Decimal(0)) + record.billed_cost
        if record.consumed_quantity is not None:
            used = self.usage.setdefault(product, {})
            unit = record.consumed_unit or "(no unit)"
            used[unit] = used.get(unit, Decimal(0)) + record.consumed_quantity

    @property
    def currencies(self) -> list[str]:
        return sorted({currency for currency, _, _ in self.cost})

    def by(self, currency: str, part: int) -> dict[str, Decimal]:
        """Add up the cost in one currency by product (1) or by month (2)."""
        totals: dict[str, Decimal] = {}
        for key, cost in self.cost.items():
            if key[0] == currency:
                totals[key[part]] = totals.get(key[part], Decimal(0)) + cost
        return totals


def _sparkline(amounts: Sequence[Decimal]) -> str:
    top = max(amounts, default=Decimal(0))
    if top <= 0:
        return ""
    steps = len(_BARS) - 1
    return "".join(_BARS[round(max(amount, Decimal(0)) / top * steps)] for amount in amounts)


def _bar(amount: Decimal, top: Decimal, width: int = 24) -> str:
    return "█" * round(max(amount, Decimal(0)) / top * width) if top > 0 else ""


def _product_table(totals: _Totals, currency: str, months: Sequence[str]) -> Table:
    table = Table(title=f"Cost and usage by product, {currency}", title_justify="left")
    table.add_column("Product")
    table.add_column("Billed", justify="right")
    table.add_column(f"{months[0]} to {months[-1]}" if months else "Months")
    table.add_column("Used")
    by_product = totals.by(currency, 1)
    for product, cost in sorted(by_product.items(), key=lambda item: -item[1]):
        monthly = [totals.cost.get((currency, product, month), Decimal(0)) for month in months]
        used = quantities(totals.usage.get(product, {}))
        table.add_row(product, money(cost), _sparkline(monthly), used)
    table.add_section()
    table.add_row("Total", money(sum(by_product.values(), Decimal(0))), "", "")
    return table


def _month_table(totals: _Totals, currency: str) -> Table:
    table = Table(title=f"Cost by month, {currency}", title_justify="left")
    table.add_column("Month")
    table.add_column("Billed", justify="right")
    table.add_column("")
    by_month: Mapping[str, Decimal] = totals.by(currency, 2)
    top = max(by_month.values(), default=Decimal(0))
    for month, cost in sorted(by_month.items()):
        table.add_row(month, money(cost), _bar(cost, top))
    return table


@asynccontextmanager
async def _sandbox_client(progress: Progress) -> AsyncIterator[tuple[BillingClient, list[str]]]:
    async with Sandbox(accounts=4, records_per_day=40) as sandbox:
        # What a long job meets sooner or later, so that the retries are not only told about.
        sandbox.faults.add(Fault(status=503), Fault(reset_at=5_000), Fault(status=502, html=True))
        async with BillingClient(
            ApiToken(sandbox.api_token), base_url=sandbox.base_url, observer=progress
        ) as client:
            yield client, list(sandbox.account_ids)


@asynccontextmanager
async def _live_client(progress: Progress) -> AsyncIterator[tuple[BillingClient, list[str]]]:
    account_id = os.environ.get("CLOUDFLARE_ACCOUNT_ID", "").strip()
    if not account_id:
        raise ConfigurationError("--live needs CLOUDFLARE_ACCOUNT_ID, the account to ask about")
    async with BillingClient(observer=progress) as client:
        yield client, [account_id]


async def run_demo(*, live: bool) -> None:
    """Stream 13 months of usage of the sandbox's accounts, or of a real one, and show it.

    Raises:
        BillingError: What the client raises.
    """
    console = Console()
    today = datetime.now(UTC).date()
    start, end = _months_back(today, _MONTHS), date(today.year, today.month, 1)
    progress, totals = Progress(), _Totals()
    source = _live_client if live else _sandbox_client
    async with source(progress) as (client, account_ids):
        where = "the real API" if live else "a sandbox of invented accounts on this machine"
        console.print(f"Usage from {start} to {end} (exclusive), from {where}:")
        with Live(_Line(progress), console=Console(stderr=True), refresh_per_second=10):
            for account_id in account_ids:
                async for record in client.usage(account_id, start, end):
                    totals.add(record)
    months = sorted({month for _, _, month in totals.cost})
    for currency in totals.currencies:
        console.print(_product_table(totals, currency, months), _month_table(totals, currency))
    console.print(
        f"Fetched {progress.chunks} chunks of {len(account_ids)} accounts: "
        f"{progress.records:,} records in {progress.requests} requests "
        f"({progress.retries} retries), in {progress.seconds:.1f} s."
    )
