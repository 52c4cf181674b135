"""Bytes of a connection in, requests out."""

import asyncio
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import evolve

from cfbilling.sandbox.rules.requests import Headers, Request
from cfbilling.sandbox.server.body_reader import MalformedRequestError, read_body

__all__ = ["MalformedRequestError", "parse_head", "read_request"]

_END = b"\r\n\r\n"


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read the next request of a connection; None if the client has closed it.

    Raises:
        MalformedRequestError: What came is no HTTP request.
    """
    try:
        request = parse_head(await reader.readuntil(_END))
        return evolve(request, body=await read_body(reader, request.headers))
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise MalformedRequestError("the header fields are too long") from error


def parse_head(head: bytes) -> Request:
    """Parse a request line and its header fields.

    Raises:
        MalformedRequestError: They break the rules of HTTP/1.
    """
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    try:
        method, target, version = first.split(" ")
        fields = dict(_named(line) for line in lines)
    except ValueError as error:
        raise MalformedRequestError("not a request line or header field") from error
    if not version.startswith("HTTP/1."):
        raise MalformedRequestError("not HTTP/1")
    url = urlsplit(target)
    headers = Headers(fields)
    connection = headers.get("connection", "").lower()
    return Request(
        method=method,
        path=unquote(url.path),
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers=headers,
        keep_alive="keep-alive" in connection
        or (version != "HTTP/1.0" and "close" not in connection),
    )


def _named(line: str) -> tuple[str, str]:
    name, value = line.split(":", 1)
    return name, value.strip()
