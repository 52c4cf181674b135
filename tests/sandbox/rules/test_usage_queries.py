import json
from datetime import date

import pytest

from cfbilling.sandbox import Sandbox
from cfbilling.sandbox.data.product_families import family_id
from cfbilling.sandbox.rules.usage_queries import UsageQueryRules
from tests.sandbox.conftest import Fetch, parsed

TODAY = date(2025, 6, 15)
MAY = {"From": "2025-05-01T00:00:00Z", "To": "2025-05-03T00:00:00Z"}
UUIDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(11)]
TAG = {"Key": "team", "Values": ["edge"]}

REFUSED: list[tuple[str, object]] = [
    ("the body", []),
    ("Currency", {"Currency": "USD"}),
    ("TimePeriod", {"TimePeriod": "2025-05"}),
    ("TimePeriod", {"TimePeriod": {**MAY, "Zone": "UTC"}}),
    ("TimePeriod.From", {"TimePeriod": {"From": MAY["From"]}}),
    ("TimePeriod.To", {"TimePeriod": {"To": MAY["To"]}}),
    ("TimePeriod.From", {"TimePeriod": {**MAY, "From": 1}}),
    ("TimePeriod.From", {"TimePeriod": {**MAY, "From": None}}),
    ("TimePeriod.From", {"TimePeriod": {**MAY, "From": "2025-05-01"}}),
    ("TimePeriod.From", {"TimePeriod": {**MAY, "From": "2025-05-01T00:00:00"}}),
    ("TimePeriod.From", {"TimePeriod": {**MAY, "From": "2025-02-30T00:00:00Z"}}),
    ("TimePeriod.From", {"TimePeriod": {**MAY, "From": "0001-01-01T00:00:00+14:00"}}),
    ("TimePeriod.To", {"TimePeriod": {**MAY, "To": MAY["From"]}}),
    ("31 days", {"TimePeriod": {**MAY, "To": "2025-06-01T00:00:01Z"}}),
    ("FilterBy", {"FilterBy": []}),
    ("FilterBy", {"FilterBy": {"MetricIds": []}}),
    ("BillableMetricIds", {"FilterBy": {"BillableMetricIds": "x"}}),
    ("BillableMetricIds[0]", {"FilterBy": {"BillableMetricIds": [1]}}),
    ("BillableMetricIds[0]", {"FilterBy": {"BillableMetricIds": ["m" * 129]}}),
    ("BillableMetricIds", {"FilterBy": {"BillableMetricIds": ["x", "x"]}}),
    ("BillableMetricIds", {"FilterBy": {"BillableMetricIds": [str(n) for n in range(21)]}}),
    ("ProductFamilyIds", {"FilterBy": {"ProductFamilyIds": ["workers"]}}),
    ("ProductFamilyIds", {"FilterBy": {"ProductFamilyIds": [UUIDS[0], UUIDS[0]]}}),
    ("ProductFamilyIds", {"FilterBy": {"ProductFamilyIds": UUIDS}}),
    ("FilterBy.Tags", {"FilterBy": {"Tags": TAG}}),
    ("FilterBy.Tags", {"FilterBy": {"Tags": [TAG] * 11}}),
    ("FilterBy.Tags[0]", {"FilterBy": {"Tags": [{**TAG, "Any": True}]}}),
    ("FilterBy.Tags[0].Key", {"FilterBy": {"Tags": [{"Values": ["x"]}]}}),
    ("FilterBy.Tags[0].Key", {"FilterBy": {"Tags": [{**TAG, "Key": ""}]}}),
    ("FilterBy.Tags[0].Key", {"FilterBy": {"Tags": [{**TAG, "Key": "k" * 257}]}}),
    ("FilterBy.Tags[0].Key", {"FilterBy": {"Tags": [{**TAG, "Key": "no such tag"}]}}),
    ("FilterBy.Tags[0].Values", {"FilterBy": {"Tags": [{"Key": "team"}]}}),
    ("FilterBy.Tags[0].Values", {"FilterBy": {"Tags": [{**TAG, "Values": []}]}}),
    ("FilterBy.Tags[0].Values", {"FilterBy": {"Tags": [{**TAG, "Values": ["x", "x"]}]}}),
    ("FilterBy.Tags[0].Values[0]", {"FilterBy": {"Tags": [{**TAG, "Values": ["v" * 1025]}]}}),
    ("FilterBy.Tags[0].Values[0]", {"FilterBy": {"Tags": [{**TAG, "Values": [True]}]}}),
    (
        "FilterBy.Tags[0].Values",
        {"FilterBy": {"Tags": [{**TAG, "Values": [*map(str, range(21))]}]}},
    ),
    ("GroupBy", {"GroupBy": {"Type": "TAG", "Key": "team"}}),
    ("GroupBy[0].Type", {"GroupBy": [{"Key": "team"}]}),
    ("GroupBy[0].Type", {"GroupBy": [{"Type": "tag", "Key": "team"}]}),
    ("GroupBy[0].Key", {"GroupBy": [{"Type": "TAG"}]}),
    ("GroupBy[0].Key", {"GroupBy": [{"Type": "TAG", "Key": "zone_id"}]}),
    ("GroupBy[0].Key", {"GroupBy": [{"Type": "DIMENSION", "Key": "team"}]}),
    ("GroupBy[0]", {"GroupBy": [{"Type": "TAG", "Key": "team", "Value": "x"}]}),
    ("GroupBy", {"GroupBy": [{"Type": "TAG", "Key": "team"}] * 2}),
    ("GroupBy", {"GroupBy": [{"Type": "TAG", "Key": key} for key in ("team", "env", "critical")]}),
    ("Metric", {"Metric": "costs"}),
    ("Metric", {"Metric": None}),
]


