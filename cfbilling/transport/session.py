"""The thin I/O adapter: the only file that knows aiohttp's client.

What crosses it is a URL with headers in, and status, headers and received bytes out. No redirect
is followed, since the headers are credentials; nothing is decompressed here.
"""

from __future__ import annotations

import asyncio
import netrc
import os
import socket
import ssl
from collections.abc import Awaitable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import aiohttp
from aiohttp.connector import Connection
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from cfbilling.errors import BillingError, ConfigurationError, TransportError
from cfbilling.options import Timeouts
from cfbilling.transport.within import Within

__all__ = ["Exchange", "HttpSession", "checked_base_url", "map_exception"]

_READ_BUFFER = 64 * 1024
_LONGEST_QUEUE = 600.0
"""Seconds that a request may wait for a connection in a pool that others use too."""

_CREDENTIAL_HEADERS = (
    "Authorization",
    "Cookie",
    "X-Auth-Email",
    "X-Auth-Key",
    "X-Auth-User-Service-Key",
)
_NETWORK_COOKIES = ("__cf", "_cf", "cf_")
"""How the cookies begin that the vendor's network sets with any answer; they are no credentials."""


def checked_base_url(base_url: str) -> str:
    """Return *base_url* without a slash at its end, if credentials may be sent there.

    Raises:
        ConfigurationError: If it is no absolute ``https`` URL; ``http`` is for loopback only.
    """
    try:
        url = URL(base_url.strip())
        host = url.host
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError("base_url is no URL") from None
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigurationError("base_url must be an absolute https URL")
    if url.user or url.password or url.query_string or url.fragment:
        raise ConfigurationError("base_url must have no user, password, query or fragment")
    if url.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError("base_url must be https: credentials do not travel in plain text")
    return str(url).rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _scrub(error: BaseException) -> None:
    """Take request headers and a proxy's password out of an exception of aiohttp's."""
    if isinstance(error, aiohttp.ClientResponseError):
        blank: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
        error.request_info = error.request_info._replace(headers=blank)
        error.history = ()
        error.args = ()
    elif isinstance(error, aiohttp.ClientConnectorError):
        key = getattr(error, "_conn_key", None)
        if key is not None:
            error._conn_key = key._replace(proxy=None, proxy_auth=None)  # noqa: SLF001 - nothing else has it
        error.args = ()


def map_exception(error: BaseException) -> BillingError | None:
    """Return our error for what aiohttp, its tracing hooks and the system raise.

    ``None`` for what is not about sending: our own errors, an end of the program or of its memory.
    Texts of theirs are not taken over: they can hold a proxy's password or a whole header.
    """
    if not isinstance(error, Exception) or isinstance(error, BillingError | MemoryError):
        return None
    _scrub(error)
    name = type(error).__name__
    match error:
        case aiohttp.InvalidURL():
            return ConfigurationError("the URL is not valid")
        case (
            aiohttp.ClientConnectorCertificateError()
            | aiohttp.ServerFingerprintMismatch()
            | ssl.SSLCertVerificationError()
        ):
            return TransportError("the server's certificate is not trusted", transient=False)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return TransportError(f"the TLS connection failed ({name})")
        case asyncio.TimeoutError():
            return TransportError(f"the network timed out ({name})")
        case aiohttp.ClientConnectorError():
            return TransportError(_unconnected(error))
        case aiohttp.ClientPayloadError():
            return TransportError("the body broke off or is corrupt")
        case aiohttp.ClientResponseError():
            return TransportError("the answer is not valid HTTP")
        case aiohttp.ClientError() | OSError():
            return TransportError(f"the connection failed ({name})")
        case _:
            return TransportError(f"the HTTP session cannot send this ({name})", transient=False)


def _unconnected(error: aiohttp.ClientConnectorError) -> str:
    """Return where no connection could be opened to, and why: a name and the system's words."""
    host, port = getattr(error, "host", None), getattr(error, "port", None)
    system = getattr(error, "os_error", None)
    reason = _system_reason(system) if isinstance(system, OSError) else type(error).__name__
    return (
        f"no connection: {reason}" if host is None else f"no connection to {host}:{port}: {reason}"
    )


def _system_reason(error: OSError) -> str:
    # By the number, which has a text of the system's own; a name that is not found has another.
    if isinstance(error, socket.gaierror):
        return error.strerror or "the name was not found"
    return type(error).__name__ if error.errno is None else os.strerror(error.errno)


def _raise_mapped(error: Exception) -> NoReturn:
    mapped = map_exception(error)
    if mapped is None:
        raise error
    mapped.__cause__ = error
    # The frames of aiohttp hold the request's headers, and error trackers send frames on.
    raise mapped.forget_frames() from error


class Exchange:
    """One request and its response; an async context manager that frees the connection."""

    def __init__(
        self, sending: Awaitable[aiohttp.ClientResponse], patience: float | None, silence: float
    ) -> None:
        self._sending = sending
        self._patience = patience
        self._silence = silence
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> Self:
        try:
            if self._patience is None:
                self._response = await self._sending
            else:
                async with Within(self._patience):
                    self._response = await self._sending
        except Exception as error:  # noqa: BLE001 - sorted out by the one mapping
            _raise_mapped(error)
        return self

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._opened.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The response's headers, looked up without regard to case."""
        return self._opened.headers

    @property
    def _opened(self) -> aiohttp.ClientResponse:
        if self._response is None:
            raise RuntimeError("the exchange was not entered")
        return self._response

    async def read(self) -> bytes:
        """Return the next bytes of the body as sent; empty at its end.

        Raises:
            TransportError: If the body breaks off, or nothing comes for too long.
        """
        content = self._opened.content
        try:
            # Only what is waited for needs a timer; of a small answer all has come with the head.
            if came := content.read_nowait(-1):
                return came
            if content.at_eof():
                return b""
            async with Within(self._silence):
                return await content.readany()
        except Exception as error:  # noqa: BLE001 - sorted out by the one mapping
            _raise_mapped(error)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A body read to its end has given the connection back already; any other cannot.
        self._opened.close()


