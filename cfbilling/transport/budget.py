"""What one request may spend waiting, whoever makes it wait."""

from __future__ import annotations

__all__ = ["Budget"]


class Budget:
    """The seconds that one request may still spend waiting.

    Args:
        seconds: The seconds that it begins with.

    Attributes:
        left: The seconds that are left; below 0 when a wait took longer than it was said to.
    """

    __slots__ = ("left",)

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def allows(self, seconds: float) -> bool:
        """Return whether a wait of so many seconds is within it."""
        return seconds <= self.left

    def spend(self, seconds: float) -> None:
        """Take a wait off it."""
        self.left -= seconds
