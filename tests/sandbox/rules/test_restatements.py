from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.sandbox import Sandbox, WireRecord
from tests.sandbox.conftest import Fetch, parsed

TODAY = date(2025, 6, 15)
START, END = date(2025, 6, 1), date(2025, 6, 10)
DAY, OTHER = date(2025, 6, 3), date(2025, 6, 8)
ONE_DAY = timedelta(days=1)
Read = Callable[[date, date], list[WireRecord]]


def readers(sandbox: Sandbox, account: str) -> Mapping[str, Read]:
    """Return how to read the truth of each endpoint that tells usage."""
    return {
        "usage": lambda start, end: list(sandbox.expected_usage(account, start, end)),
        "query": lambda start, end: sandbox.usage_query(account, start, end, cost=True),
        "v1": lambda start, end: sandbox.billable_usage(account, start, end),
        "paygo": lambda start, end: list(sandbox.expected_paygo(account, start, end)),
        "beta": lambda start, end: list(sandbox.expected_paygo_beta(account, start, end)),
    }


def counted(records: list[WireRecord]) -> Counter[str]:
    """Return how often each record comes."""
    return Counter(map(str, records))


@pytest.mark.parametrize("name", ["usage", "query", "v1", "paygo", "beta"])
def test_restated_days_read_differently(name: str) -> None:
    """Rows change, vanish and are added on the restated days of that account, and nowhere else."""
    sandbox = Sandbox(today=TODAY, records_per_day=20)
    account, neighbour = sandbox.account_ids[:2]
    read, beside = readers(sandbox, account)[name], readers(sandbox, neighbour)[name]
    before, untouched = read(START, END), beside(START, END)
    days = [(day, read(day, day + ONE_DAY)) for day in (DAY, OTHER)]
    sandbox.restate(account, [DAY, OTHER])
    for day, earlier in days:
        now = read(day, day + ONE_DAY)
        assert counted(earlier) - counted(now), "rows must have changed or vanished"
        assert counted(now) - counted(earlier), "rows must have changed or been added"
        assert counted(now) & counted(earlier), "rows must have stayed"
        following = day + ONE_DAY
        assert [row for row in before if f"{following}T00" in str(row["ChargePeriodStart"])] == [
            row for row in read(following, following + ONE_DAY) if "T00" in str(row)
        ]
    assert untouched == beside(START, END)


@pytest.mark.parametrize("name", ["usage", "v1", "paygo", "beta"])
@pytest.mark.parametrize("records", [1, 12, 60])
def test_fractions_decide_how_many_rows_are_concerned(name: str, records: int) -> None:
    """Nothing is left if all is removed; additions are counted from the usual number of rows."""
    sandbox = Sandbox(today=TODAY, records_per_day=records)
    account = sandbox.account_ids[0]
    read = readers(sandbox, account)[name]
    before = read(DAY, DAY + ONE_DAY)
    sandbox.restate(account, [DAY], changed=0, removed=0, added=0)
    assert before == read(DAY, DAY + ONE_DAY)
    sandbox.restate(account, [DAY], changed=0, removed=0, added=1)
    assert 2 * records == len(read(DAY, DAY + ONE_DAY))
    assert not counted(before) - counted(read(DAY, DAY + ONE_DAY))
    sandbox.restate(account, [DAY], changed=0, removed=1, added=0)
    assert [] == read(DAY, DAY + ONE_DAY)
    sandbox.restate(account, [DAY], changed=0.5, removed=0, added=0.5)
    added = read(DAY, DAY + ONE_DAY)
    assert (records + 1) // 2 == len(added)
    sandbox.restate(account, [DAY], changed=1, removed=0, added=0)
    assert len(added) == len(read(DAY, DAY + ONE_DAY))
    assert added != read(DAY, DAY + ONE_DAY)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from([DAY, OTHER]), st.floats(0, 1)), max_size=3))
def test_the_same_restatements_make_the_same_rows(steps: list[tuple[date, float]]) -> None:
    """A restatement is derived from the seed, and not from what was read before."""
    read_before, untouched = Sandbox(today=TODAY), Sandbox(today=TODAY)
    account = untouched.account_ids[0]
    for day, fraction in steps:
        for sandbox in (read_before, untouched):
            sandbox.restate(account, iter([day]), changed=fraction)
        list(read_before.expected_usage(account, START, END))
    for name, read in readers(read_before, account).items():
        assert readers(untouched, account)[name](START, END) == read(START, END)


def test_a_restated_record_keeps_its_key() -> None:
    """Metric and zone still tell the records of a day apart, however often it was restated."""
    sandbox = Sandbox(today=TODAY, records_per_day=60, revision="later")
    account = sandbox.account_ids[0]
    for _ in range(3):
        sandbox.restate(account, [DAY], added=0.5)
    rows = sandbox.expected_paygo(account, DAY, DAY + ONE_DAY)
    keys = [(row["ServiceName"], row.get("ZoneId")) for row in rows if row.get("ZoneId")]
    assert len(keys) == len(set(map(str, keys)))


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_a_fraction_is_between_nothing_and_all(fraction: float) -> None:
    """No more than all rows can be concerned."""
    sandbox = Sandbox()
    with pytest.raises(ValueError, match="removed"):
        sandbox.restate(sandbox.account_ids[0], [DAY], removed=fraction)


async def test_what_is_sent_follows_even_if_bodies_are_kept(fetch: Fetch) -> None:
    """A body that was kept is not sent after a restatement; an organization follows its members."""
    async with Sandbox(today=TODAY, cache_bodies=True) as sandbox:
        account, organization = sandbox.account_ids[0], sandbox.organization_ids[0]
        query = {"from": str(START), "to": str(END)}
        paths: Mapping[str, Read] = {
            f"/accounts/{account}/billable/usage": readers(sandbox, account)["usage"],
            f"/accounts/{account}/paygo-usage": readers(sandbox, account)["paygo"],
            f"/accounts/{account}/billing/usage/paygo": readers(sandbox, account)["beta"],
            f"/organizations/{organization}/billable/usage": lambda start, end: list(
                sandbox.expected_usage(organization, start, end)
            ),
        }
        before = {path: await fetch(sandbox, path, query) for path in paths}
        posted = f"/accounts/{account}/billable/usage"
        asked = await fetch(sandbox, posted, method="POST", body=b"{}")
        v1 = await fetch(sandbox, f"/accounts/{account}/billable-usage")
        sandbox.restate(account, [DAY])
        for path, read in paths.items():
            _, _, body = await fetch(sandbox, path, query)
            assert before[path][2] != body
            assert read(START, END) == parsed(body)["result"]
        assert asked[2] != (await fetch(sandbox, posted, method="POST", body=b"{}"))[2]
        assert v1[2] != (await fetch(sandbox, f"/accounts/{account}/billable-usage"))[2]


def test_an_organization_is_restated_with_all_members() -> None:
    """Restating an organization restates each of its accounts."""
    sandbox = Sandbox(accounts=4, organizations=2, today=TODAY)
    before = {each: list(sandbox.expected_usage(each, START, END)) for each in sandbox.account_ids}
    sandbox.restate(sandbox.organization_ids[0], [DAY])
    restated = [
        each
        for each in sandbox.account_ids
        if before[each] != list(sandbox.expected_usage(each, START, END))
    ]
    assert sandbox.members(sandbox.organization_ids[0]) == restated
