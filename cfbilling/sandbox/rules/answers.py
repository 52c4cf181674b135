"""What the sandbox is going to answer, before any byte of it is written."""

from collections.abc import Callable

from attrs import frozen

from cfbilling.sandbox.rules.envelope import ApiError, Texts


@frozen(kw_only=True)
class Answer:
    """An answer, as yet without encoding.

    Attributes:
        status: HTTP status.
        headers: Header fields beside those that every answer has.
        result: Makes the JSON text of the result, or the texts of its items.
        errors: What the envelope lists.
        success: What the envelope claims.
        page: Body of an answer that is no envelope.
        cache_key: Equal for answers that have the same body; None if it is not worth keeping.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    result: Callable[[], Texts | str] = lambda: "null"
    errors: tuple[ApiError, ...] = ()
    success: bool = True
    page: bytes | None = None
    cache_key: tuple[object, ...] | None = None


def failure(status: int, *errors: ApiError, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an answer that carries nothing but errors."""
    return Answer(status=status, headers=headers, errors=errors, success=False)
