"""Answers to queries of usage: records that are filtered, and told apart as it was asked for."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Context, Decimal, Inexact

from cfbilling.sandbox.data.accounts import Account, Accounts
from cfbilling.sandbox.data.catalogue import METRICS, Metric
from cfbilling.sandbox.data.cells import Cell, Cells
from cfbilling.sandbox.data.days import days
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.product_families import family_id
from cfbilling.sandbox.data.query_records import Amounts, Group, Measured, Place, query_record
from cfbilling.sandbox.data.tags import TagValue, matches
from cfbilling.sandbox.data.template import WireRecord
from cfbilling.sandbox.data.usage import UsageRecords
from cfbilling.sandbox.data.usage_selection import Grouping, Selection

__all__ = ["UsageQueries"]

_NOTHING: Amounts = (Decimal(0),) * 6
# Parts have to add up to the last digit, and so a rounding would be an error.
_EXACT = Context(prec=100, traps=[Inexact])


class UsageQueries:
    """Derives what a query of usage is answered: the same usage that `UsageRecords` has."""

    def __init__(self, identities: Identities, accounts: Accounts, usage: UsageRecords) -> None:
        self._accounts = accounts
        self._usage = usage
        self._cells = Cells(identities, accounts)

    def records(
        self, index: int, start: date, end: date, selection: Selection
    ) -> Iterator[WireRecord | None]:
        """Yield the records of ``[start, end)`` by day and metric, and None after each day."""
        account = self._accounts.account(index)
        for day in days(start, end):
            for number, groups in self._day(account, day, selection).items():
                for group, amounts in groups.items():
                    yield query_record(Measured(account, number, day, amounts), selection, group)
            yield None

    def _day(
        self, account: Account, day: date, selection: Selection
    ) -> Mapping[int, Mapping[Group, Amounts]]:
        metrics: dict[int, dict[Group, Amounts]] = {}
        for position, bits in self._usage.draws(account, day):
            number = account.metric_number(position)
            if not _selected(METRICS[number], selection):
                continue
            amounts = self._usage.quantities(number, bits)
            for cell in self._cells.of(account, position):
                if all(matches(cell.tags.get(key), values) for key, values in selection.tags):
                    groups = metrics.setdefault(number, {})
                    group = tuple(_value(cell, grouping) for grouping in selection.group_by)
                    groups[group] = _sum(groups.get(group, _NOTHING), amounts, cell.share)
        return metrics


def _selected(metric: Metric, selection: Selection) -> bool:
    families = selection.product_family_ids
    return (not selection.metric_ids or metric.id in selection.metric_ids) and (
        not families or family_id(metric.family) in families
    )


def _value(cell: Cell, grouping: Grouping) -> Place | TagValue | None:
    if grouping.type == "TAG":
        return cell.tags.get(grouping.key)
    match grouping.key:
        case "zone_id":
            return cell.zone
        case "region":
            return cell.region
    return None


def _sum(amounts: Amounts, added: Amounts, share: Decimal) -> Amounts:
    return tuple(
        _EXACT.fma(each, share, amount) for amount, each in zip(amounts, added, strict=True)
    )