def _asked_for(seconds: float) -> type[aiohttp.ClientResponse]:
    """Return a class of responses to the request that was sent, whose head comes in time.

    What comes late, or twice, on a connection that is idle would be read as the next answer.

    Args:
        seconds: The time for the head, from when the request begins to be sent.
    """

    class AskedFor(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            if connection.protocol is not None and connection.protocol.should_close:
                # As if it had been closed meanwhile, which is what it should have been.
                raise aiohttp.ServerDisconnectedError
            async with Within(seconds):
                return await super().start(connection)

    return AskedFor


def _has_netrc_entry(host: str) -> bool:
    """Return whether aiohttp would find credentials of its own for a host."""
    try:
        path = os.environ.get("NETRC") or Path.home() / ".netrc"
        return netrc.netrc(str(path)).authenticators(host) is not None
    except (OSError, RuntimeError, ValueError, netrc.NetrcParseError):
        return False


def _check_borrowed(session: aiohttp.ClientSession, url: URL) -> None:
    """Refuse a session whose own credentials would travel beside ours."""
    if getattr(session, "auth", None) is not None:
        raise ConfigurationError("session has a default auth: lend one without")
    for name in _CREDENTIAL_HEADERS:
        if name in session.headers:
            raise ConfigurationError(f"session has a default header {name}: lend one without")
    if session.trust_env and _has_netrc_entry(url.host or ""):
        raise ConfigurationError("session trusts a .netrc that knows base_url: lend one without")
    cookies = session.cookie_jar.filter_cookies(url)
    if not all(name.startswith(_NETWORK_COOKIES) for name in cookies):
        raise ConfigurationError("session has cookies for base_url: lend one without")


class HttpSession:
    """An aiohttp session, ours or borrowed; only ours is closed.

    Args:
        user_agent: The ``User-Agent`` header.
        timeouts: The limits of waiting for the network.
        connections: The most connections that a session of ours opens.
        borrowed: A session to use instead; it stays open.
        trace_configs: aiohttp's tracing hooks, for a session of ours.
    """

    def __init__(
        self,
        user_agent: str,
        timeouts: Timeouts,
        connections: int,
        borrowed: aiohttp.ClientSession | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
    ) -> None:
        self._user_agent = user_agent
        self._timeout = aiohttp.ClientTimeout(
            total=timeouts.total,
            # With the time for the name's resolution. In a pool that others use too, it would also
            # be the time until they have done.
            connect=timeouts.connect if borrowed is None else None,
            sock_connect=timeouts.connect,
            # In a session of ours there are timers of our own, for the head, too. aiohttp has one
            # for each piece that comes, which costs more, and none after an interim response (1xx).
            sock_read=None if borrowed is None else timeouts.read,
        )
        self._timeouts = timeouts
        self._patience: float | None = None
        self._connections = connections
        self._borrowed = borrowed
        self._trace_configs = list(trace_configs)
        self._session: aiohttp.ClientSession | None = borrowed

    def open(self, base_url: str) -> None:
        """Open a session of ours, or look at the one that was lent. Needs a running event loop.

        Raises:
            ConfigurationError: If the lent session sends credentials of its own to *base_url*.
        """
        if self._borrowed is not None:
            _check_borrowed(self._borrowed, URL(base_url))
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=self._trace_configs,
                response_class=_asked_for(self._timeouts.read),
                trust_env=False,
            )
        longest = self._timeouts.connect + self._timeouts.read
        if self._borrowed is not None:
            # Its connections may be in use by others, and its responses are none of ours.
            self._patience = longest + _LONGEST_QUEUE
        elif self._session.trace_configs:
            # Whatever hooks there are, they are waited for.
            self._patience = longest

    async def close(self) -> None:
        """Close the session if it is ours."""
        if self._session is not None and self._session is not self._borrowed:
            # It is let go of first: who is cancelled here must not keep one that is half closed.
            session, self._session = self._session, None
            await session.close()

    def send(
        self, url: str, headers: Mapping[str, str], method: str = "GET", body: bytes | None = None
    ) -> Exchange:
        """Prepare a request; entering what is returned sends it.

        Args:
            url: The URL, as it is to be sent.
            headers: The headers, our ``User-Agent`` aside.
            method: The HTTP method.
            body: The JSON that is sent, if anything is.

        Raises:
            TransportError: On entering, if no answer comes.
            ConfigurationError: If the session is closed.
        """
        if self._session is None or self._session.closed:
            raise ConfigurationError("the HTTP session is closed")
        own = {"User-Agent": self._user_agent}
        if body is not None:
            own["Content-Type"] = "application/json"
        return Exchange(
            self._session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers={**own, **headers},
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=False,
                read_bufsize=_READ_BUFFER,
                timeout=self._timeout,
            ),
            self._patience,
            self._timeouts.read,
        )
