"""How the service is reached: what the options say, made into a client."""

from __future__ import annotations

from collections.abc import Sequence

import aiohttp
import attrs

from cfbilling import BillingClient, Credentials, RetryPolicy
from cfbilling.events import Observer

__all__ = ["Connection"]


@attrs.frozen
class Connection:
    """How to reach the service.

    Attributes:
        base_url: ``--base-url``.
        token_file: ``--token-file``.
        attempts: ``--attempts``: how many attempts of a request may fail.
        max_wait: ``--max-wait``: the most seconds that one request may spend waiting.
        concurrency: ``--concurrency``: requests in flight.
    """

    base_url: str | None = None
    token_file: str | None = None
    attempts: int = 5
    max_wait: float = 600.0
    concurrency: int = 8

    def client(
        self,
        credentials: Credentials,
        observer: Observer | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
    ) -> BillingClient:
        """Return a client that is not entered yet."""
        return BillingClient(
            credentials,
            base_url=self.base_url,
            retry=RetryPolicy(attempts=self.attempts, budget=self.max_wait),
            concurrency=self.concurrency,
            observer=observer,
            trace_configs=trace_configs,
        )
