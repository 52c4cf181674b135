"""The answer to what is not asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

import attrs

from cfbilling.records import Record

__all__ = ["EmptyDelivery"]

R = TypeVar("R", bound=Record)


@attrs.frozen
class EmptyDelivery(Generic[R]):
    """Delivers nothing, where there is nothing to ask yet.

    Attributes:
        record_type: The class of the records that there are none of.
        scope_id: The account or organization.
    """

    record_type: type[R]
    scope_id: str | None = None

    async def batches(self) -> AsyncGenerator[list[R], None]:
        """Yield nothing."""
        nothing: tuple[list[R], ...] = ()
        for batch in nothing:
            yield batch
