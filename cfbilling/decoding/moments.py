"""Times of the wire: RFC 3339 text to aware datetimes, exactly, and each text only once."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

import msgspec

__all__ = ["LAST_MICROSECOND", "AwareDatetime", "Moments", "moment"]

AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]
"""What msgspec calls an RFC 3339 date-time that must have an offset."""

LAST_MICROSECOND = ":59:59.999999"
"""What the text of a time holds that msgspec might round up into the next hour."""

_LAST_SECONDS = ":59:"
_TOO_FINE = re.compile(rf"({re.escape(LAST_MICROSECOND)})\d+")
_LEAP_SECOND = re.compile(r"(?<=:59:)60(\.\d+)?(?=[Zz+-])")
_MOST_TEXTS = 1000
_LONGEST_TEXT = 64
"""A fraction may have any number of digits, and is not to be held for as long as the client."""


def moment(text: str) -> datetime:
    """Return what a text says, to the microsecond.

    No fraction is rounded up into the next day, and a leap second (RFC 3339) is the last
    microsecond of its day, since `datetime` has none.

    Raises:
        msgspec.ValidationError: If it is no date-time with an offset.
    """
    if _LAST_SECONDS in text:
        text = _LEAP_SECOND.sub("59.999999", _TOO_FINE.sub(r"\1", text, 1), 1)
    return msgspec.convert(text, AwareDatetime)


class Moments:
    """What the texts of times say: a body has few of them, each many times over.

    Attributes:
        known: Those that were read, by text; where there is no text, there is no moment.
    """

    def __init__(self) -> None:
        self.known: dict[str | None, datetime | None] = {None: None}

    def read(self, text: str) -> datetime:
        """Return what a text says that is not known yet.

        Raises:
            msgspec.ValidationError: If it is no date-time with an offset.
        """
        said = moment(text)
        if len(text) > _LONGEST_TEXT:
            return said
        if len(self.known) > _MOST_TEXTS:
            self.known.clear()
            self.known[None] = None
        self.known[text] = said
        return said
