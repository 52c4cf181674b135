"""What the cost query may be asked for, by the limits that the vendor documents."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from enum import Enum

import pytest

from cfbilling import ConfigurationError, GroupBy, UsageFilter

UUIDS = [f"0000000{n:x}-0000-4000-8000-000000000000" for n in range(11)]
RIGHT: list[tuple[Callable[[], UsageFilter], dict[str, object]]] = [
    (UsageFilter, {}),
    (
        lambda: UsageFilter(metric_ids=["m" * 128, "ü"]),
        {"BillableMetricIds": ["m" * 128, "ü"]},
    ),
    (
        lambda: UsageFilter(metric_ids=map(str, range(20))),
        {"BillableMetricIds": sorted(str(n) for n in range(20))},
    ),
    (lambda: UsageFilter(product_family_ids=UUIDS[:10]), {"ProductFamilyIds": UUIDS[:10]}),
    (
        lambda: UsageFilter(tags={"k" * 256: ["", "v" * 1024], "env": ("prod",)}),
        {
            "Tags": [
                {"Key": "k" * 256, "Values": ["", "v" * 1024]},
                {"Key": "env", "Values": ["prod"]},
            ]
        },
    ),
]
WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: UsageFilter(metric_ids=map(str, range(21))), "metric_ids must be at most 20"),
    (lambda: UsageFilter(metric_ids=["m" * 129]), "metric_ids"),
    (lambda: UsageFilter(metric_ids=[""]), "metric_ids"),
    (lambda: UsageFilter(metric_ids=["a", "a"]), "metric_ids"),
    (lambda: UsageFilter(metric_ids="abc"), "metric_ids"),
    (lambda: UsageFilter(metric_ids=None), "metric_ids"),
    (lambda: UsageFilter(metric_ids=[7]), "metric_ids"),
    (lambda: UsageFilter(metric_ids=["\ud800"]), "metric_ids"),
    (lambda: UsageFilter(product_family_ids=UUIDS), "product_family_ids"),
    (lambda: UsageFilter(product_family_ids=["R2"]), "product_family_ids"),
    (lambda: UsageFilter(product_family_ids=[UUIDS[10], UUIDS[10].upper()]), "differ"),
    (lambda: UsageFilter(tags={str(n): ["v"] for n in range(11)}), "keys of filter_by.tags"),
    (lambda: UsageFilter(tags={"": ["v"]}), "keys of filter_by.tags"),
    (lambda: UsageFilter(tags={"k" * 257: ["v"]}), "keys of filter_by.tags"),
    (lambda: UsageFilter(tags={"k": []}), "values of filter_by.tags"),
    (lambda: UsageFilter(tags={"k": "v"}), "values of filter_by.tags"),
    (lambda: UsageFilter(tags={"k": ["v" * 1025]}), "values of filter_by.tags"),
    (lambda: UsageFilter(tags={"k": map(str, range(21))}), "values of filter_by.tags"),
    (lambda: UsageFilter(tags={"k": ["v", "v"]}), "values of filter_by.tags"),
    (lambda: UsageFilter(tags=[("k", "v")]), "filter_by.tags"),
    (lambda: GroupBy.tag(""), "group_by"),
    (lambda: GroupBy.dimension("k" * 257), "group_by"),
    (lambda: GroupBy("tag", "team"), "group_by"),
]


@pytest.mark.parametrize(("make", "wire"), RIGHT)
def test_what_is_within_the_limits_is_sent(
    make: Callable[[], UsageFilter], wire: dict[str, object]
) -> None:
    """A filter becomes the documented object, and survives being pickled."""
    filters = make()
    assert wire == filters.to_wire()
    copied = pickle.loads(pickle.dumps(filters))  # noqa: S301 - our own bytes
    assert (filters, wire) == (copied, copied.to_wire())
    with pytest.raises(TypeError):
        copied.tags["k"] = ()


@pytest.mark.parametrize(("make", "said"), WRONG)
def test_what_is_beyond_them_is_refused(make: Callable[[], object], said: str) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=said):
        make()


def test_the_order_of_a_filter_means_nothing() -> None:
    """Two filters of the same texts are the same filter, whatever kind of texts those are."""

    class Name(str, Enum):  # noqa: UP042 - as other programs have them
        A = "a"
        B = "b"

    given = UsageFilter(metric_ids=[Name.B, "a"], product_family_ids=UUIDS[1::-1])
    assert UsageFilter(metric_ids=["a", "b"], product_family_ids=UUIDS[:2]) == given
    assert [str] * 2 == list(map(type, given.metric_ids))
    assert UsageFilter(tags={"a": ["1", "2"]}) == UsageFilter(tags={Name.A: ["2", "1"]})
    assert GroupBy.tag("a") == GroupBy.tag(Name.A)
    assert str is type(GroupBy.tag(Name.A).key)


def test_a_grouping_is_a_tag_or_a_dimension() -> None:
    """Each has its own type on the wire."""
    assert {"Type": "TAG", "Key": "team"} == GroupBy.tag("team").to_wire()
    assert {"Type": "DIMENSION", "Key": "zone_id"} == GroupBy.dimension("zone_id").to_wire()
