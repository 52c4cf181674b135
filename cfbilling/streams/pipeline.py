"""The open client: what delivers the answer to any query."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar, cast

import attrs

from cfbilling.credentials import Credentials
from cfbilling.focus import SERVICE_CATEGORIES, FocusRows, ServiceCategories, focus_rows
from cfbilling.protocol.requests import Request
from cfbilling.records import Record
from cfbilling.streams.costs import CostDelivery
from cfbilling.streams.cycles import CycleDelivery
from cfbilling.streams.delivery import Delivery
from cfbilling.streams.paged import PagedDelivery
from cfbilling.streams.resources import Resources

__all__ = ["Pipeline"]

R = TypeVar("R", bound=Record)


@attrs.frozen(eq=False)
class Pipeline(Resources):
    """The open client, made on entering and dropped on closing.

    Attributes:
        categories: FOCUS's ServiceCategory by the name of a service.
    """

    categories: ServiceCategories = SERVICE_CATEGORIES

    @cached_property
    def _rows(self) -> FocusRows:
        # Made once: to generate its functions takes longer than a small answer.
        return focus_rows(self.categories, is_priced=True)

    def deliver(self, request: Request[R], credentials: Credentials, ahead: int = 1) -> Delivery[R]:
        """Return the delivery of a request, which may become several.

        Args:
            request: The request for the whole range.
            credentials: The credential that signs.
            ahead: The number of requests to fetch ahead.
        """
        endpoint = request.endpoint
        if endpoint.sources:
            costs = CostDelivery(self, request, credentials, ahead, rows=self._rows)
            return cast("Delivery[R]", costs)
        kind: type[Delivery[R]] = Delivery
        if endpoint.by_cycles:
            kind = CycleDelivery
        elif endpoint.per_page is not None:
            kind = PagedDelivery
        return kind(self, request, credentials, ahead)
