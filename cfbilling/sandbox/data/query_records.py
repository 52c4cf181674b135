"""Records that a query of usage is answered: their fields, in the order of the wire."""

import json
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from attrs import frozen

from cfbilling.sandbox.data.accounts import Account
from cfbilling.sandbox.data.catalogue import DESCRIPTION_ENDINGS, METRICS, Metric
from cfbilling.sandbox.data.days import ONE_DAY, month_start, next_month
from cfbilling.sandbox.data.product_families import family_id
from cfbilling.sandbox.data.tags import TagValue
from cfbilling.sandbox.data.template import WireRecord
from cfbilling.sandbox.data.usage_selection import Grouping, Selection

__all__ = ["Amounts", "Group", "Measured", "Place", "query_record"]

Place: TypeAlias = tuple[str, str]
Group: TypeAlias = "tuple[Place | TagValue | None, ...]"
Amounts: TypeAlias = tuple[Decimal, ...]

_UNNAMED_VARIANT = 3
_BY_ACCOUNT = Grouping("DIMENSION", "account_id")
_PLACE_NAMES = {"zone_id": ("x_ZoneId", "x_ZoneName"), "region": ("RegionId", "RegionName")}


@frozen
class Measured:
    """What one metric of one account came to on one day.

    Attributes:
        account: The account.
        number: Number of the metric.
        day: The day.
        amounts: Consumed and priced quantity; list, contracted, effective and billed cost.
    """

    account: Account
    number: int
    day: date
    amounts: Amounts


def query_record(measured: Measured, selection: Selection, group: Group) -> WireRecord:
    """Return the record of one group; *group* has the value of each of the groupings."""
    metric, variant = METRICS[measured.number], measured.number % len(DESCRIPTION_ENDINGS)
    day, consumed = measured.day, measured.amounts[0]
    account_id, account_name, contract_id, contract_name = map(json.loads, measured.account.texts)
    record: WireRecord = {}
    if not metric.of_contract and (not selection.group_by or _BY_ACCOUNT in selection.group_by):
        record |= {"BillingAccountId": account_id, "BillingAccountName": account_name}
    record |= {
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{metric.name} — {DESCRIPTION_ENDINGS[variant]}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": f"{day + ONE_DAY}T00:00:00Z",
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ConsumedQuantity": consumed,
        "ConsumedUnit": metric.unit,
        "HostProviderName": "Cloudflare",
        "InvoiceIssuerName": "Cloudflare",
        "ServiceProviderName": "Cloudflare",
        "SubAccountId": contract_id,
        "SubAccountName": contract_name,
        "x_BillableMetricId": metric.id,
        "x_ProductCategoryName": metric.category,
        "x_ProductFamilyId": family_id(metric.family),
        "x_ProductFamilyName": metric.family,
    }
    if variant != _UNNAMED_VARIANT:
        record["x_BillableMetricName"] = metric.name
    if consumed < 0:
        record["ChargeClass"] = "Correction"
    if selection.cost:
        record |= _costs(metric, day, measured.amounts)
    return record | _told_apart(selection, group)


def _costs(metric: Metric, day: date, amounts: Amounts) -> WireRecord:
    _, priced, at_list, contracted, effective, billed = amounts
    month = month_start(day)
    return {
        "BilledCost": billed,
        "BillingCurrency": "USD",
        "BillingPeriodEnd": f"{next_month(month)}T00:00:00Z",
        "BillingPeriodStart": f"{month}T00:00:00Z",
        "ContractedCost": contracted,
        "ContractedUnitPrice": metric.price,
        "EffectiveCost": effective,
        "ListCost": at_list,
        "ListUnitPrice": metric.price,
        "PricingQuantity": priced,
        "PricingUnit": metric.pricing_unit,
    }


def _told_apart(selection: Selection, group: Group) -> WireRecord:
    fields: WireRecord = {}
    written: dict[str, str | bool] = {}
    for grouping, value in zip(selection.group_by, group, strict=True):
        if isinstance(value, tuple):
            fields |= dict(zip(_PLACE_NAMES[grouping.key], value, strict=True))
        elif value is not None:
            written[grouping.key] = value
    if any(grouping.type == "TAG" for grouping in selection.group_by):
        fields["Tags"] = written
    return fields
