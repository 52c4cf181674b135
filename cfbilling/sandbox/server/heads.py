"""Heads of responses: the status line and the header fields."""

from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus

from cfbilling.sandbox.rules.responses import Response
from cfbilling.sandbox.server.bodies import BODYLESS
from cfbilling.sandbox.server.compression import Encoding

__all__ = ["head_of"]

_HTML = "text/html; charset=UTF-8"


def head_of(
    response: Response,
    encoding: Encoding,
    length: int | None,
    *,
    now: datetime,
    keep_alive: bool,
) -> bytes:
    """Write the head of *response*.

    Args:
        response: The response.
        encoding: Encoding of its body.
        length: Length of its body; None if it is not known in advance.
        now: Wall time.
        keep_alive: Whether the connection stays open.
    """
    usual = {
        "Date": format_datetime(now.astimezone(UTC), usegmt=True),
        "Content-Type": "application/json" if response.page is None else _HTML,
        "Connection": "keep-alive" if keep_alive else "close",
        **({} if encoding == "identity" else {"Content-Encoding": encoding}),
        **_framing(response.status, length),
    }
    if response.retry_after is not None:
        usual["Retry-After"] = str(response.retry_after)
    replaced = {name.lower() for name, _ in response.headers}
    kept = (field for field in usual.items() if field[0].lower() not in replaced)
    # A list of pairs: a field may come in several lines.
    lines = "".join(f"{name}: {value}\r\n" for name, value in (*kept, *response.headers))
    return f"HTTP/1.1 {response.status} {_phrase(response.status)}\r\n{lines}\r\n".encode("latin-1")


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
