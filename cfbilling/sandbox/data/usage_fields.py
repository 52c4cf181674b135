"""Which fields a usage record has: the shapes that the vendor's revisions allow."""

from collections.abc import Mapping
from enum import IntEnum, auto
from typing import Literal, TypeAlias

from cfbilling.sandbox.data.catalogue import DESCRIPTION_ENDINGS, REGIONS, Metric
from cfbilling.sandbox.data.json_text import Json
from cfbilling.sandbox.data.product_families import family_id

__all__ = ["Fields", "NullCosts", "Revision", "Shape", "Slot", "usage_fields"]

Revision = Literal["seed", "later", "current"]
NullCosts = Literal["keep", "absent", "null"]


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

_NO_LONGER_REQUIRED = ("BillingAccountId", "BillingAccountName", "x_BillableMetricName")
_COSTS = (
    "BilledCost",
    "BillingCurrency",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
)
# One variant in eight lacks what the later revision no longer requires.
_LAX_VARIANT = 3


def usage_fields(
    metric: Metric,
    variant: int,
    shape: Shape,
    *,
    revision: Revision,
    padding: int,
    null_costs: NullCosts,
) -> Fields:
    """Return what a record of this kind has, constants and slots, in the order of the wire.

    Args:
        metric: The metric.
        variant: Habits of the record.
        shape: Which groups of optional fields it has.
        revision: Published shape of records.
        padding: Additional characters in the description.
        null_costs: Whether costs, prices and the currency are left as they are, absent or null.
    """
    required = _required(metric, variant, padding)
    if revision != "seed":
        required["x_BillableMetricId"] = metric.id
        lax = metric.of_contract if revision == "current" else variant == _LAX_VARIANT
        if lax or shape is Shape.BARE:
            for name in _NO_LONGER_REQUIRED:
                del required[name]
    if shape is Shape.BARE:
        return required
    optional = {**_identity(metric, variant, revision), **_place(variant)}
    if shape is Shape.NULLED:
        optional = {name: None for name in optional if name != "x_BillableMetricId"}
    costs = _without_costs(_costs(metric, shape), null_costs)
    fields = {**required, **costs, **optional}
    return _current(fields, metric) if revision == "current" else fields


def _without_costs(costs: Fields, null_costs: NullCosts) -> Fields:
    if null_costs == "keep":
        return costs
    # The period and the class of a charge are no costs.
    kept = {name: value for name, value in costs.items() if name not in _COSTS}
    return kept if null_costs == "absent" else {**dict.fromkeys(_COSTS), **kept}


def _current(fields: Fields, metric: Metric) -> Fields:
    # Tags come only where records are told apart by them, and a contract has no zone.
    dropped = {"Tags", *(("x_ZoneId", "x_ZoneName") if metric.of_contract else ())}
    current = {name: value for name, value in fields.items() if name not in dropped}
    if current.get("x_ProductFamilyId") is not None:
        current["x_ProductFamilyId"] = family_id(metric.family)
    return current


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
    if revision != "seed":
        fields |= {
            "x_ProductCategoryName": metric.category,
            "x_ProductFamilyId": metric.family.lower().replace(" ", "_"),
        }
        if variant % 4 == _LAX_VARIANT:
            fields |= {"Tags": {"team": "Größe 日本", "critical": True, 'odd"}]': ""}}
        elif variant % 4 == 1:
            fields |= {"Tags": None}
    return fields
