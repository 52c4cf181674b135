"""Text for a terminal: whatever the service sent, it moves no cursor and runs no escape."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Console

__all__ = ["plain", "plain_console", "plain_lines", "plain_number"]

_MOST_ZEROS = 400


def plain(text: str) -> str:
    """Return *text* with everything that is not printable replaced."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def plain_lines(data: bytes, encoding: str = "utf-8") -> bytes:
    """Return lines of UTF-8 with everything but their ends made `plain`.

    Args:
        data: The lines.
        encoding: The encoding to return them in; what that lacks is replaced.
    """
    lines = map(plain, data.decode("utf-8", "replace").split("\n"))
    return "\n".join(lines).encode(encoding, "replace")


def plain_console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """Return a console that shows each text as it is: no markup, no name of an emoji is obeyed."""
    return Console(stderr=stderr, soft_wrap=soft_wrap, highlight=False, markup=False, emoji=False)


def plain_number(value: Decimal) -> str:
    """Return the exact digits of *value*, without an exponent unless that would be very long."""
    text = str(value)
    if "E" in text and abs(value.adjusted()) < _MOST_ZEROS:
        return f"{value:f}"
    return text
