"""What did it cost: from the version of the API that lets the account in, as FOCUS rows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from cfbilling.credentials import Credentials
from cfbilling.errors import ApiError
from cfbilling.events import SourceChanged
from cfbilling.focus import FocusRecord, FocusRows
from cfbilling.protocol.endpoints import Endpoint
from cfbilling.protocol.requests import Query, Request
from cfbilling.streams.cycles import CycleDelivery
from cfbilling.streams.delivery import Delivery
from cfbilling.streams.resources import Resources

__all__ = ["CostDelivery"]

_PIECE = 256
"""How many rows are made in one turn of the event loop."""


class CostDelivery(Delivery[FocusRecord]):
    """Delivers costs from the first source that does not refuse the account with its first answer.

    Args:
        resources: What an open client has.
        request: The request for the whole range.
        credentials: The credential that signs.
        ahead: The number of requests to fetch ahead.
        rows: What makes FOCUS rows of a source's records.
    """

    def __init__(
        self,
        resources: Resources,
        request: Request[Any],
        credentials: Credentials,
        ahead: int,
        *,
        rows: FocusRows,
    ) -> None:
        super().__init__(resources, request, credentials, ahead)
        self._rows = rows

    async def batches(self) -> AsyncGenerator[list[FocusRecord], None]:
        """Yield the rows in order; no batch is empty.

        Raises:
            ApiError: If every source refuses; it tells what each of them said.
            BillingError: What else went wrong, with the request's facts.
        """
        planner, request = self._resources.planner, self._request
        sources = planner.sources(request, self._credentials)
        refusals: list[ApiError] = []
        for index, source in enumerate(sources):
            has_more = index + 1 < len(sources)
            delivery = self._from(source, has_more=has_more)
            async with aclosing(delivery.batches()) as batches:
                try:
                    batch = await anext(batches, None)
                except ApiError as refusal:
                    refusals.append(refusal)
                    if delivery.has_answered or not planner.may_be_elsewhere(refusal):
                        raise _of_all(refusals) from refusal
                    planner.learn_source(request, self._credentials, None)
                    if not has_more:
                        raise _of_all(refusals) from refusal
                    self._resources.observer(
                        SourceChanged(
                            **request.facts, source=sources[index + 1].name, error=refusal
                        )
                    )
                    continue
                # Nothing at all says of version 1 that it covers the account, of version 2 nothing.
                if request.query.source == "auto" and (batch is not None or source.by_cycles):
                    planner.learn_source(request, self._credentials, source)
                cycles = delivery.cycles if isinstance(delivery, CycleDelivery) else None
                while batch is not None:
                    for begin in range(0, len(batch), _PIECE):
                        await self._resources.turns.take()
                        yield self._rows(batch[begin : begin + _PIECE], cycles)
                    batch = await anext(batches, None)
                return

    def _from(self, source: Endpoint[Any], *, has_more: bool) -> Delivery[Any]:
        kind = CycleDelivery if source.by_cycles else Delivery
        is_query = "cost" in source.parameters
        request = Query(source, self._request.chunk, cost=is_query).about(self._request.scope_id)
        is_known = self._resources.planner.known_source(self._request, self._credentials) is source
        return kind(
            self._resources,
            request,
            self._credentials,
            self._ahead,
            # Billing cycles come before the charges, and the stream is told of after them.
            is_doubtful=has_more and not source.by_cycles,
            is_probed=has_more and not is_known,
        )


def _of_all(refusals: list[ApiError]) -> ApiError:
    """Return the last refusal, with what the others said."""
    last = refusals[-1]
    if len(refusals) == 1:
        return last
    told = "; ".join(f"{refusal.endpoint}: {refusal.message}" for refusal in refusals)
    error = type(last)(
        told,
        status=last.status,
        errors=tuple(detail for refusal in refusals for detail in refusal.errors),
        ray_id=last.ray_id,
        retry_after=last.retry_after,
    )
    error.endpoint, error.scope_id, error.chunk = last.endpoint, last.scope_id, last.chunk
    error.attempts = last.attempts
    return error
