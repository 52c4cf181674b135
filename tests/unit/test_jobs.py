"""Units of work: values that are the same tomorrow, whoever carries them."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from enum import Enum
from itertools import islice
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling import Account, ConfigurationError, GroupBy, UsageFilter, WorkUnit, plan
from cfbilling.jobs import UnitEndpoint

ID, OTHER = "a" * 32, "b" * 32
UNIT = WorkUnit(endpoint="usage", scope_id=ID, start=date(2025, 1, 1), end=date(2025, 2, 1))
FAMILY = "0f8fad5b-d9cb-469f-a165-70867728950e"
filters = st.builds(
    UsageFilter,
    metric_ids=st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=128), max_size=3, unique=True
    ),
    product_family_ids=st.lists(st.just(FAMILY), max_size=1),
    tags=st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
        st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=3, unique=True),
        max_size=2,
    ),
)
groups = st.lists(
    st.builds(
        GroupBy,
        st.sampled_from(["TAG", "DIMENSION"]),
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=256),
    ),
    max_size=2,
    unique=True,
)
units = st.builds(
    WorkUnit,
    endpoint=st.just("usage"),
    scope_id=st.sampled_from([ID, OTHER]),
    start=st.just(date(2025, 1, 1)),
    end=st.just(date(2025, 2, 1)),
    cost=st.booleans(),
    filter_by=st.none() | filters,
    group_by=groups,
    credential=st.none() | st.text(st.characters(codec="utf-8"), min_size=1),
)


@given(units)
def test_a_unit_survives_json_and_pickle(unit: WorkUnit) -> None:
    """Whatever carries it, it is the same unit with the same id."""
    through_json = WorkUnit.from_dict(json.loads(json.dumps(unit.to_dict())))
    pickled = pickle.loads(pickle.dumps(unit))  # noqa: S301 - our own bytes
    assert unit == through_json == pickled
    assert hash(unit) == hash(through_json) == hash(pickled)
    asked = [u.request(date(2026, 1, 1)) for u in (unit, through_json, pickled)]
    assert 1 == len({(r.endpoint, r.body) for r in asked if r is not None})
    assert unit.id == through_json.id == pickled.id
    assert unit.to_dict() == through_json.to_dict()
    assert re.fullmatch(r"[A-Za-z0-9_/-]{1,140}", unit.id)


@given(units, units)
def test_an_id_is_of_what_is_fetched(one: WorkUnit, other: WorkUnit) -> None:
    """Two units have one id if they fetch the same, whoever's credential it is."""

    def fetched(unit: WorkUnit) -> object:
        told = unit.to_dict()
        return {name: value for name, value in told.items() if name != "credential"}

    assert (one.id == other.id) == (fetched(one) == fetched(other))


def test_an_id_is_as_documented() -> None:
    """It can be read, and stays what it is in the next version."""
    assert f"usage/{ID}/2025-01-01/2025-02-01" == UNIT.id
    with_costs = attrs.evolve(UNIT, cost=True)
    assert f"usage/{ID}/2025-01-01/2025-02-01-cbb59b9549995583" == with_costs.id
    by_name = attrs.evolve(UNIT, filter_by=UsageFilter(metric_ids=["b", "a"]))
    assert by_name.id == attrs.evolve(UNIT, filter_by=UsageFilter(metric_ids=["a", "b"])).id
    assert UNIT.id == attrs.evolve(UNIT, credential="emea").id
    assert UNIT.id == attrs.evolve(UNIT, filter_by=UsageFilter()).id


TOLD: dict[str, Any] = UNIT.to_dict()
WRONG: list[tuple[object, str]] = [
    (None, "object"),
    ([], "object"),
    ({}, "version"),
    (TOLD | {"version": 2}, "version"),
    (TOLD | {"version": True}, "version"),
    (TOLD | {"version": 1.0}, "version"),
    ({k: v for k, v in TOLD.items() if k != "scope_id"}, "scope_id"),
    (TOLD | {"token": "secret"}, "token"),
    (TOLD | {"endpoint": "billing_profile"}, "endpoint"),
    (TOLD | {"endpoint": ["usage"]}, "endpoint"),
    (TOLD | {"scope_id": "x"}, "account_id"),
    (TOLD | {"start": "2025-13-01"}, "start"),
    (TOLD | {"start": 20250101}, "start"),
    (TOLD | {"start": "2025-02-01"}, "start"),
    (TOLD | {"credential": ""}, "credential"),
    (TOLD | {"credential": {"token": "secret"}}, "credential"),
    (TOLD | {"parameters": []}, "parameters"),
    (TOLD | {"parameters": {"limit": 1}}, "limit"),
    (TOLD | {"parameters": {"cost": 1}}, "cost"),
    (TOLD | {"parameters": {"metric": "m", "cost": True}}, "metric"),
    (TOLD | {"parameters": {"filter_by": []}}, "filter_by"),
    (TOLD | {"parameters": {"filter_by": {"zones": []}}}, "zones"),
    (TOLD | {"parameters": {"group_by": [["TAG"]]}}, "group_by"),
    (TOLD | {"parameters": {"group_by": [["ZONE", "x"]]}}, "group_by"),
    (TOLD | {"parameters": {"source": "v1"}}, "source"),
    (TOLD | {"endpoint": "costs", "parameters": {"source": "v3"}}, "source"),
    (TOLD | {"endpoint": "costs", "parameters": {"metric": "x"}}, "metric"),
]


