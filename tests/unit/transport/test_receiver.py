"""A body is received whole or not at all, and what is not kept holds nothing."""

import asyncio
import gzip

import pytest

from cfbilling._concurrency import Turns
from cfbilling.errors import (
    ApiError,
    AuthenticationError,
    BillingError,
    ConfigurationError,
    DecodeError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    ResponseTooLarge,
    ServerError,
    TransportError,
)
from cfbilling.options import Limits
from cfbilling.protocol.endpoints import BILLING_PROFILE, USAGE
from cfbilling.protocol.slices import LARGEST_RECORD
from cfbilling.transport.receiver import Receiver
from tests.conftest import Waits
from tests.unit.fakes import (
    RAY,
    Held,
    ScriptedExchange,
    Step,
    answer,
    body_of,
    held_by,
    refusal_of,
    slices_of,
    usage_row,
)

ROWS = [usage_row(BilledCost=index) for index in range(20)]
BODY = body_of(ROWS)
HALF = len(BODY) // 2


def receiver_for(limits: Limits | None = None) -> Receiver:
    """Return a receiver that cuts slices of about two records."""
    return Receiver(limits or Limits(slice_bytes=1024), Turns(), Waits().clock)


async def error_of(receiver: Receiver, exchange: ScriptedExchange) -> BillingError:
    """Receive what is no answer, and return what is raised."""
    with pytest.raises(BillingError) as caught:
        await receiver.receive(exchange, USAGE)
    return caught.value


@pytest.mark.parametrize("size", [1, 100, 1000, 10**6])
async def test_a_whole_body_is_all_its_records_in_order(size: int) -> None:
    """However the body comes in pieces, its slices together are its array."""
    receiver = receiver_for()
    pieces = [BODY[begin : begin + size] for begin in range(0, len(BODY), size)]
    received = await receiver.receive(answer(pieces), USAGE)
    slices = await slices_of(received)
    assert ROWS == [row for rows in slices for row in rows]
    assert len(slices) > 5
    assert Held() == held_by(receiver)


async def test_what_arrived_tells_its_facts() -> None:
    """The status, the ray and both lengths are kept; a piece of no bytes is no end."""
    received = await receiver_for().receive(answer([BODY[:HALF], BODY[HALF:]]), USAGE)
    assert (200, RAY, True) == (received.status, received.ray_id, received.is_array)
    assert (len(BODY), len(BODY)) == (received.wire_bytes, received.body_bytes)
    received.spool.close()


async def test_lengths_are_counted_before_and_after_decompression() -> None:
    """What the wire carried and what it meant are two numbers."""
    coded = gzip.compress(BODY)
    exchange = answer([coded[:50], coded[50:]], Content_Encoding="gzip")
    received = await receiver_for().receive(exchange, USAGE)
    assert (len(coded), len(BODY)) == (received.wire_bytes, received.body_bytes)
    slices = await slices_of(received)
    assert ROWS == [row for rows in slices for row in rows]


async def test_an_object_is_one_slice() -> None:
    """A result that is no array comes as it is, and says so."""
    received = await receiver_for().receive(answer(body_of({"id": "1"})), BILLING_PROFILE)
    assert (False, [{"id": "1"}]) == (received.is_array, await slices_of(received))


async def test_a_response_without_a_ray_has_none() -> None:
    """Not every response names the vendor's ray."""
    exchange = answer(BODY)
    del exchange.headers["cf-ray"]
    received = await receiver_for().receive(exchange, USAGE)
    assert received.ray_id is None
    received.spool.close()


async def test_what_waits_takes_memory_until_it_is_taken() -> None:
    """The slices of a body that nobody took yet are all the memory that is taken."""
    receiver = receiver_for()
    received = await receiver.receive(answer(BODY), USAGE)
    held = held_by(receiver)
    assert (1, True) == (held.spools, len(BODY) - 200 < held.memory < len(BODY) + 200)
    received.spool.close()
    assert Held() == held_by(receiver)


