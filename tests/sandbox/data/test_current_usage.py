from datetime import date

import pytest

from cfbilling.sandbox import Sandbox, WireRecord

START, END = date(2025, 5, 1), date(2025, 6, 1)
REQUIRED = {
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "HostProviderName",
    "InvoiceIssuerName",
    "ServiceProviderName",
    "x_BillableMetricId",
}
COSTS = {
    "BilledCost",
    "BillingCurrency",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
}


def usage(sandbox: Sandbox) -> list[WireRecord]:
    """Return a month of all accounts."""
    return list(sandbox.expected_usage(sandbox.organization_ids[0], START, END))


def test_the_current_revision_requires_eleven_fields() -> None:
    """No more than eleven fields are in each record, and some records have just these."""
    records = usage(Sandbox(records_per_day=60, revision="current"))
    assert REQUIRED == set.intersection(*map(set, records))
    assert any(record.keys() == REQUIRED for record in records)
    assert not any("Tags" in record for record in records)
    assert all(len(str(record.get("x_ProductFamilyId") or "x" * 36)) == 36 for record in records)


def test_usage_of_a_contract_has_no_account() -> None:
    """Each metric either has an account, wherever there are optional fields, or never has one."""
    sandbox = Sandbox(records_per_day=60, revision="current")
    account = sandbox.account_ids[0]
    queried = sandbox.usage_query(account, START, END)
    of_contract = {
        str(record["x_BillableMetricId"]) for record in queried if "BillingAccountId" not in record
    }
    records = [record for record in usage(sandbox) if record.keys() > REQUIRED]
    without = [record for record in records if "BillingAccountId" not in record]
    assert of_contract == {str(record["x_BillableMetricId"]) for record in without}
    assert not any(record.keys() & {"BillingAccountName", "x_ZoneId"} for record in without)
    assert not any("x_BillableMetricName" in record for record in without)


@pytest.mark.parametrize("revision", ["seed", "later", "current"])
def test_costs_can_be_absent_or_null(revision: str) -> None:
    """Without costs everything else stays as it was, and null is in place of each cost."""
    kept = usage(Sandbox(revision=revision))  # type: ignore[arg-type]
    absent = usage(Sandbox(revision=revision, null_costs="absent"))  # type: ignore[arg-type]
    null = usage(Sandbox(revision=revision, null_costs="null"))  # type: ignore[arg-type]
    for whole, without, nulled in zip(kept, absent, null, strict=True):
        rest = {name: value for name, value in whole.items() if name not in COSTS}
        assert rest == without
        # The barest records have nothing but what is required.
        assert nulled in (rest, {**rest, **dict.fromkeys(COSTS)})
    assert any("BillingPeriodStart" in record for record in absent)
    assert {True, False} == {"BilledCost" in record for record in null}


def test_queries_have_costs_in_any_case() -> None:
    """Where the usage has lost its costs, a query for costs still gives them."""
    sandbox = Sandbox(null_costs="absent", revision="current")
    account = sandbox.account_ids[0]
    assert sandbox.usage_query(account, START, END, cost=True) == Sandbox().usage_query(
        account, START, END, cost=True
    )
    assert all(
        "BilledCost" in record for record in sandbox.usage_query(account, START, END, cost=True)
    )
