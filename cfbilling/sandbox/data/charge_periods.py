"""How the days and periods of billable usage (version 1) are written."""

from datetime import date
from typing import Literal

from attrs import frozen

from cfbilling.sandbox.data.days import ONE_DAY

__all__ = ["ChargePeriodEnd", "ChargePeriods"]

ChargePeriodEnd = Literal["exclusive", "inclusive"]


@frozen
class ChargePeriods:
    """The writing of every charge period of a sandbox.

    Attributes:
        end: Whether the end is the first moment after the day or the last second of it.
    """

    end: ChargePeriodEnd

    def texts(self, day: date, period: date) -> tuple[str, str, str]:
        """Write start and end of a charge period, and the start of its billing period."""
        last = f"{day}T23:59:59Z" if self.end == "inclusive" else f"{day + ONE_DAY}T00:00:00Z"
        return f'"{day}T00:00:00Z"', f'"{last}"', f'"{period}T00:00:00Z"'
