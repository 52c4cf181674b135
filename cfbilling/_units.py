"""Units in FOCUS's spelling: the same unit, in the words that the specification has for it.

Specification: https://focus.finops.org/focus-specification/ (attribute UnitFormat)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

__all__ = ["focus_unit"]

_NUMBERS: Mapping[str, Fraction] = MappingProxyType(
    {
        "half": Fraction(1, 2),
        "ten": Fraction(10),
        "hundred": Fraction(100),
        "thousand": Fraction(10**3),
        "million": Fraction(10**6),
        "billion": Fraction(10**9),
        "trillion": Fraction(10**12),
    }
)
_TIMES: Mapping[str, str] = MappingProxyType(
    {
        "s": "Second",
        "sec": "Second",
        "second": "Second",
        "min": "Minute",
        "minute": "Minute",
        "h": "Hour",
        "hr": "Hour",
        "hour": "Hour",
        "day": "Day",
        "month": "Month",
        "year": "Year",
    }
)
_MILLISECONDS = frozenset({"ms", "msec", "millisecond", "milliseconds"})
_COMPOSITE = re.compile(r"(?P<unit>[^-/]+)(?P<join>[-/])(?P<time>[A-Za-z]+)")
_MOST_DIGITS = 18
_MOST_NUMBERS = 8
_BIT = "b"


def focus_unit(text: str | None) -> str | None:
    """Return a unit as FOCUS spells it; what it has no rule for stays as it is.

    A number in words becomes digits (``Million Requests``: ``1000000 Requests``), a time gets its
    full name (``GB-s``: ``GB-Seconds``), and words begin with a capital. Blank text is no unit.
    """
    if text is None or not text.strip():
        return None
    count, words = _counted(text.split())
    unit = _spelled(" ".join(words))
    return unit if count is None else f"{count} {unit}"


def _counted(words: list[str]) -> tuple[int | None, list[str]]:
    """Split off a number in front, if it is whole and a unit follows."""
    product, index = Fraction(1), 0
    # More numbers in a row are none that anybody means.
    first = words[: _MOST_NUMBERS + 1]
    for index, word in enumerate(first):  # noqa: B007 - where it ended is what matters
        known = _NUMBERS.get(word.lower())
        if known is None and word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS:
            known = Fraction(int(word))
        if known is None:
            break
        product *= known
    else:
        return None, words
    is_number = index > 0 and product.denominator == 1
    return (product.numerator, words[index:]) if is_number else (None, words)


def _spelled(unit: str) -> str:
    match = _COMPOSITE.fullmatch(unit)
    if match is None:
        return _capitalised(unit)
    first, join, time = _capitalised(match["unit"]), match["join"], match["time"].lower()
    if join == "-" and time in _MILLISECONDS:
        # No time of FOCUS's, but a thing to be counted.
        return f"{first} Milliseconds"
    name = _TIMES.get(time) or _TIMES.get(time.removesuffix("s"))
    if name is None:
        return _capitalised(unit)
    return f"{first}-{name}s" if join == "-" else f"{first}/{name}"


def _capitalised(words: str) -> str:
    # A capital anywhere is a spelling of its own, such as vCPU.
    return " ".join(
        word.capitalize() if word.isascii() and word.islower() and word != _BIT else word
        for word in words.split(" ")
    )
