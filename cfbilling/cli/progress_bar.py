"""Progress on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import attrs
from rich.console import Console
from rich.live import Live
from rich.text import Text

from cfbilling.cli.plain_text import plain
from cfbilling.events import Event, FieldMissing, QuotaPaused
from cfbilling.progress import Progress

__all__ = ["Talk", "Watching", "duration", "told", "watching"]

_BAR_WIDTH = 24
_LINE_EVERY = 5.0


@attrs.frozen
class Talk:
    """How much to say.

    Attributes:
        quiet: Nothing but errors.
        verbose: Each event too.
    """

    quiet: bool = False
    verbose: bool = False


def duration(seconds: float) -> str:
    """Return seconds for people, such as ``2:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Watching:
    """Observes the client and tells how far it is."""

    def __init__(self, talk: Talk, accounts: int | None, say: Callable[[str], None]) -> None:
        self.progress = Progress(accounts)
        self._accounts = accounts
        self._talk = talk
        self._say = say

    def __call__(self, event: Event) -> None:
        """Take note of *event*."""
        self.progress(event)
        if self._talk.quiet:
            return
        if isinstance(event, QuotaPaused):
            self._say(f"the quota is used up: waiting {duration(event.seconds)}")
        elif self._talk.verbose or isinstance(event, FieldMissing):
            self._say(told(event))

    def line(self) -> str:
        """Return what is done, on one line."""
        seen = self.progress
        total = seen.total_chunks
        parts = [f"{seen.chunks} of {total} chunks" if total else f"{seen.chunks} chunks"]
        if (self._accounts or 0) > 1:
            parts.append(f"{seen.accounts_done} of {self._accounts} accounts")
        parts += [f"{seen.records:,} records", f"{seen.rate:,.0f}/s"]
        if seen.retries:
            parts.append(f"{seen.retries} retries")
        if seen.accounts_failed:
            parts.append(f"{seen.accounts_failed} failed")
        if seen.pause_left:
            parts.append(f"paused for the quota, {duration(seen.pause_left)} left")
        elif seen.remaining:
            parts.append(f"{duration(seen.remaining)} left")
        return " · ".join(parts)

    def summary(self) -> str:
        """Return what was done in the end."""
        return f"{self.line()} · {self.progress.seconds:.1f} s"

    def __rich__(self) -> Text:
        fraction = self.progress.fraction or 0.0
        full = round(fraction * _BAR_WIDTH)
        bar = Text("━" * full, "green") + Text("─" * (_BAR_WIDTH - full), "dim")
        return bar + Text(f" {fraction:4.0%} {self.line()}")


def told(event: Event) -> str:
    """Return an event as one line."""
    facts = attrs.asdict(event, recurse=False).items()
    shown = " ".join(f"{name}={value}" for name, value in facts if value is not None)
    return plain(f"{type(event).__name__} {shown}")


def _say_plainly(text: str) -> None:
    print(f"cfbilling: {text}", file=sys.stderr, flush=True)


async def _lines(watching: Watching) -> None:
    while True:
        await asyncio.sleep(_LINE_EVERY)
        _say_plainly(watching.line())


@asynccontextmanager
async def watching(
    talk: Talk, accounts: int | None, *, prints_to_terminal: bool = False
) -> AsyncIterator[Watching]:
    """Tell how far a job is while the block runs.

    Args:
        talk: How much to say.
        accounts: How many accounts the job has, if known.
        prints_to_terminal: Whether records are printed to the terminal, which a bar would spoil.
    """
    if talk.quiet:
        yield Watching(talk, accounts, _say_plainly)
    elif sys.stderr.isatty() and not prints_to_terminal:
        console = Console(stderr=True, highlight=False, markup=False)
        watch = Watching(talk, accounts, lambda text: console.print(f"cfbilling: {text}"))
        live = Live(watch, console=console, redirect_stdout=False)
        with live:
            yield watch
    else:
        watch = Watching(talk, accounts, _say_plainly)
        speaking = asyncio.create_task(_lines(watch)) if not prints_to_terminal else None
        try:
            yield watch
        finally:
            if speaking is not None:
                speaking.cancel()
                with suppress(asyncio.CancelledError):
                    await speaking
            _say_plainly(watch.summary())
