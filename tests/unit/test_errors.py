import copy
import pickle
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from cfbilling import errors
from cfbilling.chunk import DateChunk
from cfbilling.errors import (
    ApiError,
    AuthenticationError,
    BillingError,
    ConfigurationError,
    DecodeError,
    ErrorDetail,
    FanOutError,
    InvalidRequest,
    NotCovered,
    NotFound,
    NumberOutOfRange,
    PermissionDenied,
    RateLimited,
    ResponseTooLarge,
    ServerError,
    StoreError,
    TransportError,
)

PARENTS: dict[type[BaseException], type[BaseException]] = {
    BillingError: Exception,
    ConfigurationError: BillingError,
    TransportError: BillingError,
    DecodeError: BillingError,
    ResponseTooLarge: BillingError,
    NumberOutOfRange: BillingError,
    StoreError: BillingError,
    ApiError: BillingError,
    InvalidRequest: ApiError,
    AuthenticationError: ApiError,
    PermissionDenied: ApiError,
    NotFound: ApiError,
    NotCovered: ApiError,
    RateLimited: ApiError,
    ServerError: ApiError,
    FanOutError: BillingError,
}
CLASSES = [
    BillingError,
    ConfigurationError,
    TransportError,
    DecodeError,
    ResponseTooLarge,
    NumberOutOfRange,
    StoreError,
    ApiError,
    InvalidRequest,
    AuthenticationError,
    PermissionDenied,
    NotFound,
    NotCovered,
    RateLimited,
    ServerError,
]
CHUNK = DateChunk(date(2025, 1, 1), date(2025, 2, 1))
DETAILS = (
    ErrorDetail("first", 1183, "https://example.com/1183", "/from"),
    ErrorDetail("second"),
    ErrorDetail("third", 7),
)


def full(error: BillingError) -> BillingError:
    """Fill in every fact."""
    error.errors, error.retry_after, error.attempts = DETAILS, 1.5, 3
    return error.during(endpoint="usage", scope_id="0" * 32, chunk=CHUNK).answered(429, "ray-1")


def test_the_tree_is_the_documented_one() -> None:
    """Each class has its documented parent, and there is no other class."""
    assert PARENTS == {cls: cls.__bases__[0] for cls in PARENTS}
    found = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, BaseException)
    }
    assert set(PARENTS) == found


def test_a_wrong_argument_is_a_value_error() -> None:
    """Who knows nothing of this package can catch a bad argument as a ValueError."""
    assert issubclass(ConfigurationError, ValueError)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_has_every_fact(cls: type[BillingError]) -> None:
    """All facts are attributes of every error, and empty until they are known."""
    error = cls("boom")
    found = (
        error.message,
        error.status,
        error.errors,
        error.ray_id,
        error.endpoint,
        error.scope_id,
        error.chunk,
        error.retry_after,
        error.attempts,
        error.codes,
    )
    assert ("boom", None, (), None, None, None, None, None, None, ()) == found


@pytest.mark.parametrize("cls", CLASSES)
def test_facts_can_be_added(cls: type[BillingError]) -> None:
    """What a higher layer knows is added to the same error."""
    error = cls("boom")
    assert error is full(error)
    found = (error.status, error.ray_id, error.endpoint, error.scope_id, error.chunk)
    assert (429, "ray-1", "usage", "0" * 32, CHUNK) == found
    assert error.codes == (1183, 7)


@pytest.mark.parametrize("cls", CLASSES)
def test_text_tells_what_is_known(cls: type[BillingError]) -> None:
    """An error's text is its message, followed by all facts that are known."""
    assert str(cls("boom")) == "boom"
    expected = (
        "boom (status 429, endpoint usage, scope 00000000000000000000000000000000, "
        "chunk [2025-01-01, 2025-02-01), retry after (s) 1.5, attempts 3, ray ray-1)"
    )
    assert expected == str(full(cls("boom")))


@pytest.mark.parametrize("make", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])  # noqa: S301
@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_survives_copying(cls: type[BillingError], make: Callable[[Any], Any]) -> None:
    """A pickled or copied error is of the same class and has the same facts and text."""
    error = full(cls("boom"))
    again = make(error)
    assert cls is type(again)
    assert vars(error) == vars(again)
    assert (str(error), error.args) == (str(again), again.args)


def test_a_decode_error_survives_pickling_with_its_path() -> None:
    """The place of a wrong value is not lost by pickling."""
    error = DecodeError("expected text", "result[3].ConsumedUnit", status=200)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    expected = ("expected text", "result[3].ConsumedUnit", 200, str(error))
    assert expected == (again.problem, again.path, again.status, str(again))


def test_a_decode_error_tells_what_and_where() -> None:
    """The text of a decode error has problem and path, or the problem alone."""
    assert str(DecodeError("no text", "result[3].Tags")) == "no text @ result[3].Tags"
    assert str(DecodeError("no text")) == "no text"


@pytest.mark.parametrize("transient", [True, False])
def test_a_lasting_transport_error_survives_pickling(*, transient: bool) -> None:
    """Whether another attempt may help is not lost by pickling."""
    error = TransportError("boom", status=502, transient=transient)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (transient, 502) == (again.transient, again.status)


def test_a_transport_error_is_transient_unless_told() -> None:
    """A broken connection may come back."""
    assert TransportError("boom").transient is True


def test_details_print_with_their_code() -> None:
    """A detail's text is its message, after its code if it has one; zero is a code."""
    expected = ["1183: first", "second", "7: third", "0: zero"]
    assert expected == [str(detail) for detail in (*DETAILS, ErrorDetail("zero", 0))]


def test_the_cause_is_kept() -> None:
    """The exception that led to an error is its cause, and not part of its text."""
    cause = OSError("proxy password hunter2")
    with pytest.raises(TransportError) as caught:
        raise TransportError("boom") from cause
    assert cause is caught.value.__cause__
    assert "hunter2" not in str(caught.value) + repr(caught.value)


def test_no_header_steers_a_terminal() -> None:
    """Whatever part of an error came from the service, its text is one printable line."""
    error = TransportError("a\x1b[2J\nb").answered(404, "r\x9b31m\x85x\udcff")
    assert r"a\x1b[2J\nb (status 404, ray r\x9b31m\x85x\udcff)" == str(error)


def test_what_an_error_hides_is_not_kept() -> None:
    """Without its frames, an error keeps its cause, but no text that could not be read."""
    with pytest.raises(TransportError) as caught:
        try:
            (b"a body" * 9_999 + b"\xff").decode()
        except UnicodeDecodeError:
            try:
                raise DecodeError("text is not UTF-8") from None
            except DecodeError as error:
                raise TransportError("boom") from error
    cause = caught.value.forget_frames().__cause__
    assert isinstance(cause, DecodeError)
    assert cause.__context__ is caught.value.__context__ is None
