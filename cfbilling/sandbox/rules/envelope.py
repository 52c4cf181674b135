"""The frame around every result: errors, messages, result and success."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

from attrs import field, frozen

from cfbilling.sandbox.data.json_text import Json, Whitespace, array_marks, json_text, object_text

__all__ = ["PIECE", "ApiError", "EnvelopeKey", "Layout", "Texts"]

EnvelopeKey = Literal["errors", "messages", "result", "success"]
Texts: TypeAlias = Iterable["str | None"]

PIECE = 64 * 1024
_EMPTY_TURNS = 64
_RESULT_DEPTH = 1
_MARK = "\0"


@frozen
class ApiError:
    """One entry of ``errors``.

    Attributes:
        message: Text for people.
        code: The vendor's number for it, absent if None.
        documentation_url: Sent by the profile endpoint only.
    """

    message: str
    code: int | None = None
    documentation_url: str | None = None

    def fields(self) -> dict[str, Json]:
        """Return the members that are sent."""
        fields: dict[str, Json] = {"message": self.message}
        if self.code is not None:
            fields["code"] = self.code
        if self.documentation_url is not None:
            fields |= {"documentation_url": self.documentation_url, "source": {"pointer": "/"}}
        return fields


@frozen
class Layout:
    """The layout of every envelope.

    Attributes:
        key_order: Order of the four members.
        null_arrays: Whether an empty array is sent as null.
        whitespace: Whitespace between the members.
    """

    key_order: tuple[EnvelopeKey, ...] = field(converter=tuple[EnvelopeKey, ...])
    null_arrays: bool
    whitespace: Whitespace

    def pieces(
        self,
        result: Texts | str,
        errors: tuple[ApiError, ...],
        *,
        success: bool,
        result_info: Mapping[str, int] | None = None,
    ) -> Iterator[bytes]:
        """Write an envelope in pieces of about 64 KB.

        Args:
            result: JSON text of the whole result, or the texts of the items of an array. A None
                among them is a chance to breathe: after many of them an empty piece is yielded.
            errors: Errors of the envelope.
            success: The member ``success``.
            result_info: The member ``result_info``, behind the result; absent if None.
        """
        head, tail = self._around(errors, success=success, result_info=result_info)
        if isinstance(result, str):
            yield f"{head}{result}{tail}".encode()
        else:
            yield from _grouped(self._array(head, result, tail))

    def _array(self, head: str, items: Texts, tail: str) -> Texts:
        opening, separator, closing = array_marks(self.whitespace, _RESULT_DEPTH)
        empty = True
        for item in items:
            if item is None:
                yield None
            else:
                yield head + opening if empty else separator
                yield item
                empty = False
        # An array without items has no line break inside.
        yield f"{head}[]{tail}" if empty else f"{closing}{tail}"

    def _around(
        self,
        errors: tuple[ApiError, ...],
        *,
        success: bool,
        result_info: Mapping[str, int] | None,
    ) -> tuple[str, str]:
        nothing: Json = None if self.null_arrays else []
        contents: dict[str, Json] = {
            "errors": [error.fields() for error in errors] or nothing,
            "messages": nothing,
            "success": success,
            "result_info": result_info,
        }
        keys: list[str] = list(self.key_order)
        if result_info is not None:
            keys.insert(keys.index("result") + 1, "result_info")
        members = (
            (key, _MARK if key == "result" else json_text(contents[key], self.whitespace, 1))
            for key in keys
        )
        head, _, tail = object_text(members, self.whitespace, 0).partition(_MARK)
        return head, tail


def _grouped(texts: Texts) -> Iterator[bytes]:
    group: list[str] = []
    size = turns = 0
    for text in texts:
        if text is None:
            turns += 1
        else:
            group.append(text)
            size += len(text)
        if size >= PIECE or turns >= _EMPTY_TURNS:
            yield "".join(group).encode()
            group.clear()
            size = turns = 0
    yield "".join(group).encode()
