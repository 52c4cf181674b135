"""Which fields a record of billable usage (version 1) has."""

from enum import IntEnum, auto
from typing import Literal, TypeAlias

from cfbilling.sandbox.data.catalogue import DESCRIPTION_ENDINGS, Metric
from cfbilling.sandbox.data.json_text import Json

__all__ = ["Fields", "Slot", "SubscriptionIds", "billable_fields"]

SubscriptionIds = Literal["some", "all", "none"]


class Slot(IntEnum):
    """What changes from record to record, in the order of a row's values."""

    ACCOUNT_ID = 0
    ACCOUNT_NAME = auto()
    SUBSCRIPTION_ID = auto()
    ZONE_ID = auto()
    ZONE_NAME = auto()
    CHARGE_START = auto()
    CHARGE_END = auto()
    PERIOD_START = auto()
    CONSUMED = auto()
    PRICED = auto()
    LIST_COST = auto()
    COST = auto()
    TOTAL_PRICED = auto()
    TOTAL_COST = auto()


Fields: TypeAlias = dict[str, "Json | Slot"]

_UNNAMED_VARIANT = 2
_UNDESCRIBED_VARIANT = 5
_CORRECTING_VARIANT = 6


def billable_fields(metric: Metric, variant: int, subscription_ids: SubscriptionIds) -> Fields:
    """Return what a record of this kind has, constants and slots, in the order of the wire."""
    description = f"{metric.name} — {DESCRIPTION_ENDINGS[variant]}"
    return {
        "BilledCost": Slot.COST,
        "BillingAccountId": Slot.ACCOUNT_ID,
        "BillingAccountName": None if variant == _UNNAMED_VARIANT else Slot.ACCOUNT_NAME,
        "BillingCurrency": "USD",
        "BillingPeriodStart": Slot.PERIOD_START,
        "ChargeCategory": "Usage",
        "ChargeClass": "Correction" if variant == _CORRECTING_VARIANT else None,
        "ChargeDescription": None if variant == _UNDESCRIBED_VARIANT else description,
        "ChargePeriodEnd": Slot.CHARGE_END,
        "ChargePeriodStart": Slot.CHARGE_START,
        "ConsumedQuantity": Slot.CONSUMED,
        "ConsumedUnit": metric.unit if variant else "",
        "ContractedCost": Slot.COST,
        "CumulatedContractedCost": Slot.TOTAL_COST,
        "CumulatedPricingQuantity": Slot.TOTAL_PRICED,
        "EffectiveCost": Slot.COST,
        "HostProviderName": "Cloudflare",
        "InvoiceIssuerName": "Cloudflare",
        "ListCost": Slot.LIST_COST,
        "PricingQuantity": Slot.PRICED,
        "PricingUnit": metric.pricing_unit if variant else "Count",
        "ServiceName": metric.name,
        "ServiceProviderName": "Cloudflare",
        **_optional(metric, variant, subscription_ids),
    }


def _optional(metric: Metric, variant: int, subscription_ids: SubscriptionIds) -> Fields:
    fields: Fields = {}
    if variant != 1:
        fields["ServiceFamilyName"] = metric.family
    if subscription_ids == "all" or (subscription_ids == "some" and variant % 3 != 1):
        fields["SubscriptionId"] = Slot.SUBSCRIPTION_ID
    if variant % 4 > 1:
        fields |= {"ZoneId": Slot.ZONE_ID, "ZoneName": Slot.ZONE_NAME}
    return fields
