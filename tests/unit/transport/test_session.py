import asyncio
import socket
import ssl
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from cfbilling.errors import ConfigurationError, TransportError
from cfbilling.options import Timeouts
from cfbilling.transport.session import HttpSession, checked_base_url, map_exception

API = "https://api.example.com"
SECRET = "Hunter2"


def below(cls: type[BaseException]) -> Iterator[type[BaseException]]:
    """Yield a class and all classes below it that aiohttp or Python defines."""
    yield cls
    for child in cls.__subclasses__():
        if child.__module__.split(".")[0] in {"aiohttp", "builtins", "ssl", "socket", "asyncio"}:
            yield from below(child)


def request_info() -> aiohttp.RequestInfo:
    """Return a request whose headers are secret."""
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {SECRET}"}))
    url = URL("https://example.com/")
    return aiohttp.RequestInfo(url, "GET", headers, url)


def made(cls: type[BaseException]) -> BaseException:
    """Make an exception, past a constructor that wants a live connection."""
    error = cls.__new__(cls)
    if isinstance(error, aiohttp.ClientResponseError):
        error.request_info, error.history, error.status = request_info(), (), 400
        error.message, error.headers = "bad", None
    return error


FOREIGN = sorted(
    {*below(aiohttp.ClientError), *below(OSError), *below(ssl.SSLError)},
    key=lambda cls: (cls.__module__, cls.__qualname__),
)
UNTRUSTED = (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)


@pytest.mark.parametrize("cls", FOREIGN)
def test_every_foreign_exception_is_mapped(cls: type[BaseException]) -> None:
    """What aiohttp, TLS and the system raise is ours, and transient unless trust lacks."""
    mapped = map_exception(made(cls))
    if issubclass(cls, aiohttp.InvalidURL):
        assert type(mapped) is ConfigurationError
    else:
        assert isinstance(mapped, TransportError)
        lasting = issubclass(cls, (*UNTRUSTED, ssl.SSLCertVerificationError))
        assert (not lasting) is mapped.transient


def test_the_list_is_not_empty() -> None:
    """The classes that are mapped include the well-known ones."""
    known = {
        aiohttp.ClientPayloadError,
        aiohttp.ServerDisconnectedError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ClientConnectorDNSError,
        asyncio.TimeoutError,
        ConnectionResetError,
        socket.gaierror,
        ssl.SSLError,
    }
    assert known <= set(FOREIGN)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "timed out"),
        (aiohttp.ServerTimeoutError(), "timed out"),
        (aiohttp.ClientPayloadError(SECRET), "body broke off"),
        (ssl.SSLError(SECRET), "TLS"),
        (ConnectionResetError(SECRET), "connection failed"),
        (aiohttp.ServerDisconnectedError(SECRET), "connection failed"),
        (aiohttp.InvalidURL(f"https://{SECRET}@x"), "URL"),
    ],
)
def test_a_mapped_error_says_what_happened(error: BaseException, words: str) -> None:
    """The message is ours: it tells the kind of failure and nothing of the other's text."""
    mapped = map_exception(error)
    assert mapped is not None
    assert words in str(mapped)
    assert SECRET not in str(mapped) + repr(mapped)


@pytest.mark.parametrize("error", [TypeError(SECRET), ValueError(SECRET), KeyError(SECRET)])
def test_what_hooks_and_sessions_raise_is_mapped_and_lasts(error: Exception) -> None:
    """Whatever else sending raises is ours as well, and no other attempt is made."""
    mapped = map_exception(error)
    assert isinstance(mapped, TransportError)
    assert (False, False) == (mapped.transient, SECRET in str(mapped))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        TransportError("ours"),
    ],
)
def test_what_is_not_theirs_is_left_alone(error: BaseException) -> None:
    """Cancellation, an end of the program and our own errors are not mapped."""
    assert map_exception(error) is None


