"""The way to the service: what the options say about it, made into a client."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from cfbilling import BillingClient, Credentials, RetryPolicy, Timeouts
from cfbilling.cli.waiting import within
from cfbilling.events import Observer

__all__ = ["Connection"]


@attrs.frozen
class Connection:
    """The way to the service.

    Attributes:
        base_url: The API's URL, ``--base-url``; None for what the environment says.
        token_file: The file with the API token, ``--token-file``; None for the environment's.
        attempts: The most attempts of one request, ``--attempts``.
        max_wait: The most seconds that one request may spend waiting, ``--max-wait``.
        timeout: The most seconds that one request may take with its whole answer, ``--timeout``.
        concurrency: The most requests in flight, ``--concurrency``.
    """

    base_url: str | None = None
    token_file: str | None = None
    attempts: int = 5
    max_wait: float = 600.0
    timeout: float = 3600.0
    concurrency: int = 8

    def client(
        self,
        credentials: Credentials | Mapping[str | None, Credentials],
        observer: Observer | None = None,
    ) -> BillingClient:
        """Return a client that is not entered yet."""
        return BillingClient(
            credentials,
            base_url=self.base_url,
            retry=RetryPolicy(attempts=self.attempts, budget=self.max_wait),
            timeout=Timeouts(total=self.timeout),
            concurrency=self.concurrency,
            observer=None if observer is None else within(self.max_wait, observer),
        )
