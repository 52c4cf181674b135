"""Which fields a usage record has: the shapes that the vendor's revisions allow."""

from collections.abc import Mapping
from enum import IntEnum, auto
from typing import Literal, TypeAlias

from cfbilling.sandbox.data.catalogue import DESCRIPTION_ENDINGS, REGIONS, Metric
from cfbilling.sandbox.data.json_text import Json

__all__ = ["Fields", "Revision", "Shape", "Slot", "usage_fields"]

Revision = Literal["seed", "later"]


class Slot(IntEnum):
    """What changes from record to record, in the order of a row's values."""

    ACCOUNT_ID = 0
    ACCOUNT_NAME = auto()
    SUBSCRIPTION_ID = auto()
    SUBSCRIPTION_NAME = auto()
    ZONE_ID = auto()
    ZONE_NAME = auto()
    CHARGE_START = auto()
    CHARGE_END = auto()
    PERIOD_START = auto()
    PERIOD_END = auto()
    CONSUMED = auto()
    PRICED = auto()
    LIST_COST = auto()
    CONTRACTED_COST = auto()
    EFFECTIVE_COST = auto()
    BILLED_COST = auto()


class Shape(IntEnum):
    """Which groups of optional fields a record has."""

    PRICED = 0
    FREE = auto()
    CORRECTION = auto()
    UNPRICED = auto()
    NULLED = auto()
    BARE = auto()


Fields: TypeAlias = Mapping[str, "Json | Slot"]

# One variant in eight lacks what the later revision no longer requires.
_LAX_VARIANT = 3


def usage_fields(
    metric: Metric, variant: int, shape: Shape, revision: Revision, padding: int
) -> Fields:
    """Return what a record of this kind has, constants and slots, in the order of the wire."""
    required = _required(metric, variant, padding)
    if revision == "later":
        required["x_BillableMetricId"] = metric.id
        if variant == _LAX_VARIANT or shape is Shape.BARE:
            for name in ("BillingAccountId", "BillingAccountName", "x_BillableMetricName"):
                del required[name]
    if shape is Shape.BARE:
        return required
    optional = {**_identity(metric, variant, revision), **_place(variant)}
    if shape is Shape.NULLED:
        optional = {name: None for name in optional if name != "x_BillableMetricId"}
    return {**required, **_costs(metric, shape), **optional}


def _required(metric: Metric, variant: int, padding: int) -> dict[str, "Json | Slot"]:
    description = f"{metric.name} — {DESCRIPTION_ENDINGS[variant]}"
    return {
        "BillingAccountId": Slot.ACCOUNT_ID,
        "BillingAccountName": Slot.ACCOUNT_NAME,
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{description} {'.' * (padding - 1)}" if padding else description,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": Slot.CHARGE_END,
        "ChargePeriodStart": Slot.CHARGE_START,
        "ConsumedQuantity": Slot.CONSUMED,
        "ConsumedUnit": metric.unit,
        "HostProviderName": "Cloudflare",
        "InvoiceIssuerName": "Cloudflare",
        "ServiceProviderName": "Cloudflare",
        "x_BillableMetricName": metric.name,
    }


def _costs(metric: Metric, shape: Shape) -> Fields:
    if shape is Shape.UNPRICED:
        return {}
    fields: Fields = {
        "BilledCost": Slot.BILLED_COST,
        "BillingCurrency": "USD",
        "BillingPeriodEnd": Slot.PERIOD_END,
        "BillingPeriodStart": Slot.PERIOD_START,
        "ContractedCost": Slot.CONTRACTED_COST,
        "ContractedUnitPrice": metric.price,
        "EffectiveCost": Slot.EFFECTIVE_COST,
        "ListCost": Slot.LIST_COST,
        "ListUnitPrice": metric.price,
        "PricingQuantity": Slot.PRICED,
        "PricingUnit": metric.pricing_unit,
    }
    if shape is Shape.NULLED:
        return dict.fromkeys(["ChargeClass", *fields])
    return {**fields, "ChargeClass": "Correction"} if shape is Shape.CORRECTION else fields


def _place(variant: int) -> Fields:
    fields: dict[str, Json | Slot] = {}
    if variant % 4 == 0:
        fields |= {"RegionId": None, "RegionName": None}
    elif variant % 4 != 1:
        region_id, region_name = REGIONS[variant % len(REGIONS)]
        fields |= {"RegionId": region_id, "RegionName": region_name}
    if variant % 3 == 0:
        fields |= {"x_ZoneId": None}
    elif variant % 3 == 1:
        fields |= {"x_ZoneId": Slot.ZONE_ID, "x_ZoneName": Slot.ZONE_NAME}
    return fields


def _identity(metric: Metric, variant: int, revision: Revision) -> Fields:
    fields: dict[str, Json | Slot] = {}
    if variant % 2:
        fields |= {"SubAccountId": Slot.SUBSCRIPTION_ID, "SubAccountName": Slot.SUBSCRIPTION_NAME}
    if variant:
        fields |= {"x_BillableMetricId": metric.id, "x_ProductFamilyName": metric.family}
    if revision == "later":
        fields |= {
            "x_ProductCategoryName": metric.category,
            "x_ProductFamilyId": metric.family.lower().replace(" ", "_"),
        }
        if variant % 4 == _LAX_VARIANT:
            fields |= {"Tags": {"team": "Größe 日本", "critical": True, 'odd"}]': ""}}
        elif variant % 4 == 1:
            fields |= {"Tags": None}
    return fields
