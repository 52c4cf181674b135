from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.cli.report.truth import QUARTER, SPAN
from tests.cli.shell import Shell


def test_the_picture_is_svg_with_each_days_cost(shell: Shell, account: str, tmp_path: Path) -> None:
    """The SVG file is well-formed, and has a bar for each cost of a product on a day."""
    target = tmp_path / "chart.svg"
    shell.run("report", account, *SPAN, "--svg", str(target))
    root = ET.parse(target).getroot()  # noqa: S314 - written by the command
    bars = root.findall(".//{*}g[@class='bar']")
    days: Counter[tuple[str, str]] = Counter()
    for wire in shell.sandbox.usage_query(account, *QUARTER, cost=True):
        if wire.get("BilledCost"):
            days[str(wire["ChargePeriodStart"]), str(wire.get("x_ProductFamilyName"))] += 1
    assert 0 < len(bars) <= len(days)
    assert all(re.match(r"2025-\d\d-\d\d · ", bar.findtext("{*}title") or "") for bar in bars)
    assert "script" not in target.read_text()