async def test_closing_lets_go_of_what_nobody_took() -> None:
    """A receiver that is closed holds no spool, and a late taker is told."""
    receiver = receiver_for()
    received = await receiver.receive(answer(BODY), USAGE)
    await receiver.close()
    assert Held() == held_by(receiver)
    with pytest.raises(ConfigurationError, match="closed"):
        await received.spool.take()


@pytest.mark.parametrize(
    ("status", "codes", "expected"),
    [
        (302, [], ApiError),
        (400, [1183], InvalidRequest),
        (401, [], AuthenticationError),
        (403, [], PermissionDenied),
        (403, [9109], AuthenticationError),
        (404, [7003], NotFound),
        (429, [], RateLimited),
        (500, [], ServerError),
        (503, [971], RateLimited),
    ],
)
async def test_a_refusal_is_the_error_that_it_means(
    status: int, codes: list[int], expected: type[ApiError]
) -> None:
    """The status and the codes tell the class; both are kept, with the ray, and nothing else."""
    receiver = receiver_for()
    error = await error_of(receiver, answer(refusal_of(*codes), status))
    assert expected is type(error)
    assert (status, RAY, tuple(codes)) == (error.status, error.ray_id, error.codes)
    assert Held() == held_by(receiver)


async def test_a_refusal_tells_how_long_to_wait() -> None:
    """``Retry-After`` is a fact of the error."""
    error = await error_of(receiver_for(), answer(refusal_of(), 429, Retry_After="42"))
    assert error.retry_after == 42


@pytest.mark.parametrize(
    "body",
    [
        [],
        [b"<html>no</html>"],
        [b'{"errors": 7}'],
        [b"[" * 100_000],
        [refusal_of(7003)[:20], TransportError("broken off")],
        [b"x" * 64 * 1024] * 5,
    ],
)
async def test_a_refusal_needs_no_sane_body(body: list[Step]) -> None:
    """Whatever stands in the body of a refusal, the status says enough."""
    receiver = receiver_for()
    error = await error_of(receiver, answer(body, 404))
    assert (NotFound, 404, ()) == (type(error), error.status, error.errors)
    assert Held() == held_by(receiver)


async def test_no_more_of_a_refusal_is_read_than_a_sentence_needs() -> None:
    """A refusal without an end is given up."""
    exchange = answer([b" " * 1024] * 10_000, 404)
    await error_of(receiver_for(), exchange)
    assert await exchange.read() == b" " * 1024


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], ApiError),
        ([1183], InvalidRequest),
        ([7003], NotFound),
        ([10000], AuthenticationError),
        ([10040], RateLimited),
        ([42, 971], RateLimited),
    ],
)
async def test_an_envelope_may_say_no_with_status_200(
    codes: list[int], expected: type[ApiError]
) -> None:
    """``success: false`` is a refusal whatever the status, also after records that looked well."""
    receiver = receiver_for()
    errors = [{"code": code, "message": "no"} for code in codes]
    body = body_of(ROWS, errors=errors, success=False)
    error = await error_of(receiver, answer(body))
    assert expected is type(error)
    assert (200, RAY, tuple(codes)) == (error.status, error.ray_id, error.codes)
    assert Held() == held_by(receiver)


