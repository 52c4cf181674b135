from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from cfbilling.sandbox import Subscription
from tests.cli.shell import Shell
from tests.cli.wire import parsed


def _at(day: date) -> str:
    return f"{day:%Y-%m-%d}T00:00:00Z"


def _lines(shell: Shell, *arguments: str) -> list[dict[str, object]]:
    ran = shell.run("cycles", *arguments, "--format", "ndjson")
    assert ran.returncode == 0
    return list(map(parsed, ran.stdout.splitlines()))


def test_the_cycles_of_a_range_are_those_of_its_anchors(shell: Shell, account: str) -> None:
    """Each cycle that touches the range has a line, from its anchor day to the next."""
    (subscription,) = shell.sandbox.billing_subscriptions(account)
    lines = _lines(shell, account, "--from", "2025-01-01", "--to", "2025-04-01")
    first = subscription.latest_anchor(date(2025, 1, 1))
    anchors = list(subscription.anchors(first, date(2025, 4, 30)))
    expected = [
        (_at(start), _at(end)) for start, end in pairwise(anchors) if start < date(2025, 4, 1)
    ]
    assert expected == [(line["CycleStart"], line["CycleEnd"]) for line in lines]
    assert {(account, subscription.id, True, False)} == {
        (line["AccountId"], line["SubscriptionId"], line["Covered"], line["IsCurrent"])
        for line in lines
    }


def test_without_days_it_is_the_current_cycle(shell: Shell, account: str) -> None:
    """The one line has today in its cycle."""
    (line,) = _lines(shell, account)
    today = datetime.now(UTC).date()
    assert line["IsCurrent"] is True
    assert str(line["CycleStart"]) <= _at(today) < str(line["CycleEnd"])


def test_a_first_cycle_begins_with_its_subscription(shell: Shell, account: str) -> None:
    """A subscription that began between two anchors has a short first cycle, and an end a last."""
    shell.sandbox.subscribe(
        account,
        Subscription(
            id="s",
            anchor=datetime(2024, 1, 10, 5, tzinfo=UTC),
            start=datetime(2025, 1, 20, tzinfo=UTC),
            end=datetime(2025, 2, 25, tzinfo=UTC),
        ),
    )
    lines = _lines(shell, account, "--from", "2025-01-01", "--to", "2026-01-01")
    assert [
        ("2025-01-20T00:00:00Z", "2025-02-10T00:00:00Z"),
        ("2025-02-10T00:00:00Z", "2025-03-10T00:00:00Z"),
    ] == [(line["CycleStart"], line["CycleEnd"]) for line in lines]
    # Today there is none, but that it was there is told.
    (line,) = _lines(shell, account)
    assert ("s", None) == (line["SubscriptionId"], line.get("CycleStart"))


@pytest.mark.parametrize("shape", ["table", "csv", "ndjson"])
def test_an_account_that_is_not_covered_has_a_line(shell: Shell, account: str, shape: str) -> None:
    """That version 1 does not cover an account is an answer, not an error."""
    shell.sandbox.cover(account, covered=False)
    ran = shell.run("cycles", account, "--format", shape)
    assert (0, True) == (ran.returncode, account in ran.stdout.decode())
    assert (b"false" if shape != "table" else b" no ") in ran.stdout
