"""Fields of a JSON body, each checked where it stands; errors name the field."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NoReturn, TypeAlias

from cfbilling.sandbox.rules.ranges import InvalidQueryError

__all__ = ["Within", "array_of", "document", "object_of", "text_of", "unique_texts"]

Within: TypeAlias = tuple[int, int]


def document(body: bytes) -> Mapping[str, object]:
    """Return the object that a body is; an empty body is one without members.

    Raises:
        InvalidQueryError: The body is something else.
    """
    if not body:
        return {}
    try:
        value: object = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidQueryError("the body is not JSON") from error
    return object_of(value, "the body")


def object_of(
    value: object, name: str, known: Collection[str] | None = None
) -> Mapping[str, object]:
    """Return *value* if it is an object with none but *known* members.

    Raises:
        InvalidQueryError: It is not.
    """
    if not isinstance(value, dict):
        raise InvalidQueryError(f"{name} must be an object")
    for member in value:
        if known is not None and member not in known:
            raise InvalidQueryError(f"{name} has an unknown field: {member}")
    return value


def array_of(value: object, name: str, items: Within) -> Iterator[tuple[str, object]]:
    """Yield name and value of each item of an array.

    Raises:
        InvalidQueryError: It is no array, or it has too many or too few items.
    """
    if not isinstance(value, list):
        raise InvalidQueryError(f"{name} must be an array")
    least, most = items
    if not least <= len(value) <= most:
        raise InvalidQueryError(f"{name} must have {least} to {most} items")
    return ((f"{name}[{number}]", item) for number, item in enumerate(value))


def text_of(value: object, name: str, length: Within) -> str:
    """Return *value* if it is text of such a length.

    Raises:
        InvalidQueryError: It is not.
    """
    least, most = length
    if not isinstance(value, str):
        raise InvalidQueryError(f"{name} must be a string")
    if not least <= len(value) <= most:
        raise InvalidQueryError(f"{name} must have {least} to {most} characters")
    return value


def unique_texts(value: object, name: str, items: Within, length: Within) -> Sequence[str]:
    """Return the texts of an array in which none comes twice.

    Raises:
        InvalidQueryError: It is no such array.
    """
    texts = [text_of(item, item_name, length) for item_name, item in array_of(value, name, items)]
    if len(set(texts)) < len(texts):
        raise InvalidQueryError(f"{name} must not have an item twice")
    return texts


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)
