from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.cli.wire import comparable, parsed

DAYS = date(2025, 1, 1), date(2025, 1, 4)
SPAN = ("--from", "2025-01-01", "--to", "2025-01-04")


def _check(shell: Shell, account: str, options: tuple[str, ...], **wanted: Any) -> None:
    ran = shell.run("usage", account, *SPAN, *options, "--format", "ndjson")
    truth = shell.sandbox.usage_query(account, *DAYS, **wanted)
    assert ran.returncode == 0
    assert truth
    assert comparable(truth) == comparable(map(parsed, ran.stdout.splitlines()))


def test_costs_on_request(shell: Shell, account: str) -> None:
    """With --cost the records have costs, digit for digit."""
    _check(shell, account, ("--cost",), cost=True)


@pytest.mark.parametrize(
    ("options", "groups"),
    [
        (("tag:team",), [("TAG", "team")]),
        (("dimension:zone_id",), [("DIMENSION", "zone_id")]),
        (("tag:env", "dimension:region"), [("TAG", "env"), ("DIMENSION", "region")]),
    ],
)
def test_groups(
    shell: Shell, account: str, options: tuple[str, ...], groups: list[tuple[str, str]]
) -> None:
    """Records are split by the tags and dimensions that were named."""
    given = tuple(f"--group-by={option}" for option in options)
    _check(shell, account, given, group_by=groups)


def _some(shell: Shell, account: str, name: str) -> list[str]:
    wires = shell.sandbox.usage_query(account, *DAYS)
    return sorted({str(wire[name]) for wire in wires if wire.get(name)})[:2]


def test_filters_of_one_key_are_alternatives(shell: Shell, account: str) -> None:
    """Of several metrics any will do."""
    metrics = _some(shell, account, "x_BillableMetricId")
    given = tuple(f"--filter=metric={metric}" for metric in metrics)
    assert len(given) == 2
    _check(shell, account, given, metric_ids=metrics)


def test_a_product_family_is_a_filter(shell: Shell, account: str) -> None:
    """Only the usage of the family with a UUID comes."""
    (family, *_) = _some(shell, account, "x_ProductFamilyId")
    _check(shell, account, ("--filter", f"family={family}"), product_family_ids=[family])


def test_tags_are_filters(shell: Shell, account: str) -> None:
    """Values of one tag are alternatives, and an empty one is a tag without a value."""
    given = ("--filter", "tag:env=prod", "--filter", "tag:env=", "--filter", "tag:team=edge")
    ran = shell.run("usage", account, *SPAN, *given, "--format", "ndjson")
    tags = {"env": ["prod", ""], "team": ["edge"]}
    truth = shell.sandbox.usage_query(account, *DAYS, tags=tags)
    assert comparable(truth) == comparable(map(parsed, ran.stdout.splitlines()))
    bodies = [json.loads(request.body or b"") for request in shell.sandbox.requests]
    assert [{"Key": k, "Values": sorted(v)} for k, v in tags.items()] == bodies[0]["FilterBy"][
        "Tags"
    ]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--filter", "metric"), "--filter"),
        (("--filter", "zone=x"), "--filter"),
        (("--filter", "tag:env"), "--filter"),
        (("--filter", "tag:=x"), "--filter"),
        (("--filter", "metric="), "--filter"),
        (("--filter", "family=R2"), "--filter"),
        (("--filter", "metric=a", "--filter", "metric=a"), "--filter"),
        (tuple(f"--filter=metric={number}" for number in range(21)), "--filter"),
        (("--group-by", "team"), "--group-by"),
        (("--group-by", "tag:"), "--group-by"),
        (("--group-by", "zone:x"), "--group-by"),
        (("--group-by", f"tag:{'x' * 257}"), "--group-by"),
        (("--group-by", "tag:a", "--group-by", "tag:a"), "--group-by"),
        (tuple(f"--group-by=tag:{key}" for key in "abc"), "--group-by"),
        (("--metric", "a", "--cost"), "--metric"),
        (("--metric", "a", "--group-by", "tag:team"), "--metric"),
    ],
)
def test_what_cannot_be_selected(
    shell: Shell, account: str, options: tuple[str, ...], named: str
) -> None:
    """What the service would refuse is a usage error that names the option, and nothing is sent."""
    ran = shell.run("usage", account, *SPAN, *options)
    assert (2, []) == (ran.returncode, shell.sandbox.requests)
    assert named in ran.stderr.decode()
    assert "filter_by" not in ran.stderr.decode()


def test_a_table_shows_the_groups(shell: Shell, account: str) -> None:
    """What records are split by has a column of its own in a table."""
    given = ("--group-by", "tag:team", "--group-by", "dimension:region")
    ran = shell.run("usage", account, *SPAN, *given)
    header, _, *lines = ran.stdout.decode().splitlines()
    assert header.split()[-2:] == ["team", "region"]
    truth = shell.sandbox.usage_query(
        account, *DAYS, group_by=[("TAG", "team"), ("DIMENSION", "region")]
    )
    assert len(truth) == len(lines)
    tagged = [wire for wire in truth if (wire.get("Tags") or {}) == {"team": "edge"}]
    assert len(tagged) == sum(" edge " in line for line in lines)


def test_a_key_that_the_data_lack_is_the_services_refusal(shell: Shell, account: str) -> None:
    """What only the service can know is refused by it."""
    ran = shell.run("usage", account, *SPAN, "--group-by", "tag:nothing")
    assert ran.returncode == 4
