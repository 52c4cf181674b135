"""A table that is printed row by row, and a file of figures to compare a later run with."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path

from benchmarks.harness.figures import Figure

__all__ = ["Table", "load", "save"]

_WIDTHS = (8, 58, 14, 9, 7)
_HUNDRED = 100


def _value(figure: Figure) -> str:
    digits = 0 if figure.value >= _HUNDRED else 2
    return f"{figure.value:,.{digits}f} {figure.unit}"


class Table:
    """Prints figures as they come.

    Args:
        earlier: Values of an earlier run, by key, to print ratios to.
    """

    def __init__(self, earlier: Mapping[str, float]) -> None:
        self._earlier = earlier
        self.figures: dict[str, Figure] = {}
        self._line("work", "figure", "measured", "aim", "")
        self._line(*("-" * width for width in _WIDTHS))

    def add(self, name: str, figure: Figure) -> None:
        """Print one figure of the benchmark *name*."""
        key = f"{name}: {figure.what}"
        self.figures[key] = figure
        aim = verdict = ""
        if figure.aim is not None:
            aim = f"{figure.aim.kind} {figure.aim.bound:g}"
            verdict = "met" if figure.aim.is_met(figure.value) else "MISSED"
        old = self._earlier.get(key)
        change = f"new/old {figure.value / old:.2f}" if old else ""
        self._line(name, figure.what, _value(figure), aim, verdict, change)

    def missed(self) -> list[str]:
        """Return the keys of the figures that missed their aim."""
        return [
            key
            for key, figure in self.figures.items()
            if figure.aim is not None and not figure.aim.is_met(figure.value)
        ]

    def _line(self, name: str, what: str, value: str, aim: str, *rest: str) -> None:
        cells = (name.ljust(_WIDTHS[0]), what.ljust(_WIDTHS[1]), value.rjust(_WIDTHS[2]))
        print("  ".join((*cells, aim.ljust(_WIDTHS[3]), *rest)).rstrip(), flush=True)


def save(path: Path, figures: Mapping[str, Figure], *, quick: bool) -> None:
    """Write figures for a later run to compare with."""
    saved = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "quick": quick,
        "figures": {key: {"value": f.value, "unit": f.unit} for key, f in figures.items()},
    }
    path.write_text(json.dumps(saved, indent=2, ensure_ascii=False) + "\n")


def load(path: Path, *, quick: bool) -> dict[str, float]:
    """Read the values that were saved, by key.

    Raises:
        ValueError: If they were measured with other sizes.
    """
    saved = json.loads(path.read_text())
    if saved["quick"] is not quick:
        option = "with" if saved["quick"] else "without"
        raise ValueError(f"its figures were measured {option} --quick")
    return {key: figure["value"] for key, figure in saved["figures"].items()}
