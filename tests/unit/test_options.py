import math

import attrs
import pytest

from cfbilling.errors import ConfigurationError
from cfbilling.options import Limits, RetryPolicy, Timeouts, whole_number

NO_SECONDS = [-1, -0.001, math.nan, math.inf, -math.inf, True, "1", None, 1j]
NO_COUNTS = [-1, 1.0, True, "1", None, math.inf, -(10**40)]


def test_the_defaults_are_the_documented_ones() -> None:
    """A policy without arguments is the one that the documentation names."""
    assert RetryPolicy(5, 0.5, 30.0, 600.0) == RetryPolicy()


@pytest.mark.parametrize("name", ["initial_wait", "max_backoff", "budget"])
@pytest.mark.parametrize("value", NO_SECONDS)
def test_a_wait_must_be_seconds(name: str, value: float) -> None:
    """A wait that is negative, endless or no number is refused by its name."""
    with pytest.raises(ConfigurationError, match=name):
        RetryPolicy(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["initial_wait", "max_backoff", "budget"])
def test_a_wait_may_be_nothing(name: str) -> None:
    """A wait of no time is accepted."""
    assert getattr(RetryPolicy(**{name: 0}), name) == 0


@pytest.mark.parametrize("value", [0, *NO_COUNTS])
def test_attempts_must_be_a_count(value: int) -> None:
    """A policy has at least one attempt."""
    with pytest.raises(ConfigurationError, match="attempts"):
        RetryPolicy(attempts=value)


@pytest.mark.parametrize("name", ["connect", "read", "total"])
@pytest.mark.parametrize("value", [0, *(value for value in NO_SECONDS if value is not None)])
def test_a_timeout_must_be_more_than_nothing(name: str, value: float) -> None:
    """A timeout that is zero, negative, endless or no number is refused by its name."""
    with pytest.raises(ConfigurationError, match=rf"timeout\.{name}"):
        Timeouts(**{name: value})


def test_only_the_total_may_be_left_open() -> None:
    """No limit for the whole request is accepted, but not for connecting and reading."""
    assert Timeouts(total=None).total is None
    with pytest.raises(ConfigurationError, match=r"timeout\.connect"):
        Timeouts(connect=None)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"timeout\.read"):
        Timeouts(read=None)  # type: ignore[arg-type]


def test_one_number_is_for_connecting_and_reading() -> None:
    """A number stands for both timeouts, and settings stand for themselves."""
    settings = Timeouts(1, 2, 3)
    assert Timeouts(connect=4.5, read=4.5, total=None) == Timeouts.of(4.5)
    assert settings is Timeouts.of(settings)


@pytest.mark.parametrize("value", [0, *NO_SECONDS])
def test_one_number_must_be_more_than_nothing(value: float) -> None:
    """A single timeout is checked like each of them."""
    with pytest.raises(ConfigurationError, match="timeout"):
        Timeouts.of(value)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("concurrency", 1, 1000),
        ("chunk_days", 1, 31),
        ("max_response_bytes", 1, None),
        ("spool_bytes", 0, None),
        ("slice_bytes", 1, None),
    ],
)
def test_each_limit_has_its_bounds(name: str, least: int, most: int | None) -> None:
    """The ends of a limit's span are accepted, what is beyond or no count is refused by name."""
    assert [least, most or 10**12] == [
        getattr(Limits(**{name: value}), name) for value in (least, most or 10**12)
    ]
    beyond = [least - 1, *NO_COUNTS, *([] if most is None else [most + 1])]
    for value in beyond:
        with pytest.raises(ConfigurationError, match=name):
            Limits(**{name: value})  # type: ignore[arg-type]


def test_a_whole_number_is_given_back() -> None:
    """A number inside its span comes back, both ends included."""
    assert [1, 2, 3] == [whole_number("n", value, 1, 3) for value in (1, 2, 3)]


def test_a_span_is_told() -> None:
    """A refusal tells the span and the value."""
    with pytest.raises(ConfigurationError, match="n must be a whole number from 1 to 3, not 4"):
        whole_number("n", 4, 1, 3)
    with pytest.raises(ConfigurationError, match="at least 1, not 0"):
        whole_number("n", 0, 1)


@pytest.mark.parametrize("settings", [RetryPolicy(), Timeouts(), Limits()])
def test_settings_are_frozen(settings: RetryPolicy | Timeouts | Limits) -> None:
    """No field of any settings can be changed."""
    for field in attrs.fields(type(settings)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(settings, field.name, 1)


def test_a_wait_beyond_a_float_is_refused() -> None:
    """A whole number that no float holds is refused like any other endless wait."""
    with pytest.raises(ConfigurationError, match="budget"):
        RetryPolicy(budget=10**400)


def test_who_never_waits_has_one_attempt_and_no_budget() -> None:
    """The policy of a job that must not sleep is an ordinary one, of its own class."""
    assert RetryPolicy.never_wait() == RetryPolicy(attempts=1, budget=0)
