import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.sandbox import Revision, Sandbox, WireRecord
from cfbilling.sandbox.data.json_text import json_text
from tests.sandbox.conftest import Fetch

START, END = date(2025, 5, 1), date(2025, 6, 1)
REQUIRED = {
    "BillingAccountId",
    "BillingAccountName",
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
    "x_BillableMetricName",
}
COSTS = {
    "BilledCost",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "PricingQuantity",
}
PAYGO_REQUIRED = {
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "CumulatedContractedCost",
    "CumulatedPricingQuantity",
    "PricingQuantity",
    "ServiceName",
}


def usage(revision: Revision = "seed", seed: int = 1) -> list[WireRecord]:
    """Return a month of several accounts, enough for everything to have happened."""
    sandbox = Sandbox(accounts=4, records_per_day=100, revision=revision, seed=seed)
    return list(sandbox.expected_usage(sandbox.organization_ids[0], START, END))


def decimals(records: Iterable[WireRecord]) -> set[str]:
    """Return the texts of all numbers."""
    return {
        str(value) for record in records for value in record.values() if isinstance(value, Decimal)
    }


def test_the_seed_revision_has_its_fields() -> None:
    """Required fields are always there, and 33 fields are all that ever is."""
    records = usage("seed")
    assert all(record.keys() >= REQUIRED for record in records)
    assert len(set().union(*records)) == 33


def test_the_later_revision_has_its_fields() -> None:
    """Three fields are new, one has become required and three others no longer are."""
    records = usage("later")
    lax = {"BillingAccountId", "BillingAccountName", "x_BillableMetricName"}
    required = REQUIRED - lax | {"x_BillableMetricId"}
    assert all(record.keys() >= required for record in records)
    assert all(isinstance(record["x_BillableMetricId"], str) for record in records)
    assert len(set().union(*records)) == 36
    assert any(name not in record for record in records for name in lax)
    assert any(record.get("Tags") for record in records)


@pytest.mark.parametrize("revision", ["seed", "later"])
def test_every_kind_of_record_occurs(revision: Revision) -> None:
    """Free, unpriced, corrected, null and fractional records all come up within a month."""
    records = usage(revision)
    corrections = [record for record in records if record.get("ChargeClass") == "Correction"]
    assert all(Decimal(str(record["ConsumedQuantity"])) < 0 for record in corrections)
    assert all(Decimal(str(record["ListCost"])) <= 0 for record in corrections)
    assert corrections
    assert any(not record.keys() & COSTS for record in records)
    assert any("BilledCost" in record and record["BilledCost"] is None for record in records)
    assert any(record.get("BilledCost") == 0 and record.get("ListCost") != 0 for record in records)
    texts = decimals(records)
    assert any("E-" in text for text in texts)
    assert any("E+" in text for text in texts)
    assert any("." in text and text.endswith("0") for text in texts)
    assert max(len(text.strip("-").replace(".", "")) for text in texts if "E" not in text) >= 25
    assert not any(text.startswith("-0") and Decimal(text) == 0 for text in texts)
    starts = {str(record["ChargePeriodStart"])[10:] for record in records}
    assert starts == {"T00:00:00Z", "T00:00:00.000Z", "T00:00:00+00:00"}
    names = "".join(str(record.get("x_ZoneName")) for record in records)
    assert "日本語" in names
    assert '"}],{' in names


def test_each_record_is_one_metric_in_one_zone_on_one_day() -> None:
    """Periods are whole days inside their billing month, and no record comes twice."""
    sandbox = Sandbox(records_per_day=150, revision="later")
    for offset in range(31):
        day = START + timedelta(days=offset)
        records = list(sandbox.expected_usage(sandbox.account_ids[0], day, day + timedelta(days=1)))
        assert len(records) == 150
        for record in records:
            start = datetime.fromisoformat(str(record["ChargePeriodStart"]))
            assert (start.date(), start.utcoffset()) == (day, timedelta(0))
            end = datetime.fromisoformat(str(record["ChargePeriodEnd"]))
            assert end - start == timedelta(days=1)
            if record.get("BillingPeriodStart") is not None:
                assert str(record["BillingPeriodStart"]).startswith("2025-05-01T")
                assert str(record["BillingPeriodEnd"]).startswith("2025-06-01T")
        zoned = [
            (str(record["x_BillableMetricId"]), str(record["x_ZoneId"]))
            for record in records
            if record.get("x_ZoneId")
        ]
        assert len(zoned) == len(set(zoned)) > 0


def test_paygo_totals_are_the_sums_of_their_days() -> None:
    """Cumulated figures add up over the billing month, and begin anew with the next."""
    sandbox = Sandbox(records_per_day=40)
    totals: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    records = list(sandbox.expected_paygo(sandbox.account_ids[0], date(2025, 1, 1), END))
    for record in records:
        assert record.keys() >= PAYGO_REQUIRED
        key = str(record["BillingPeriodStart"]), str(record["ServiceName"])
        quantity, cost = totals.get(key, (Decimal(0), Decimal(0)))
        quantity += Decimal(str(record["PricingQuantity"]))
        cost += Decimal(str(record["ContractedCost"]))
        assert record["CumulatedPricingQuantity"] == quantity
        assert record["CumulatedContractedCost"] == cost
        totals[key] = quantity, cost
    optional = {"ServiceFamilyName", "SubscriptionId", "ZoneId", "ZoneName"}
    assert set().union(*records) == PAYGO_REQUIRED | optional
    assert any(record["ConsumedUnit"] == "" for record in records)
    beta = sandbox.expected_paygo_beta(sandbox.account_ids[0], START, END)
    assert all(record.keys() == PAYGO_REQUIRED for record in beta)


