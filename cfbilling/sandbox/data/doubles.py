"""Binary floats as JavaScript and Go write them: the fewest digits that give them back."""

from decimal import Decimal

__all__ = ["double_text"]

_SMALLEST_PLAIN = 1e-6
_LARGEST_PLAIN = 1e21


def double_text(number: float) -> str:
    """Write *number* without an exponent unless it is very small or very large."""
    shortest = repr(number)
    if not number:
        return "0"
    if _SMALLEST_PLAIN <= abs(number) < _LARGEST_PLAIN:
        text = format(Decimal(shortest), "f")
        return text.rstrip("0").removesuffix(".") if "." in text else text
    mantissa, _, exponent = shortest.partition("e")
    return f"{mantissa}e{int(exponent):+d}"