ENDLESS = b'{"result": [' + b" " * LARGEST_RECORD


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], TransportError),
        ([BODY[:HALF]], TransportError),
        ([BODY[:-1]], TransportError),
        ([TransportError("broken off")], TransportError),
        ([BODY[:HALF], TransportError("broken off")], TransportError),
        ([BODY, TransportError("broken off")], TransportError),
        ([b"<html></html>"], DecodeError),
        ([b"[]"], DecodeError),
        ([b"null"], DecodeError),
        ([b'{"result": []}'], DecodeError),
        ([b'{"result": [], "success": "yes"}'], DecodeError),
        ([BODY + b"{}"], DecodeError),
        ([BODY.replace(b'"BilledCost": 11', b'"BilledCost": oh')], DecodeError),
        ([BODY.replace(b"Requests", b"\xff\xff\xff")], DecodeError),
        ([ENDLESS, b"  "], DecodeError),
        ([ENDLESS, TransportError("broken off")], TransportError),
    ],
)
async def test_a_body_that_is_not_whole_leaves_nothing(
    body: list[Step], expected: type[BillingError]
) -> None:
    """Broken off, cut short or no envelope: the error says which, and nothing of it is held."""
    receiver = receiver_for()
    error = await error_of(receiver, answer(body))
    assert expected is type(error)
    assert (200, RAY) == (error.status, error.ray_id)
    assert Held() == held_by(receiver)


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_a_body_may_be_too_large(coding: str) -> None:
    """The limit counts plain bytes; a body that reaches it is taken, one byte more is not."""
    wire = gzip.compress(BODY) if coding == "gzip" else BODY
    whole = receiver_for(Limits(max_response_bytes=len(BODY), slice_bytes=1024))
    received = await whole.receive(answer(wire, Content_Encoding=coding), USAGE)
    received.spool.close()
    receiver = receiver_for(Limits(max_response_bytes=len(BODY) - 1, slice_bytes=1024))
    error = await error_of(receiver, answer(wire, Content_Encoding=coding))
    assert (ResponseTooLarge, 200, RAY) == (type(error), error.status, error.ray_id)
    assert Held() == held_by(receiver)


@pytest.mark.parametrize(
    "wire", [b"plain", gzip.compress(BODY)[:-9], gzip.compress(BODY)[:-6] + b"abcdef"]
)
async def test_corrupt_compression_is_of_the_wire(wire: bytes) -> None:
    """What cannot be inflated to its end did not get through."""
    receiver = receiver_for()
    error = await error_of(receiver, answer(wire, Content_Encoding="gzip"))
    assert (TransportError, RAY) == (type(error), error.ray_id)
    assert Held() == held_by(receiver)


async def test_a_coding_that_nobody_asked_for_is_told() -> None:
    """A coding that cannot be inflated is an error of ours, and holds nothing."""
    receiver = receiver_for()
    error = await error_of(receiver, answer(BODY, Content_Encoding="rot13"))
    assert (200, RAY) == (error.status, error.ray_id)
    assert Held() == held_by(receiver)


@pytest.mark.parametrize("bug", [ZeroDivisionError(), KeyboardInterrupt()])
async def test_what_is_not_ours_passes(bug: BaseException) -> None:
    """An exception that is none of ours comes out as it is, and leaves nothing."""
    receiver = receiver_for()
    with pytest.raises(type(bug)) as caught:
        await receiver.receive(answer([BODY[:HALF], bug]), USAGE)
    assert bug is caught.value
    assert Held() == held_by(receiver)


@pytest.mark.parametrize(("status", "body"), [(200, BODY), (404, refusal_of(7003))])
async def test_a_cancelled_receipt_leaves_nothing(status: int, body: bytes) -> None:
    """Wherever it is cancelled, before the body's end or in it, nothing is held."""
    pieces = [body[begin : begin + 1000] for begin in range(0, len(body), 1000)]
    receiver, turns = receiver_for(), 0
    while True:
        exchange = answer([*pieces, asyncio.Event()], status)
        task = asyncio.ensure_future(receiver.receive(exchange, USAGE))
        for _ in range(turns):
            await asyncio.sleep(0)
        is_at_end = exchange._next > len(pieces)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert Held() == held_by(receiver)
        if is_at_end:
            break
        turns += 1
    assert turns >= len(pieces)


async def test_bodies_share_one_room() -> None:
    """What does not fit into the memory of all waits in a file, and comes back the same."""
    receiver = receiver_for(Limits(spool_bytes=len(BODY), slice_bytes=1024))
    both = [await receiver.receive(answer(BODY), USAGE) for _ in range(2)]
    assert held_by(receiver).memory <= len(BODY)
    slices = [await slices_of(received) for received in both]
    assert [ROWS, ROWS] == [[row for rows in one for row in rows] for one in slices]
    await receiver.close()
    assert Held() == held_by(receiver)


def test_what_is_asked_for_can_be_inflated() -> None:
    """The header names gzip, which every Python has."""
    assert "gzip" in receiver_for().accept_encoding
