"""The README's tables for notebooks: each library adds up what was sent, digit for digit."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cfbilling import ApiToken, BillingClient
from cfbilling.sandbox import Sandbox

pytest.importorskip("pyarrow", reason="needs pyarrow, which the extra arrow has")

README = (Path(__file__).parents[2] / "README.md").read_text()
_, _, TABLES = README.partition("## Tables\n")
RECIPES = dict(re.findall(r"^\| (\w+) \| `(.*)` \|$", TABLES.partition("\n## ")[0], re.MULTILINE))
MONTHS = "2025-01-01", "2025-03-01"

Pairs = list[tuple[str, Decimal]]
# How each library gives the rows of its result.
ROWS: dict[str, Callable[[Any], Pairs]] = {
    "pandas": lambda result: list(result.items()),
    "polars": lambda result: result.rows(),
    "DuckDB": lambda result: result.fetchall(),
}


@pytest_asyncio.fixture
async def client() -> AsyncGenerator[tuple[BillingClient, str]]:
    """A client of a service, and one of its accounts."""
    async with (
        Sandbox(accounts=1, records_per_day=30) as sandbox,
        BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client,
    ):
        yield client, sandbox.account_ids[0]


def test_each_recipe_is_tried() -> None:
    """The README names these libraries, and no others."""
    assert set(ROWS) == set(RECIPES)


@pytest.mark.parametrize("name", sorted(ROWS))
async def test_a_table_is_added_up_exactly(client: tuple[BillingClient, str], name: str) -> None:
    """What a library adds up is the exact sum of the records' own numbers."""
    module = name.lower()
    pytest.importorskip(module, reason=f"needs {module}, which the extra recipes has")
    billing, account = client
    expected: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    async for row in billing.costs(account, *MONTHS):
        expected[row.service_name] += row.list_cost or Decimal(0)
    costs = await billing.costs(account, *MONTHS).table()
    names = {module: importlib.import_module(module), "costs": costs}
    result = eval(RECIPES[name], names)  # noqa: S307 - our README
    found = ROWS[name](result)
    assert expected == dict(found)
    assert len(expected) == len(found) > 3
