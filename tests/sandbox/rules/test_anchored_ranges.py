from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.sandbox import Sandbox, Subscription
from cfbilling.sandbox.rules.anchored_ranges import AnchoredRanges
from tests.sandbox.conftest import Fetch, code, parsed

TODAY = date(2025, 6, 15)
ONE_DAY = timedelta(days=1)
Days = tuple[date, date]


def moment(text: str) -> datetime:
    """Return midnight of a day."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def subscription(start: str, anchor: str | None = None, end: str | None = None) -> Subscription:
    """Return a subscription whose id is its first day."""
    return Subscription(start, moment(anchor or start), moment(start), moment(end) if end else None)


def answered(
    first: str, last: str, *subscriptions: Subscription, **changed: object
) -> dict[str, Days]:
    """Return first and last day of each subscription that is answered."""
    settings: dict[str, object] = {
        "to_inclusive": True,
        "two_anchors": "empty",
        "anchors_of": "subscriptions",
        "leading_days": True,
        "first_cycle": "anchor",
        "default_cycles": 2,
    }
    rules = AnchoredRanges(**settings | changed)  # type: ignore[arg-type]  # as the sandbox does
    query = {"from": first, "to": last} if first else {}
    spans = rules.spans(query, subscriptions, TODAY)
    return {span.subscription.id: (span.start, span.end - ONE_DAY) for span in spans}


def days(first: str, last: str) -> Days:
    """Return two days."""
    return date.fromisoformat(first), date.fromisoformat(last)


FIFTH = subscription("2020-01-05")


def test_a_range_needs_an_anchor() -> None:
    """A range with the anchor day is given whole, and one without it not at all."""
    whole = {FIFTH.id: days("2025-05-05", "2025-06-04")}
    assert whole == answered("2025-05-05", "2025-06-04", FIFTH)
    assert {} == answered("2025-05-06", "2025-06-04", FIFTH)
    assert {FIFTH.id: days("2025-05-05", "2025-05-05")} == answered(
        "2025-05-05", "2025-05-05", FIFTH
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("empty", None),
        ("first", ("2025-03-01", "2025-04-04")),
        ("last", ("2025-05-05", "2025-05-20")),
        ("whole", ("2025-03-01", "2025-05-20")),
    ],
)
def test_several_anchors_give_what_was_set(setting: str, expected: tuple[str, str] | None) -> None:
    """A range with more than one anchor gives nothing, a part or everything."""
    found = answered("2025-03-01", "2025-05-20", FIFTH, two_anchors=setting)
    assert ({FIFTH.id: days(*expected)} if expected else {}) == found


@pytest.mark.parametrize("setting", ["first", "last", "whole"])
def test_leading_days_can_be_withheld(setting: str) -> None:
    """Days before the first anchor of a range are given only if that is set."""
    given = answered("2025-05-01", "2025-05-20", FIFTH, two_anchors=setting, leading_days=False)
    assert {FIFTH.id: days("2025-05-05", "2025-05-20")} == given


def test_to_can_be_exclusive() -> None:
    """An anchor on the day of `to` counts only where that day belongs to the range."""
    assert {} == answered("2025-05-01", "2025-05-05", FIFTH, to_inclusive=False)
    assert {} == answered("2025-05-05", "2025-05-05", FIFTH, to_inclusive=False)
    assert {} == answered("0001-01-01", "0001-01-01", FIFTH, to_inclusive=False)
    assert {FIFTH.id: days("2025-05-01", "2025-05-05")} == answered(
        "2025-05-01", "2025-05-05", FIFTH
    )


def test_anchors_of_the_account_give_every_subscription() -> None:
    """By subscription each anchor gives its own; by account one anchor gives all, two are two."""
    tenth = subscription("2020-01-10")
    assert {FIFTH.id} == set(answered("2025-05-04", "2025-05-06", FIFTH, tenth))
    both = answered("2025-05-04", "2025-05-06", FIFTH, tenth, anchors_of="account")
    assert {FIFTH.id, tenth.id} == set(both)
    assert {FIFTH.id, tenth.id} == set(answered("2025-05-05", "2025-05-10", FIFTH, tenth))
    assert {} == answered("2025-05-05", "2025-05-10", FIFTH, tenth, anchors_of="account")


def test_an_incomplete_first_cycle_has_its_anchor_as_set() -> None:
    """The first cycle is found by the anchor before the start, or by the day of the start."""
    late = subscription("2025-03-20", anchor="2025-04-05")
    first = {late.id: days("2025-03-20", "2025-04-04")}
    assert first == answered("2025-03-05", "2025-04-04", late)
    assert {} == answered("2025-03-06", "2025-04-04", late)
    assert {} == answered("2025-02-05", "2025-03-04", late)
    assert first == answered("2025-03-06", "2025-04-04", late, first_cycle="start")
    assert {} == answered("2025-03-21", "2025-04-04", late, first_cycle="start")
    assert {late.id: days("2025-03-21", "2025-04-20")} == answered(
        "2025-03-21", "2025-04-20", late, first_cycle="start"
    )


def test_a_cancelled_subscription_has_no_anchor_after_its_end() -> None:
    """Its last day is that of its end, and no later anchor day finds it."""
    ended = subscription("2020-01-05", end="2025-04-10")
    assert {ended.id: days("2025-04-05", "2025-04-10")} == answered(
        "2025-04-05", "2025-05-04", ended
    )
    assert {} == answered("2025-04-06", "2025-05-10", ended)


def test_without_dates_the_latest_cycles_are_given() -> None:
    """Each subscription gives its current cycle up to today, and the one before if that is set."""
    ended = subscription("2020-01-20", end="2025-05-25")
    assert {
        FIFTH.id: days("2025-05-05", "2025-06-15"),
        ended.id: days("2025-04-20", "2025-05-25"),
    } == answered("", "", FIFTH, ended)
    assert {
        FIFTH.id: days("2025-06-05", "2025-06-15"),
        ended.id: days("2025-05-20", "2025-05-25"),
    } == answered("", "", FIFTH, ended, default_cycles=1)


@given(
    anchor=st.builds(
        datetime.combine,
        st.dates(date(2019, 1, 1), date(2020, 12, 31)),
        st.times(),
        tzinfo=st.just(UTC),
    ),
    day=st.dates(date(2021, 1, 1), date(2030, 1, 1)),
)
def test_cycles_are_months_from_anchor_to_anchor(anchor: datetime, day: date) -> None:
    """A cycle begins on the anchor's day of the month, or on the last day of a shorter month."""
    each = Subscription("x", anchor, anchor)
    first = each.latest_anchor(day)
    second = next(each.anchors(first + ONE_DAY, date(2031, 1, 1)))
    assert first <= day < second
    assert 28 <= (second - first).days <= 31
    for found in (first, second):
        assert found.day == anchor.day or (found + ONE_DAY).day == 1
    assert [first, second] == list(each.anchors(first, second))


