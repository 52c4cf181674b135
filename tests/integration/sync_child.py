"""A process that syncs a store, told what to do by one JSON argument; a line for each unit done."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
from pathlib import Path

from cfbilling import AccountFailure, ApiToken, BillingClient, Clock, StoreError, plan
from cfbilling.sync import Store, SyncResult, sync
from tests.integration.stores import Days


def _say(result: SyncResult | AccountFailure | None) -> None:
    told = None if result is None else type(result).__name__
    if isinstance(result, AccountFailure):
        told = f"{type(result.error).__name__} {result.error.message}"
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def _run(told: dict[str, str]) -> None:
    async with BillingClient(
        ApiToken(told["api_token"]),
        base_url=told["base_url"],
        clock=Clock(now=lambda: Days().now),
    ) as client:
        units = plan(told["account_ids"].split(), told["start"], told["end"], endpoint="usage")
        store = Store(Path(told["folder"]), format="ndjson" if "ndjson" in told else "parquet")
        try:
            await sync(client, units, store, on_result=_say, on_error="report")
        except StoreError as error:
            sys.stdout.write(json.dumps(f"refused: {error.message}") + "\n")


def main() -> None:
    """Sync."""
    told = json.loads(sys.argv[1])
    if "most_bytes" in told:
        most = int(told["most_bytes"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    # Failures are told on standard output; errors of the program itself still show.
    logging.disable(logging.WARNING)
    asyncio.run(_run(told))


if __name__ == "__main__":
    main()
