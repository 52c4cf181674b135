from __future__ import annotations

from datetime import date

import pytest

from cfbilling.cli.date_range import date_range_of

TODAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, "2025-01", None), (date(2025, 1, 1), date(2025, 2, 1))),
        ((None, None, "2024-12", None), (date(2024, 12, 1), date(2025, 1, 1))),
        ((None, None, None, "1d"), (date(2026, 3, 10), date(2026, 3, 11))),
        ((None, None, None, "2w"), (date(2026, 2, 25), date(2026, 3, 11))),
        (("2025-01-01", None, None, None), ("2025-01-01", None)),
        ((None, None, None, None), (None, None)),
    ],
)
def test_ranges(
    given: tuple[str | None, str | None, str | None, str | None], expected: tuple[object, object]
) -> None:
    """Each way to name days gives the half-open range that it says."""
    found = date_range_of(*given, TODAY)
    assert expected == (found.start, found.end)
