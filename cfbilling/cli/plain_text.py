"""Text for a terminal: whatever the service sent, it moves no cursor and runs no escape."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["plain", "plain_number"]

_MOST_ZEROS = 400


def plain(text: str) -> str:
    """Return *text* with everything that is not printable replaced."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def plain_number(value: Decimal) -> str:
    """Return the exact digits of *value*, without an exponent unless that would be very long."""
    text = str(value)
    if "E" in text and abs(value.adjusted()) < _MOST_ZEROS:
        return f"{value:f}"
    return text