@pytest.mark.parametrize(("told", "named"), WRONG)
def test_what_is_no_unit_is_refused(told: Any, named: str) -> None:
    """The error names what is wrong, and nothing that could be a secret."""
    with pytest.raises(ConfigurationError, match=named) as caught:
        WorkUnit.from_dict(told)
    assert "secret" not in str(caught.value)


def test_a_plan_is_of_whole_months() -> None:
    """The borders are those of UTC months, whatever the range; account by account, in order."""
    found = [(u.scope_id, u.start, u.end) for u in plan([ID, OTHER], "2024-12-31", "2025-02-02")]
    months = [
        (date(2024, 12, 1), date(2025, 1, 1)),
        (date(2025, 1, 1), date(2025, 2, 1)),
        (date(2025, 2, 1), date(2025, 3, 1)),
    ]
    assert [(scope, *month) for scope in (ID, OTHER) for month in months] == found
    assert ["2025-01-01"] == [str(u.start) for u in plan([ID], "2025-01-31", "2025-02-01")]


def test_a_plan_is_lazy() -> None:
    """Accounts are taken one by one, as they are needed."""
    taken: list[int] = []

    def endless() -> Iterator[str]:
        while True:
            taken.append(1)
            yield ID

    assert 5 == len(list(islice(plan(endless(), "2025-01-01", "2025-03-01"), 5)))
    assert 3 == len(taken)


def test_accounts_may_have_ids_and_names_of_credentials() -> None:
    """As in a fan-out, but names go into units instead of credentials."""
    assert [ID] == [u.scope_id for u in plan([Account(id=ID)], "2025-01-01", "2025-01-02")]
    by_name = plan({ID: "emea", OTHER: None}, "2025-01-01", "2025-01-02", endpoint="usage")
    assert [("emea", "usage"), (None, "usage")] == [(u.credential, u.endpoint) for u in by_name]


class Text(str, Enum):  # noqa: UP042 - as other programs have them
    """Texts that are more than that, as the constants of a program are."""

    ACCOUNT = ID
    ENDPOINT = "costs"
    SOURCE = "v1"
    NAME = "emea"


def test_a_unit_is_of_plain_texts() -> None:
    """Whatever kind of text it is made of, it is the same unit, after JSON too."""
    facts: dict[str, Any] = {"start": date(2025, 1, 1), "end": date(2025, 2, 1)}
    given = cast("Any", Text)
    unit = WorkUnit(
        endpoint=given.ENDPOINT,
        scope_id=given.ACCOUNT,
        source=given.SOURCE,
        credential=given.NAME,
        **facts,
    )
    plain = WorkUnit(endpoint="costs", scope_id=ID, source="v1", credential="emea", **facts)
    assert (plain, plain.id, hash(plain)) == (unit, unit.id, hash(unit))
    assert plain == WorkUnit.from_dict(json.loads(json.dumps(unit.to_dict())))
    assert [plain.scope_id] == [
        u.scope_id for u in plan([Text.ACCOUNT], "2025-01-01", "2025-02-01", source="v1")
    ]


def test_an_id_that_cannot_be_read_is_named() -> None:
    """What an account's own code raises is the cause of an error of ours."""

    class Broken:
        @property
        def id(self) -> str:
            raise RuntimeError("broken")

    units = plan([ID, Broken()], "2025-01-01", "2025-02-01")
    assert next(units).scope_id == ID
    with pytest.raises(ConfigurationError, match="accounts") as caught:
        next(units)
    assert isinstance(caught.value.__cause__, RuntimeError)


async def _async_ids() -> Any:
    yield ID


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: plan(ID, "2025-01-01", "2025-02-01"), "accounts"),
        (lambda: plan(b"a" * 32, "2025-01-01", "2025-02-01"), "accounts"),
        (lambda: plan(7, "2025-01-01", "2025-02-01"), "accounts"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: plan(cast("Any", _async_ids()), "2025-01-01", "2025-02-01"), "async"),
        (lambda: plan([ID], "2025-02-01", "2025-01-01"), "start"),
        (lambda: plan([ID], "2025-02-01", "2025-03-01", cost=True), "cost"),
        (lambda: plan([ID], "x", "2025-03-01"), "start"),
        (lambda: next(plan([None], "2025-02-01", "2025-03-01")), "account_id"),
        (lambda: next(plan({ID: object()}, "2025-02-01", "2025-03-01")), "credential"),
    ],
)
def test_what_cannot_be_planned_is_refused(make: Callable[[], object], named: str) -> None:
    """At once where it can be known, else at the account."""
    with pytest.raises(ConfigurationError, match=named):
        make()


def test_days_to_come_are_left_out() -> None:
    """The present month is asked for through today, and a later one not at all."""
    request = UNIT.request(date(2025, 1, 10))
    assert request is not None
    assert request.chunk is not None
    assert date(2025, 1, 11) == request.chunk.end
    assert UNIT.request(date(2024, 12, 31)) is None
    later = UNIT.request(date(2026, 1, 1))
    assert later is not None
    assert later.chunk is not None
    assert date(2025, 2, 1) == later.chunk.end


@pytest.mark.parametrize("wrong", [datetime(2025, 1, 1), 7, None])  # noqa: DTZ001 - wrong on purpose
def test_a_border_is_a_day(wrong: Any) -> None:
    """A moment is none."""
    with pytest.raises(ConfigurationError, match="start"):
        attrs.evolve(UNIT, start=wrong)


def test_every_endpoint_of_a_range_is_one_of_a_unit() -> None:
    """What a fan-out takes, a unit takes."""
    for endpoint in UnitEndpoint.__args__:  # type: ignore[attr-defined]  # a Literal has them
        assert endpoint == attrs.evolve(UNIT, endpoint=endpoint).endpoint
