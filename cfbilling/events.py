"""What happens, as frozen facts for an observer; logging is the observer by default.

No event holds anything secret or personal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

import attrs

from cfbilling.chunk import DateChunk
from cfbilling.errors import BillingError, printable

__all__ = [
    "AccountDone",
    "AccountFailed",
    "ChargesAmbiguous",
    "ChunkDone",
    "ChunkNarrowed",
    "ChunkReceived",
    "EndDateLearned",
    "Event",
    "FieldMissing",
    "LoggingObserver",
    "Observer",
    "Observers",
    "QuotaPaused",
    "RequestEvent",
    "RequestSent",
    "RetryScheduled",
    "SourceChanged",
    "StreamStarted",
]


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        level: The level that it is logged at: its importance.
    """

    level: ClassVar[int] = logging.DEBUG


@attrs.frozen(kw_only=True)
class RequestEvent(Event):
    """Something that happened to what was asked for.

    Attributes:
        endpoint: The name of the endpoint.
        scope_id: The account or organization; ``None`` where the credential says whose it is.
        chunk: The date range that it is about; ``None`` when that is left to the service.
    """

    endpoint: str
    scope_id: str | None
    chunk: DateChunk | None


@attrs.frozen(kw_only=True)
class StreamStarted(RequestEvent):
    """A stream began to fetch; its ``chunk`` is the whole range.

    Attributes:
        chunks: The number of chunks that it plans to ask for.
    """

    chunks: int


@attrs.frozen(kw_only=True)
class RequestSent(RequestEvent):
    """A request goes out.

    Attributes:
        attempt: 1 for the first time.
    """

    attempt: int


@attrs.frozen(kw_only=True)
class RetryScheduled(RequestEvent):
    """An attempt failed, and another follows.

    Attributes:
        attempt: The number of the attempt that failed.
        wait: Seconds until the next.
        asked: Whether the service asked for that wait.
        error: Why the attempt failed.
    """

    level: ClassVar[int] = logging.WARNING

    attempt: int
    wait: float
    asked: bool
    error: BillingError


@attrs.frozen(kw_only=True)
class ChunkReceived(RequestEvent):
    """A chunk arrived whole and is verified.

    Attributes:
        wire_bytes: Length of its body as sent.
        body_bytes: Length of its body after decompression.
        seconds: From sending the request to the body's end.
    """

    wire_bytes: int
    body_bytes: int
    seconds: float


@attrs.frozen(kw_only=True)
class ChunkNarrowed(RequestEvent):
    """The service refused a full-width chunk as too long; narrower ones come now.

    Attributes:
        max_days: The longest chunk from now on, in days.
    """

    level: ClassVar[int] = logging.INFO

    max_days: int


@attrs.frozen(kw_only=True)
class ChunkDone(RequestEvent):
    """A chunk's last record was delivered.

    Attributes:
        records: The number of records that it delivered.
        outside: The number of records that it dropped because a neighbouring chunk owns them.
        longest_slice: The longest time that decoding one slice took, in seconds.
    """

    records: int
    outside: int
    longest_slice: float


@attrs.frozen(kw_only=True)
class FieldMissing(RequestEvent):
    """A required field was absent or null: said once per stream and field.

    Attributes:
        field: Its name on the wire.
    """

    level: ClassVar[int] = logging.INFO

    field: str


@attrs.frozen(kw_only=True)
class EndDateLearned(RequestEvent):
    """An answer showed how the service reads ``to`` of a billing cycle; the client keeps to it.

    Attributes:
        is_inclusive: Whether it is the last day inside, not the first outside.
    """

    level: ClassVar[int] = logging.INFO

    is_inclusive: bool


@attrs.frozen(kw_only=True)
class ChargesAmbiguous(RequestEvent):
    """Rows of equal content may be the same charge or two of them: each is kept as often as seen.

    It takes an account with several subscriptions whose cycles begin on different days, and rows
    that do not name theirs.

    Attributes:
        records: The number of different rows that it is about.
    """

    level: ClassVar[int] = logging.WARNING

    records: int


@attrs.frozen(kw_only=True)
class SourceChanged(RequestEvent):
    """One version of the API does not let the account in, so its costs come from another.

    Attributes:
        source: The endpoint that is asked instead.
        error: The refusal.
    """

    level: ClassVar[int] = logging.INFO

    source: str
    error: BillingError


@attrs.frozen(kw_only=True)
class QuotaPaused(Event):
    """Everything under one credential waits, because its quota is used up: said once per pause.

    Short waits that follow each other, as a bucket is refilled, are told together now and then.

    Attributes:
        seconds: The length of the wait, with those that were not told before it.
    """

    level: ClassVar[int] = logging.WARNING

    seconds: float


@attrs.frozen(kw_only=True)
class AccountDone(Event):
    """A fan-out has delivered the last record of an account.

    Attributes:
        account_id: The account.
    """

    account_id: str


@attrs.frozen(kw_only=True)
class AccountFailed(Event):
    """A fan-out has given up an account.

    Attributes:
        account_id: The account.
        error: Why.
    """

    level: ClassVar[int] = logging.WARNING

    account_id: str
    error: BillingError


Observer = Callable[[Event], None]
"""Gets each event as it happens, on the event loop: it must not block."""


class LoggingObserver:
    """Writes each event to the logger ``cfbilling.events``, at the event's level.

    Retries, pauses and failed accounts are warnings, what changes the plan and missing fields are
    info (a fan-out says them once for each account), the rest is debug. What the service says is
    escaped, so that none of it can pass for a line of the log.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger("cfbilling.events")

    def __call__(self, event: Event) -> None:
        """Log *event*."""
        if self._logger.isEnabledFor(event.level):
            facts = attrs.asdict(event, recurse=False)
            told = " ".join(f"{name}={printable(str(value))}" for name, value in facts.items())
            self._logger.log(event.level, "%s %s", type(event).__name__, told)


class Observers:
    """Passes each event to several observers; one that fails is logged and disturbs nothing."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def __call__(self, event: Event) -> None:
        """Tell every observer."""
        for observer in self._observers:
            try:
                observer(event)
            except Exception:
                logger = logging.getLogger("cfbilling")
                logger.exception("the observer failed on %s", type(event).__name__)
