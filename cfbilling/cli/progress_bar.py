"""Progress on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import attrs
from rich.live import Live
from rich.text import Text

from cfbilling import Clock
from cfbilling.cli.plain_text import plain, plain_console
from cfbilling.cli.waiting import duration
from cfbilling.events import ChunkDone, Event, FieldMissing, QuotaPaused, StreamStarted
from cfbilling.progress import Progress

__all__ = ["Counted", "ProgressBar", "Verbosity", "event_line", "progress_shown"]

_BAR_WIDTH = 24
_LINE_EVERY = 5.0
_ACCOUNTS = "accounts"

Counted = Literal["accounts", "units"]


@attrs.frozen
class Verbosity:
    """How much to say.

    Attributes:
        quiet: Whether to say nothing but errors.
        verbose: Whether to show each event too.
    """

    quiet: bool = False
    verbose: bool = False


def event_line(event: Event) -> str:
    """Return an event as one line."""
    facts = attrs.asdict(event, recurse=False).items()
    shown = " ".join(f"{name}={value}" for name, value in facts if value is not None)
    return plain(f"{type(event).__name__} {shown}")


class ProgressBar:
    """An observer of the client that shows how far a job is.

    Args:
        verbosity: How much to say.
        accounts: The number of accounts of the job, if that is known.
        say: The function that shows a line.
        clock: The clock of the job.
        has_chunks: Whether each account's answer comes in chunks, which are worth counting.
        counted: What the accounts are; units of work end like accounts, but not all are fetched.

    Attributes:
        progress: The progress of the job.
        say: The function that shows a line.
    """

    def __init__(
        self,
        verbosity: Verbosity,
        accounts: int | None,
        say: Callable[[str], None],
        clock: Clock = Clock(),  # noqa: B008 - frozen
        *,
        has_chunks: bool = True,
        counted: Counted = "accounts",
    ) -> None:
        self.progress = Progress(accounts, clock)
        self.say = say
        self._accounts = accounts
        self._verbosity = verbosity
        self._has_chunks = has_chunks and counted == "accounts"
        self._counted = counted
        self._missing: set[tuple[str, str]] = set()

    def __call__(self, event: Event) -> None:
        """Take note of *event*."""
        # The list of accounts is no part of the job: it would count as an account's answer.
        is_list = isinstance(event, StreamStarted | ChunkDone) and event.endpoint == _ACCOUNTS
        if not is_list:
            self.progress(event)
        if self._verbosity.quiet:
            return
        if isinstance(event, QuotaPaused):
            self.say(f"the quota is used up: waiting {duration(event.seconds)}")
        elif self._verbosity.verbose or self._is_news(event):
            self.say(event_line(event))

    def _is_news(self, event: Event) -> bool:
        """Return whether a field is missing for the first time: every account says it anew."""
        if not isinstance(event, FieldMissing) or (event.endpoint, event.field) in self._missing:
            return False
        self._missing.add((event.endpoint, event.field))
        return True

    @property
    def accounts_ended(self) -> int:
        """How many accounts of several were delivered or given up."""
        return self.progress.accounts_done + self.progress.accounts_failed

    def line(self) -> str:
        """Return what is done, on one line."""
        seen = self.progress
        parts = [self._chunks() if self._has_chunks else f"{seen.requests} requests"]
        if self._accounts is None:
            parts.append(f"{seen.accounts_done} {self._counted}")
        elif self._accounts > 1 or self._counted == "units":
            parts.append(f"{seen.accounts_done} of {self._accounts} {self._counted}")
        if self._has_chunks or self._counted == "units":
            parts += [f"{seen.records:,} records", f"{seen.rate:,.0f}/s"]
        if seen.retries:
            parts.append(f"{seen.retries} retries")
        if seen.accounts_failed:
            parts.append(f"{seen.accounts_failed} failed")
        if seen.pause_left:
            parts.append(f"paused for the quota, {duration(seen.pause_left)} left")
        elif self._counted == "accounts" and seen.remaining:
            parts.append(f"{duration(seen.remaining)} left")
        return " · ".join(parts)

    def _chunks(self) -> str:
        chunks, total = self.progress.chunks, self.progress.total_chunks
        return f"{chunks} of {total} chunks" if total else f"{chunks} chunks"

    def _fraction(self) -> float:
        if self._has_chunks:
            return self.progress.fraction or 0.0
        return min(1.0, self.accounts_ended / (self._accounts or 1))

    def summary(self) -> str:
        """Return what was done in the end."""
        return f"{self.line()} · {self.progress.seconds:.1f} s"

    def __rich__(self) -> Text:
        fraction = self._fraction()
        full = round(fraction * _BAR_WIDTH)
        bar = Text("━" * full, "green") + Text("─" * (_BAR_WIDTH - full), "dim")
        return bar + Text(f" {fraction:4.0%} {self.line()}")


def _print_line(text: str) -> None:
    print(f"cfbilling: {text}", file=sys.stderr, flush=True)


async def _print_regularly(bar: ProgressBar) -> None:
    while True:
        await asyncio.sleep(_LINE_EVERY)
        _print_line(bar.line())


@asynccontextmanager
async def progress_shown(
    verbosity: Verbosity,
    accounts: int | None,
    *,
    prints_to_terminal: bool = False,
    has_chunks: bool = True,
    counted: Counted = "accounts",
) -> AsyncIterator[ProgressBar]:
    """Show how far a job is while the block runs.

    Args:
        verbosity: How much to say.
        accounts: The number of accounts of the job, if that is known.
        prints_to_terminal: Whether records are printed to the terminal, which a bar would spoil.
        has_chunks: Whether each account's answer comes in chunks, which are worth counting.
        counted: What the accounts are.
    """

    def made(say: Callable[[str], None]) -> ProgressBar:
        return ProgressBar(verbosity, accounts, say, has_chunks=has_chunks, counted=counted)

    if verbosity.quiet:
        yield made(_print_line)
    elif sys.stderr.isatty() and not prints_to_terminal:
        console = plain_console(stderr=True)
        bar = made(lambda text: console.print(f"cfbilling: {text}"))
        with Live(bar, console=console, redirect_stdout=False):
            yield bar
    else:
        bar = made(_print_line)
        lines = None if prints_to_terminal else asyncio.create_task(_print_regularly(bar))
        try:
            yield bar
        finally:
            if lines is not None:
                lines.cancel()
                with suppress(asyncio.CancelledError):
                    await lines
            _print_line(bar.summary())
