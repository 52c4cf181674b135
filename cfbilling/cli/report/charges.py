"""What a report adds up: charges, whatever records tell them."""

from __future__ import annotations

from cfbilling import FocusRecord, Record, UsageRecord

__all__ = ["charge_of"]


def charge_of(record: Record) -> FocusRecord | None:
    """Return a record as a charge, or what a report needs of it; None if it is no charge."""
    if isinstance(record, FocusRecord):
        return record
    if not isinstance(record, UsageRecord):
        return None
    return FocusRecord(
        billed_cost=record.billed_cost,
        billing_account_id=record.billing_account_id,
        billing_account_name=record.billing_account_name,
        billing_currency=record.billing_currency,
        charge_period_start=record.charge_period_start,
        consumed_quantity=record.consumed_quantity,
        consumed_unit=record.consumed_unit,
        list_cost=record.list_cost,
        x_billable_metric_id=record.x_billable_metric_id,
        x_billable_metric_name=record.x_billable_metric_name,
        x_product_family_name=record.x_product_family_name,
        x_source="v2",
        x_zone_id=record.x_zone_id,
        x_zone_name=record.x_zone_name,
    )
