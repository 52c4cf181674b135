"""Quantities and costs that are exact, deterministic and sometimes nasty to parse."""

from decimal import Context, Decimal

from cfbilling.sandbox.data.catalogue import Metric

__all__ = ["Amounts"]

_CENT = Decimal("0.01")
_DISCOUNT = Decimal("0.9")
# Of so many quantities so many are odd.
_CASES = 64
_ODD_CASES = 5


class Amounts:
    """Derives the numbers of a record from random bits."""

    def __init__(self) -> None:
        # The context of the calling thread may have any precision; the wire may not depend on it.
        self._context = Context(prec=40)

    def quantity(self, metric: Metric, bits: int) -> Decimal:
        """Return how much of *metric* was consumed; never negative."""
        case, bits = bits % _CASES, bits >> 6
        digits = metric.usual_digits
        if case < _ODD_CASES:
            return self._odd_quantity(case, digits, bits)
        size: int = 10 ** (digits + bits % 3 - 1)
        if metric.fractional:
            return self._shift(bits % (size * 1000), -3 - bits % 5)
        return Decimal(bits % size)

    def priced(self, metric: Metric, consumed: Decimal) -> Decimal:
        """Convert a consumed quantity to the unit that has a price."""
        if not metric.pricing_shift:
            return consumed
        return consumed.scaleb(metric.pricing_shift, self._context)

    def costs(
        self, metric: Metric, priced: Decimal, bits: int, *, free: bool
    ) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Return the list, contracted, effective and billed cost of a priced quantity."""
        at_list = self.times(priced, metric.price)
        contracted = at_list if bits & 1 else self.times(at_list, _DISCOUNT)
        if free:
            nothing = Decimal("0.00") if bits & 2 else Decimal(0)
            return at_list, contracted, Decimal(0), nothing
        cents = contracted.quantize(_CENT, context=self._context)
        # Adding nothing turns a negative zero, which no parser is obliged to keep, into zero.
        billed = self._context.plus(cents) if bits & 2 else contracted
        return at_list, contracted, contracted, billed

    def times(self, quantity: Decimal, factor: Decimal | int) -> Decimal:
        """Multiply without rounding, and never to a negative zero."""
        return self._context.plus(self._context.multiply(quantity, factor))

    def _odd_quantity(self, case: int, digits: int, bits: int) -> Decimal:
        match case:
            case 0:  # 22 digits
                return self._shift(bits % (9 * 10**21) + 10**21, digits - 22)
            case 1:  # written as 5E-7
                return self._shift(bits % 9 + 1, -7 - bits % 5)
            case 2:  # written as 0.10
                return self._shift((bits % 99 + 1) * 10, -2)
            case 3:  # written as 1.5E+6
                return self._shift(bits % 90 + 10, max(1, digits - 2))
            case _:
                return Decimal(0)

    def _shift(self, mantissa: int, exponent: int) -> Decimal:
        return Decimal(mantissa).scaleb(exponent, self._context)
