"""What the sandbox is going to answer, before any byte of it is written."""

from collections.abc import Callable, Mapping

from attrs import frozen

from cfbilling.sandbox.rules.envelope import ApiError, Texts

__all__ = ["Response", "failure"]


@frozen(kw_only=True)
class Response:
    """A response, before it is compressed.

    Attributes:
        status: HTTP status.
        headers: Header fields beside those that every response has, or in their place.
        retry_after: Seconds, or any text, for the ``Retry-After`` field.
        result: Function that makes the JSON text of the result, or the texts of its items.
        result_info: What the envelope tells of the page that the result is; None for no page.
        errors: Errors in the envelope.
        success: The envelope's ``success``.
        page: Body of a response that is no envelope.
        cache_key: Equal for responses with the same body; None if the body is not to be kept.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    retry_after: int | str | None = None
    result: Callable[[], Texts | str] = lambda: "null"
    result_info: Mapping[str, int] | None = None
    errors: tuple[ApiError, ...] = ()
    success: bool = True
    page: bytes | None = None
    cache_key: tuple[object, ...] | None = None


def failure(status: int, *errors: ApiError, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return a response that carries nothing but errors."""
    return Response(status=status, headers=headers, errors=errors, success=False)