def test_a_moment_without_a_zone_is_a_mistake() -> None:
    """A subscription whose days nobody can know is refused."""
    with pytest.raises(ValueError, match="time zone"):
        Subscription("x", moment("2020-01-01"), datetime(2020, 1, 1))  # noqa: DTZ001 - the mistake


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2025-05-01"},
        {"to": "2025-05-01"},
        {"from": "2025-05-02", "to": "2025-05-01"},
        {"from": "2025-05-02", "to": "2025-06-17"},
        {"from": "x", "to": "2025-05-01"},
    ],
)
async def test_ranges_that_the_vendor_refuses(fetch: Fetch, query: dict[str, str]) -> None:
    """Half, reversed, malformed and future ranges are 400 with code 1183."""
    async with Sandbox(today=TODAY) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billable-usage"
        status, _, body = await fetch(sandbox, path, query)
        assert (400, 1183) == (status, code(body))


async def test_cycle_by_cycle_everything_arrives_once(fetch: Fetch) -> None:
    """Asking from anchor to anchor gives the truth of each subscription, up to today."""
    async with Sandbox(today=TODAY, whitespace="pretty") as sandbox:
        account = sandbox.account_ids[0]
        path = f"/accounts/{account}/billable-usage"
        parts = [subscription("2025-01-31"), subscription("2025-03-10", end="2025-05-02")]
        sandbox.subscribe(account, *parts)
        received = []
        for part in parts:
            starts = [*part.anchors(part.first_day, TODAY + ONE_DAY * 31)]
            for start, end in pairwise(starts):
                last = min(end - ONE_DAY, TODAY + ONE_DAY)
                sandbox.subscribe(account, part)
                query = {"from": str(start), "to": str(last)}
                received += parsed((await fetch(sandbox, path, query))[2])["result"]
        sandbox.subscribe(account, *parts)
        truth = sandbox.billable_usage(account, date(2020, 1, 1), date(2030, 1, 1))
        by_text: Callable[[object], str] = str
        assert sorted(truth, key=by_text) == sorted(received, key=by_text)
        assert str(TODAY) == max(str(record["ChargePeriodStart"]) for record in received)[:10]


async def test_the_info_tells_the_subscriptions(fetch: Fetch) -> None:
    """Anchor, start and, of a cancelled one, end are told; an account not covered tells none."""
    async with Sandbox(today=TODAY) as sandbox:
        account = sandbox.account_ids[1]
        path = f"/accounts/{account}/billable-usage/info"
        given = [subscription("2025-01-31"), subscription("2025-03-10", end="2025-05-02")]
        sandbox.subscribe(account, *given)
        assert tuple(given) == sandbox.billing_subscriptions(account)
        assert {
            "covered": True,
            "subscriptions": [
                {
                    "id": "2025-01-31",
                    "billing_cycle_anchor_timestamp": "2025-01-31T00:00:00Z",
                    "start_timestamp": "2025-01-31T00:00:00Z",
                },
                {
                    "id": "2025-03-10",
                    "billing_cycle_anchor_timestamp": "2025-03-10T00:00:00Z",
                    "start_timestamp": "2025-03-10T00:00:00Z",
                    "end_timestamp": "2025-05-02T00:00:00Z",
                },
            ],
        } == parsed((await fetch(sandbox, path))[2])["result"]
        sandbox.cover(account, covered=False)
        uncovered = {"covered": False, "subscriptions": []}
        assert uncovered == parsed((await fetch(sandbox, path))[2])["result"]
        usage = f"/accounts/{account}/billable-usage"
        status, _, body = await fetch(sandbox, usage)
        assert (200, []) == (status, parsed(body)["result"])
        sandbox.cover(account, covered=True)
        assert parsed((await fetch(sandbox, usage))[2])["result"]


async def test_cached_bodies_follow_the_subscriptions(fetch: Fetch) -> None:
    """A body that was kept is not sent for an account that has other subscriptions by now."""
    async with Sandbox(today=TODAY, cache_bodies=True) as sandbox:
        account = sandbox.account_ids[0]
        path = f"/accounts/{account}/billable-usage"
        sandbox.subscribe(account, subscription("2025-01-31"))
        before = await fetch(sandbox, path)
        sandbox.subscribe(account, subscription("2025-02-01"))
        after = await fetch(sandbox, path)
        assert parsed(before[2])["result"] != parsed(after[2])["result"]