def test_profiles_differ_and_have_odd_times() -> None:
    """Accounts belong to different people, and fractions of a second have any length."""
    sandbox = Sandbox(accounts=50)
    profiles = [sandbox.expected_profile(account) for account in sandbox.account_ids]
    assert len({str(profile["id"]) for profile in profiles}) == 50
    assert len({len(str(profile["created_on"])) for profile in profiles}) > 5
    assert all(datetime.fromisoformat(str(profile["created_on"])) for profile in profiles)
    assert all(Decimal(str(profile["balance"])) >= 0 for profile in profiles)


@pytest.mark.parametrize("path", ["billable/usage", "paygo-usage", "billing/usage/paygo"])
async def test_numbers_are_written_as_their_decimals(fetch: Fetch, path: str) -> None:
    """The text of each number on the wire is `str` of the expected Decimal, digit by digit."""
    async with Sandbox(records_per_day=100) as sandbox:
        account = sandbox.account_ids[0]
        truths: dict[str, Callable[[str, date, date], Iterator[WireRecord]]] = {
            "billable/usage": sandbox.expected_usage,
            "paygo-usage": sandbox.expected_paygo,
            "billing/usage/paygo": sandbox.expected_paygo_beta,
        }
        query = {"from": "2025-05-01", "to": "2025-06-01"}
        _, _, body = await fetch(sandbox, f"/accounts/{account}/{path}", query)
        written = json.loads(body, parse_float=str, parse_int=str)["result"]
        expected = [
            {
                name: str(value) if isinstance(value, Decimal) else value
                for name, value in record.items()
            }
            for record in truths[path](account, START, END)
        ]
        assert written == expected


async def test_the_same_seed_makes_the_same_bytes(fetch: Fetch) -> None:
    """Two sandboxes with one seed agree in every byte, whatever was asked before."""
    query = {"from": "2025-05-10", "to": "2025-05-12"}
    bodies = []
    for warm_up in (False, True):
        async with Sandbox(seed=7) as sandbox:
            account = sandbox.account_ids[2]
            if warm_up:
                organization = sandbox.organization_ids[0]
                await fetch(sandbox, f"/organizations/{organization}/billable/usage")
            bodies.append(
                (await fetch(sandbox, f"/accounts/{account}/billable/usage", query))[2]
                + (await fetch(sandbox, f"/accounts/{account}/paygo-usage", query))[2]
                + (await fetch(sandbox, f"/accounts/{account}/billing/profile"))[2]
            )
    assert bodies[0] == bodies[1]
    assert Sandbox(seed=7).account_ids != Sandbox(seed=8).account_ids
    assert Sandbox(seed=7).api_token != Sandbox(seed=8).api_token


@settings(deadline=None, max_examples=30)
@given(
    start=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    lengths=st.tuples(st.integers(0, 8), st.integers(0, 8)),
)
def test_a_day_does_not_depend_on_the_range(start: date, lengths: tuple[int, int]) -> None:
    """Two neighbouring ranges have exactly the records of the range that covers both."""
    sandbox = Sandbox(records_per_day=5)
    middle = start + timedelta(days=lengths[0])
    end = middle + timedelta(days=lengths[1])
    account = sandbox.account_ids[0]
    for truth in (sandbox.expected_usage, sandbox.expected_paygo, sandbox.expected_paygo_beta):
        parts = [*truth(account, start, middle), *truth(account, middle, end)]
        assert list(truth(account, start, end)) == parts


def test_ten_thousand_accounts_are_ten_thousand() -> None:
    """Ids of a large sandbox are distinct, well-formed, and each belongs to one organization."""
    sandbox = Sandbox(accounts=10_000, organizations=3)
    assert len(set(sandbox.account_ids)) == 10_000
    assert all(len(account) == 32 and int(account, 16) >= 0 for account in sandbox.account_ids)
    members = [
        member
        for organization in sandbox.organization_ids
        for member in sandbox.members(organization)
    ]
    assert sorted(members) == sorted(sandbox.account_ids)
    assert sandbox.members("0" * 32) == []
    last = sandbox.account_ids[-1]
    assert len(list(sandbox.expected_usage(last, START, END))) == 12 * 31


def test_padding_makes_records_longer() -> None:
    """Each record can be blown up by as many characters as wanted."""
    plain, padded = Sandbox(), Sandbox(padding=500)
    day = START + timedelta(days=1)
    account = plain.account_ids[0]
    pairs = zip(
        plain.expected_usage(account, START, day),
        padded.expected_usage(account, START, day),
        strict=True,
    )
    for short, long in pairs:
        assert len(str(long["ChargeDescription"])) == len(str(short["ChargeDescription"])) + 500
        assert long.keys() == short.keys()


json_values = st.recursive(
    st.none() | st.booleans() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(value=json_values, ascii_only=st.booleans())
def test_json_text_says_what_it_was_given(value: object, *, ascii_only: bool) -> None:
    """Whatever is written can be read back, in either style."""
    for text in (
        json_text(value, "compact", ascii_only=ascii_only),  # type: ignore[arg-type]
        json_text(value, "pretty", ascii_only=ascii_only),  # type: ignore[arg-type]
    ):
        assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == value
