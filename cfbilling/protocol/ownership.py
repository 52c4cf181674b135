"""Which records belong to a request: the account's and the range's that was asked about."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TypeVar, cast

from cfbilling.chunk import DateChunk
from cfbilling.errors import DecodeError
from cfbilling.filters import GroupBy
from cfbilling.protocol.requests import Request
from cfbilling.records import ChargeRecord, Record, UsageRecord

__all__ = ["check_owner", "has_owner", "holds_other_days", "inside"]

R = TypeVar("R", bound=Record)

_BESIDE = timedelta(days=2)
_BY_ACCOUNT = GroupBy.dimension("account_id")


def has_owner(request: Request[Record]) -> bool:
    """Return whether records that name an account have to name the one asked about."""
    return request.endpoint.names_account and _BY_ACCOUNT not in request.query.group_by


def check_owner(request: Request[R], records: list[R]) -> None:
    """Refuse records of another account: an answer to somebody else's request.

    A response that comes late, or twice, on a connection that is used again would otherwise be
    taken for the answer to the next request. Usage of a whole contract names no account.

    Raises:
        DecodeError: If a record names another account than the one asked about.
    """
    if not has_owner(request):
        return
    # Other records that name their account do it in the same attribute.
    named = {record.billing_account_id for record in cast("list[UsageRecord]", records)}
    if named - {None, request.scope_id}:
        raise DecodeError("the answer is about another account", "result")


def holds_other_days(request: Request[R], records: list[R]) -> bool:
    """Return whether some records are of days that nobody asked about.

    Where nothing belongs to the chunk either, this is an answer that came late, or twice. A day
    beside the chunk proves nothing: a service that counts both ends of a range gives that too.
    """
    span = _span(request)
    if span is None or not issubclass(request.endpoint.record_type, ChargeRecord):
        return False
    lower, upper = span
    for record in cast("list[ChargeRecord]", records):
        start = record.charge_period_start
        if start is not None:
            end = record.charge_period_end or start
            if start - upper > _BESIDE or lower - end > _BESIDE:
                return True
    return False


def _span(request: Request[R]) -> tuple[datetime, datetime] | None:
    """Return the days that were asked for, where all that is asked for is inside of some."""
    chunk, dates = request.chunk, request.dates
    if request.endpoint.by_cycles and dates is not None:
        # A whole cycle is asked for, for a part of it.
        lower, upper = (datetime.combine(day, time(), UTC) for day in dates)
        return lower, upper
    if chunk is None or request.endpoint.max_days is None:
        return None
    return chunk.lower, chunk.upper


def inside(chunk: DateChunk, records: list[R]) -> list[R]:
    """Keep the records whose charge period starts inside the chunk.

    A record that does not say when it starts belongs where it ends; one that says neither is
    kept, since to drop it would lose it.
    """
    if records and not isinstance(records[0], ChargeRecord):
        # What is of no day is of every chunk.
        return records
    charges = cast("list[ChargeRecord]", records)
    lower, upper = chunk.lower, chunk.upper
    # Records share their moments, so there are few to compare, and mostly all belong.
    starts = {charge.charge_period_start for charge in charges}
    if all(start is not None and lower <= start < upper for start in starts):
        return records
    return cast("list[R]", [charge for charge in charges if _belongs(charge, chunk)])


def _belongs(record: ChargeRecord, chunk: DateChunk) -> bool:
    if record.charge_period_start is not None:
        return chunk.lower <= record.charge_period_start < chunk.upper
    return record.charge_period_end is None or chunk.lower < record.charge_period_end <= chunk.upper
