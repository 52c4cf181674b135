"""Billable metrics: what the contract of an account has a price for."""

from collections.abc import Sequence

from cfbilling.sandbox.data.accounts import Account
from cfbilling.sandbox.data.catalogue import METRICS, Metric
from cfbilling.sandbox.data.product_families import family_id
from cfbilling.sandbox.data.template import WireRecord, WireValue

__all__ = ["billable_metrics"]


def billable_metrics(account: Account, records_per_day: int) -> Sequence[WireRecord]:
    """Return the metrics of an account that has so many records on each day."""
    positions = range(min(records_per_day, len(METRICS)))
    return [_described(account.metric(position)) for position in positions]


def _described(metric: Metric) -> WireRecord:
    keys: list[WireValue] = list(metric.dimension_keys)
    return {
        "Id": metric.id,
        "Name": metric.name,
        "ProductFamily": [{"Id": family_id(metric.family), "Name": metric.family}],
        "ProductCategory": [{"Id": family_id(metric.category), "Name": metric.category}],
        "DimensionKeys": keys,
    }