@pytest.fixture(scope="module")
def rules() -> UsageQueryRules:
    """The rules as they are by default."""
    return UsageQueryRules(31, "BillableMetricIds")


async def test_queries_that_the_vendor_refuses(fetch: Fetch) -> None:
    """Each broken limit is 400 with code 1183 and a message that names the field."""
    async with Sandbox(today=TODAY) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billable/usage"
        for name, query in REFUSED:
            body = json.dumps(query).encode()
            status, _, answer = await fetch(sandbox, path, method="POST", body=body)
            error = json.loads(answer)["errors"][0]
            assert (400, 1183) == (status, error["code"]), query
            assert name in error["message"], query


@pytest.mark.parametrize("body", [b"{", b" ", b"\xff", b'{"a":NaN}', b"[" * 100_000])
async def test_a_body_must_be_json(fetch: Fetch, body: bytes) -> None:
    """What is no JSON is 400, however it is broken."""
    async with Sandbox(today=TODAY) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billable/usage"
        assert (await fetch(sandbox, path, method="POST", body=body))[0] == 400


async def test_the_longest_query_is_served(fetch: Fetch) -> None:
    """A query that is at each limit at once is fine, and so are empty parts."""
    tags = [
        {"Key": "team", "Values": ["v" * 1024, "", *map(str, range(18))]},
        *[{"Key": "env", "Values": ["x"]}] * 9,
    ]
    longest: dict[str, object] = {
        "TimePeriod": {"From": "2025-05-01T00:00:00Z", "To": "2025-06-01T00:00:00Z"},
        "FilterBy": {
            "BillableMetricIds": ["m" * 128, *map(str, range(19))],
            "ProductFamilyIds": UUIDS[:10],
            "Tags": tags,
        },
        "GroupBy": [{"Type": "TAG", "Key": "team"}, {"Type": "DIMENSION", "Key": "region"}],
        "Metric": "cost",
    }
    empty: dict[str, object] = {"TimePeriod": {}, "FilterBy": {"Tags": []}, "GroupBy": []}
    async with Sandbox(today=TODAY) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billable/usage"
        for query in (longest, empty):
            body = json.dumps(query).encode()
            assert (await fetch(sandbox, path, method="POST", body=body))[0] == 200


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_without_a_query_the_month_to_date_is_meant(fetch: Fetch, body: bytes) -> None:
    """An empty body and an empty object both mean usage since the month began, to today."""
    async with Sandbox(today=TODAY) as sandbox:
        account = sandbox.account_ids[0]
        path = f"/accounts/{account}/billable/usage"
        _, _, answer = await fetch(sandbox, path, method="POST", body=body)
        expected = sandbox.usage_query(account, date(2025, 6, 1), date(2025, 6, 16))
        assert expected == parsed(answer)["result"]


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2025-05-01T00:00:00Z", "2025-05-03T00:00:00Z", ("2025-05-01", "2025-05-03")),
        ("2025-05-01T00:00:01Z", "2025-05-03T00:00:00.0001Z", ("2025-05-02", "2025-05-04")),
        ("2025-05-01T02:00:00+02:00", "2025-05-03T01:00:00+02:00", ("2025-05-01", "2025-05-03")),
        ("2025-05-01t23:00:00-02:00", "2025-05-03t00:00:00z", ("2025-05-03", "2025-05-03")),
    ],
)
def test_a_day_belongs_to_a_period_by_its_start(
    rules: UsageQueryRules, start: str, end: str, days: tuple[str, str]
) -> None:
    """From is inclusive and To exclusive, at any time of day and at any offset."""
    body = json.dumps({"TimePeriod": {"From": start, "To": end}}).encode()
    found, _ = rules.read(body, TODAY)
    assert days == (str(found.start), str(found.end))


