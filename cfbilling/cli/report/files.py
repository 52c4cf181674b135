"""The report as files: a page, and a picture of its charts."""

from __future__ import annotations

from cfbilling.cli.output import write_whole
from cfbilling.cli.report.chart import chart_of
from cfbilling.cli.report.facts import Report
from cfbilling.cli.report.page import page
from cfbilling.cli.report.picture import picture

__all__ = ["write_files"]


async def write_files(html: str | None, svg: str | None, report: Report) -> None:
    """Write the page, the picture or both, each all or nothing.

    Args:
        html: The path of the page, if there is to be one.
        svg: The path of the picture, if there is to be one.
        report: The facts of the report.

    Raises:
        CommandError: If a file cannot be opened.
        OSError: If a file cannot be written.
    """
    charts = [
        chart_of(part.currency, part.daily, report.span)
        for part in report.breakdowns
        if part.currency is not None and part.daily
    ]
    if html:
        await write_whole(html, page(report, charts))
    if svg:
        await write_whole(svg, picture(charts, is_complete=report.is_complete))
