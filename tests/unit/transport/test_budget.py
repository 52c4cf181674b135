import pytest

from cfbilling.transport.budget import Budget


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, True), (10.0, True), (10.5, False), (1e18, False)]
)
def test_a_wait_within_the_budget_is_allowed(seconds: float, expected: bool) -> None:  # noqa: FBT001 - a table
    """A wait may use up all that is left, and no more."""
    assert expected is Budget(10).allows(seconds)


def test_waits_are_taken_off() -> None:
    """What was waited is not there for the next wait."""
    budget = Budget(10)
    budget.spend(4)
    assert ([True, False], 6) == ([budget.allows(6), budget.allows(6.5)], budget.left)


def test_a_wait_may_take_longer_than_it_was_said_to() -> None:
    """A budget that is overdrawn allows nothing, not even a wait of no time."""
    budget = Budget(10)
    budget.spend(11)
    assert (-1, False) == (budget.left, budget.allows(0))
