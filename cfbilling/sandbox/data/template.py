"""A record with holes: its constant text is written once, its daily values are filled in."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import TypeAlias

from attrs import frozen

from cfbilling.sandbox.data.json_text import Whitespace, object_text

__all__ = [
    "RECORD_DEPTH",
    "Field",
    "Row",
    "Template",
    "Values",
    "WireRecord",
    "WireValue",
    "wire_value",
]

WireValue: TypeAlias = "str | Decimal | bool | Mapping[str, WireValue] | Sequence[WireValue] | None"
WireRecord: TypeAlias = dict[str, WireValue]
Values: TypeAlias = tuple[str, ...]
Field: TypeAlias = tuple[str, str | int]

RECORD_DEPTH = 2
# Made once: json.loads() would make one for each value.
_READ = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal).decode


@frozen
class Template:
    """The shape of a record, both as text and as fields.

    Bytes and truth come from the same values, so that they cannot disagree.

    Attributes:
        fields: Names with either constant JSON text or the number of a value.
        text: The whole record in printf notation.
        pick: Function that chooses the values of the text, in its order.
    """

    fields: tuple[Field, ...]
    text: str
    pick: Callable[[Values], tuple[str, ...]]

    @classmethod
    def of(cls, fields: Sequence[Field], whitespace: Whitespace) -> "Template":
        """Prepare the text of a record that has these *fields*."""
        members = (
            (name, "%s" if isinstance(content, int) else content.replace("%", "%%"))
            for name, content in fields
        )
        slots = [content for _, content in fields if isinstance(content, int)]
        return cls(
            fields=tuple(fields),
            text=object_text(members, whitespace, RECORD_DEPTH),
            pick=itemgetter(*slots),
        )

    def render(self, values: Values) -> str:
        """Write the record as it goes over the wire."""
        return self.text % self.pick(values)

    def decode(self, values: Values) -> WireRecord:
        """Return the record as a dict whose numbers are Decimals."""
        return {
            name: wire_value(values[content] if isinstance(content, int) else content)
            for name, content in self.fields
        }


@frozen
class Row:
    """One record: a template and what fills it."""

    template: Template
    values: Values

    def render(self) -> str:
        """Write the record as it goes over the wire."""
        return self.template.render(self.values)

    def decode(self) -> WireRecord:
        """Return the record as a dict whose numbers are Decimals."""
        return self.template.decode(self.values)


def wire_value(text: str) -> WireValue:
    """Read one JSON value, every number as a Decimal."""
    value: WireValue = _READ(text)
    return value