async def test_a_query_is_answered_by_its_truth(fetch: Fetch) -> None:
    """What a query with filters and groups is answered is what `usage_query` returns."""
    query = {
        "TimePeriod": MAY,
        "FilterBy": {
            "ProductFamilyIds": [family_id("R2"), family_id("Workers").upper()],
            "Tags": [{"Key": "env", "Values": ["production", ""]}],
        },
        "GroupBy": [{"Type": "DIMENSION", "Key": "zone_id"}, {"Type": "TAG", "Key": "team"}],
        "Metric": "cost",
    }
    async with Sandbox(
        today=TODAY, records_per_day=48, whitespace="pretty", cache_bodies=True
    ) as sandbox:
        account = sandbox.account_ids[0]
        path = f"/accounts/{account}/billable/usage"
        body = json.dumps(query).encode()
        _, _, answer = await fetch(sandbox, path, method="POST", body=body)
        expected = sandbox.usage_query(
            account,
            date(2025, 5, 1),
            date(2025, 5, 3),
            cost=True,
            product_family_ids=[family_id("R2"), family_id("Workers")],
            tags={"env": ["production", ""]},
            group_by=[("DIMENSION", "zone_id"), ("TAG", "team")],
        )
        assert expected
        assert expected == parsed(answer)["result"]
        _, _, whole = await fetch(sandbox, path, method="POST", body=b"{}")
        assert len(parsed(whole)["result"]) == 15 * 48
        facts = sandbox.requests[0]
        assert ("POST", "usage", body) == (facts.method, facts.endpoint, facts.body)


async def test_the_name_of_the_filter_can_be_the_earlier_one(fetch: Fetch) -> None:
    """A server of the earlier revision knows the earlier name, and only that."""
    async with Sandbox(today=TODAY, filter_name="MetricIds", records_per_day=48) as sandbox:
        account = sandbox.account_ids[0]
        path = f"/accounts/{account}/billable/usage"
        for name, expected in (("MetricIds", 200), ("BillableMetricIds", 400)):
            body = json.dumps({"FilterBy": {name: ["kv_reads"]}}).encode()
            status, _, answer = await fetch(sandbox, path, method="POST", body=body)
            assert expected == status
            if status == 200:
                found = {record["x_BillableMetricId"] for record in parsed(answer)["result"]}
                assert {"kv_reads"} == found