@pytest.mark.parametrize(
    "cls",
    [
        cls
        for cls in FOREIGN
        if issubclass(cls, aiohttp.ClientResponseError) and cls is not aiohttp.ContentTypeError
    ],
)
def test_no_credential_stays_in_a_response_error(cls: type[aiohttp.ClientResponseError]) -> None:
    """After mapping, no text form, attribute or traceback of the cause has the credentials."""
    error = cls(request_info(), (), status=400, message="bad", headers=CIMultiDict())
    assert SECRET in repr(error.request_info)
    mapped = map_exception(error)
    assert mapped is not None
    mapped.__cause__ = error
    forms = [repr(error), str(error), repr(vars(error)), repr(error.args), repr(mapped)]
    forms += traceback.format_exception(mapped)
    assert [] == [form for form in forms if SECRET in form]


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
def test_no_password_of_a_proxy_stays_in_a_connection_error() -> None:
    """After mapping, no text form of a failed connection has the proxy's password."""
    facts = {
        "host": "example.com",
        "port": 443,
        "is_ssl": True,
        "ssl": True,
        "proxy": URL("http://proxy:3128"),
        "proxy_auth": aiohttp.BasicAuth("user", SECRET),
        "proxy_headers_hash": None,
        "server_hostname": None,
    }
    # Older releases of aiohttp have fewer of them.
    key = ConnectionKey(*(facts[name] for name in ConnectionKey._fields))  # type: ignore[arg-type]  # by name
    error = aiohttp.ClientProxyConnectionError(key, OSError(111, "refused"))
    assert map_exception(error) is not None
    assert SECRET not in repr(error)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.example.com/client/v4", "https://api.example.com/client/v4"),
        ("https://api.example.com/client/v4/", "https://api.example.com/client/v4"),
        (" https://api.example.com/v4// \n", "https://api.example.com/v4"),
        ("HTTPS://api.example.com", "https://api.example.com"),
        ("https://api.example.com:8443/v4", "https://api.example.com:8443/v4"),
        ("http://127.0.0.1:8080/v4", "http://127.0.0.1:8080/v4"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:80/v4", "http://[::1]/v4"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://LOCALHOST:1", "http://localhost:1"),
    ],
)
def test_a_base_url_comes_out_clean(base_url: str, expected: str) -> None:
    """An https URL, or an http one of loopback, is accepted without a slash at its end."""
    assert expected == checked_base_url(base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.example.com",
        "/client/v4",
        "//api.example.com",
        "https://",
        "https:///v4",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "http://api.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[::]",
        "http://2130706433",
        f"https://user:{SECRET}@api.example.com",
        f"https://{SECRET}@api.example.com",
        f"http://127.0.0.1:80@{SECRET}.example.com",
        "https://api.example.com?a=1",
        "https://api.example.com#a",
        "https://api.example.com:99999",
        "https://api.example.com:x",
        None,
        7,
        b"https://api.example.com",
    ],
)
def test_where_credentials_must_not_go_is_refused(base_url: str) -> None:
    """Any other base URL is a configuration error, and it is not shown."""
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        checked_base_url(base_url)
    assert SECRET not in str(caught.value)


async def test_a_borrowed_session_stays_open() -> None:
    """Closing leaves a session alone that was lent."""
    async with aiohttp.ClientSession() as lent:
        session = HttpSession("test", Timeouts(), 1, borrowed=lent)
        session.open(API)
        await session.close()
        assert lent.closed is False


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"auth": ("a", SECRET)}, "auth"),
        ({"headers": {"authorization": SECRET}}, "Authorization"),
        ({"headers": {"x-auth-key": SECRET}}, "X-Auth-Key"),
        ({"headers": {"Cookie": SECRET}}, "Cookie"),
        ({"cookies": {"session": SECRET}}, "cookies"),
    ],
)
async def test_a_session_with_credentials_of_its_own_is_refused(
    settings: dict[str, Any], named: str
) -> None:
    """What a lent session would send beside our credential is named, and not shown."""
    with warnings.catch_warnings():
        # Newer releases of aiohttp announce the end of default auth.
        warnings.simplefilter("ignore", DeprecationWarning)
        if "auth" in settings:
            settings = {"auth": aiohttp.BasicAuth(*settings["auth"])}
        lending = aiohttp.ClientSession(**settings)
    async with lending as lent:
        with pytest.raises(ConfigurationError, match=named) as caught:
            HttpSession("test", Timeouts(), 1, borrowed=lent).open(API)
    assert SECRET not in str(caught.value)


async def test_the_cookies_of_the_vendor_s_network_are_no_credentials() -> None:
    """A session that the service has answered before may be lent again."""
    async with aiohttp.ClientSession(cookies={"__cf_bm": "x", "_cfuvid": "y"}) as lent:
        HttpSession("test", Timeouts(), 1, borrowed=lent).open(API)


async def test_a_session_that_is_not_open_says_so() -> None:
    """Before opening and after closing, a request is a configuration error."""
    session = HttpSession("test", Timeouts(), 1)
    with pytest.raises(ConfigurationError, match="closed"):
        session.send("https://example.com", {})
    session.open(API)
    await session.close()
    await session.close()
    with pytest.raises(ConfigurationError, match="closed"):
        session.send("https://example.com", {})


async def test_a_session_whose_closing_was_cancelled_can_be_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever its closing stopped, what is opened next is open."""
    close = aiohttp.TCPConnector.close

    async def cancelled(connector: aiohttp.TCPConnector) -> None:
        await close(connector)
        raise asyncio.CancelledError

    session = HttpSession("test", Timeouts(), 1)
    session.open(API)
    with monkeypatch.context() as patch:
        patch.setattr(aiohttp.TCPConnector, "close", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await session.close()
    session.open(API)
    session.send(API, {})._sending.close()  # type: ignore[attr-defined]  # never sent
    await session.close()
