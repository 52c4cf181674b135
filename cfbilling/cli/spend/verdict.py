"""Whether accounts have spent more than they may, and what of that is not known."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from decimal import Decimal

import attrs

from cfbilling import AccountFailure
from cfbilling.cli.account_list import AccountList
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import print_error
from cfbilling.cli.exit_codes import OK, OVER, SOME_FAILED
from cfbilling.cli.plain_text import plain_number
from cfbilling.cli.query import Batch
from cfbilling.cli.report.sums import exact_sum
from cfbilling.cli.spend.line import SpendLine
from cfbilling.events import Observer

__all__ = ["JudgedList", "Verdict"]


@attrs.define
class Verdict:
    """Names on standard error what is over, what is not known and what is not compared.

    Attributes:
        has_limits: Whether there are limits to be over.
        is_quiet: Whether to say no more than that.
        is_over: Whether any account is over a limit.
        is_unknown: Whether that is not known of any account.
    """

    has_limits: bool
    is_quiet: bool
    is_over: bool = False
    is_unknown: bool = False

    def judge(self, line: SpendLine) -> None:
        """Take note of a line."""
        if line.is_over:
            self.is_over = True
            _tell(line, f"over {_number(line.limit)}: {_spent(line)}")
        elif line.limit is not None and line.is_over is None:
            self.is_unknown = True
            _tell(line, f"not known to be within {_number(line.limit)}: {_spent(line)}")
        elif line.limit is None and line.total_cost != 0 and self.has_limits:
            # What has no price or no currency may be in one that has a limit.
            self.is_unknown |= line.total_cost is None or line.currency is None
            _tell(line, f"compared with no --over: {_spent(line)}")

    def remark(self, line: SpendLine) -> None:
        """Say what is in no sum of an account, whichever line of it this is."""
        if self.is_quiet:
            return
        for unpriced, count, what in (
            (line.records_without_cost, line.records, "rows of usage have no cost"),
            (line.fees_without_price, line.fees, "fees have no price"),
        ):
            if unpriced:
                _tell(line, f"{unpriced:,} of {count:,} {what}, and are in no sum")

    def exit_code(self, code: int) -> int:
        """Return the exit code of a run that would end with *code* otherwise.

        What is over is over, whatever else has failed.
        """
        if self.is_over:
            return OVER
        return SOME_FAILED if code == OK and self.is_unknown else code


@attrs.frozen
class JudgedList(AccountList):
    """What each account has spent: a `Question` whose answers are judged on their way.

    Attributes:
        verdict: What judges.
    """

    verdict: Verdict

    async def batches(
        self, connection: Connection, observer: Observer
    ) -> AsyncGenerator[Batch, None]:
        """Yield the lines of each account in order, or that it failed."""
        async with aclosing(AccountList.batches(self, connection, observer)) as batches:
            async for batch in batches:
                if not isinstance(batch, AccountFailure):
                    lines = [line for line in batch[1] if isinstance(line, SpendLine)]
                    for line in lines[:1]:
                        self.verdict.remark(line)
                    for line in lines:
                        self.verdict.judge(line)
                yield batch


def _tell(line: SpendLine, what: str) -> None:
    print_error(f"{line.account_id}: {what}")


def _number(amount: Decimal | None) -> str:
    return "" if amount is None else plain_number(amount)


def _spent(line: SpendLine) -> str:
    parts = (line.metered_cost, line.fixed_cost)
    known = plain_number(exact_sum(part for part in parts if part is not None))
    unknown = " and what has no price" if line.total_cost is None else ""
    return f"{known} {line.currency or 'of no currency'}{unknown}"
