"""Heads of responses: the status line and the header fields."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

from attrs import frozen

from cfbilling.sandbox.rules.responses import Response
from cfbilling.sandbox.server.bodies import BODYLESS
from cfbilling.sandbox.server.compression import Encoding

__all__ = ["Heads", "interim_head"]

_HTML = "text/html; charset=UTF-8"


@frozen
class Heads:
    """How every head of a sandbox is made.

    Attributes:
        now: Function that returns the wall time.
        skew: Time by which the dates in the fields are ahead of that.
        retry_after_dates: Whether ``Retry-After`` is an HTTP date instead of seconds.
    """

    now: Callable[[], datetime]
    skew: timedelta
    retry_after_dates: bool

    def head_of(
        self, response: Response, encoding: Encoding, length: int | None, *, keep_alive: bool
    ) -> bytes:
        """Return the head of *response*.

        Args:
            response: The response.
            encoding: Encoding of its body.
            length: Length of its body; None if it is not known in advance.
            keep_alive: Whether the connection stays open.
        """
        now = self.now().astimezone(UTC) + self.skew
        usual = {
            "Date": format_datetime(now, usegmt=True),
            "Content-Type": "application/json" if response.page is None else _HTML,
            "Connection": "keep-alive" if keep_alive else "close",
            **({} if encoding == "identity" else {"Content-Encoding": encoding}),
            **_framing(response.status, length),
            **self._retry_after(response.retry_after, now),
        }
        replaced = {name.lower() for name, _ in response.headers}
        kept = (field for field in usual.items() if field[0].lower() not in replaced)
        # A list of pairs: a field may come in several lines.
        lines = "".join(f"{name}: {value}\r\n" for name, value in (*kept, *response.headers))
        first = f"HTTP/1.1 {response.status} {_phrase(response.status)}\r\n"
        return f"{first}{lines}\r\n".encode("latin-1")

    def _retry_after(self, retry_after: int | str | None, now: datetime) -> dict[str, str]:
        if retry_after is None:
            return {}
        if self.retry_after_dates and isinstance(retry_after, int):
            retry_after = format_datetime(now + timedelta(seconds=retry_after), usegmt=True)
        return {"Retry-After": str(retry_after)}


def interim_head(status: int) -> bytes:
    """Return an interim response, which is a head and nothing else."""
    link = "Link: </style.css>; rel=preload\r\n" if status == HTTPStatus.EARLY_HINTS else ""
    return f"HTTP/1.1 {status} {_phrase(status)}\r\n{link}\r\n".encode("latin-1")


def _framing(status: int, length: int | None) -> dict[str, str]:
    if status in BODYLESS:
        return {}
    if length is None:
        return {"Transfer-Encoding": "chunked"}
    return {"Content-Length": str(length)}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
