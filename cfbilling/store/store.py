"""A store: where it is, what format its objects have, and what a user can do with it."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

import attrs

from cfbilling.errors import ConfigurationError
from cfbilling.jobs import WorkUnit, checked_units
from cfbilling.records import ChargeRecord
from cfbilling.store.folder import Folder
from cfbilling.store.ndjson import NdjsonObjects
from cfbilling.store.object_format import ObjectFormat
from cfbilling.store.objects import Objects
from cfbilling.store.partitions import Partition, folder_of
from cfbilling.store.place import Place, has_password, without_secrets
from cfbilling.streams.record_stream import RecordStream

__all__ = ["Store", "StoreFormat"]

StoreFormat: TypeAlias = Literal["parquet", "ndjson"]
"""``parquet`` needs the extra ``arrow``. ``ndjson`` is gzipped; how many digits of its numbers are
kept is up to who reads it: DuckDB and Polars make doubles of them."""


_TURN = 64
"""How many units are looked at in one turn of the event loop: some are only made then."""
_MANY = 4096
"""How many objects are."""

_LOST_SLASH = re.compile(r"[A-Za-z][\w+.:-]+:/(?!/)")


class Store:
    """A folder, or any place that fsspec opens.

    Others read it by a glob such as ``**/*.parquet``: a killed process can leave hidden files of
    another suffix, at which Polars stops when it is given the folder alone.

    Args:
        destination: The folder's path, or a URL such as ``s3://bucket/folder``; a URL needs fsspec
            and what it opens that with, as the extra ``s3`` has for that one.
        format: The format of the objects. Those of another format are other objects.
        decimal_scale: Parquet: digits after the point of every number, 0 to 38; ``None`` for 28 in
            amounts and prices, 22 in quantities. An object of another scale is read as it is, and
            is due for `sync`, so that all have the same columns in the end.
        options: What fsspec's file system takes, such as ``endpoint_url``.

    Attributes:
        objects: What is behind it, for this package only.

    Raises:
        ConfigurationError: For an argument that cannot be right, or an extra that is missing.
        StoreError: If fsspec cannot open the URL.
    """

    def __init__(
        self,
        destination: str | Path,
        *,
        format: StoreFormat = "parquet",  # noqa: A002 - the word of the command line
        decimal_scale: int | None = None,
        **options: object,
    ) -> None:
        self._destination = _checked_destination(destination)
        self._format: StoreFormat = _checked_format(format)
        self._decimal_scale = _checked_scale(decimal_scale, self._format)
        self._options = options
        place = _place(self._destination, options)
        self.objects = Objects(place, _shape(self._format, decimal_scale))

    def __reduce__(self) -> tuple[Callable[..., Store], tuple[str]]:
        if self._options:
            raise TypeError(
                "options may hold secrets, and are not pickled: let each process take them from "
                "its environment, such as AWS_ENDPOINT_URL"
            )
        if has_password(self._destination):
            raise TypeError(
                "a password is not pickled: leave it out of the URL, and let each process take it "
                "from its environment"
            )
        make = partial(Store, format=self._format, decimal_scale=self._decimal_scale)
        # Another process may be in another folder, and would write there.
        folder = _folder(self._destination)
        return make, (self._destination if folder is None else str(folder),)

    def __repr__(self) -> str:
        # Options may hold secrets, and so may parts of a URL.
        where = self._destination
        where = without_secrets(where) if "://" in where else where
        scale = "" if self._decimal_scale is None else f", decimal_scale={self._decimal_scale}"
        return f"Store({where!r}, format={self._format!r}{scale})"

    async def check(self) -> None:
        """Raise what writing would raise, as far as that can be known before.

        Raises:
            StoreError: If the store cannot be written.
        """
        await self.objects.check()

    def key(self, unit: WorkUnit) -> str:
        """Return where a unit's object is, below the destination.

        Raises:
            ConfigurationError: If the unit is not one month.
        """
        return self.objects.key(unit)

    async def fetched(self, unit: WorkUnit) -> datetime | None:
        """Return when a unit's object was fetched, UTC; ``None`` if there is none.

        Raises:
            StoreError: If the store cannot be read.
        """
        facts = await self.objects.facts(unit)
        return None if facts is None else facts.fetched

    def read(self, unit: WorkUnit) -> RecordStream[ChargeRecord]:
        """Stream the records of a unit from the store instead of the service.

        Raises:
            StoreError: While iterating: if there is no such object, or it cannot be read.
        """
        return RecordStream(_Read(self.objects, unit))

    async def partitions(self, unit: WorkUnit) -> list[Partition]:
        """Return what there is of a unit's endpoint and parameters, by scope and month.

        Raises:
            StoreError: If the store cannot be listed.
        """
        return list((await self.objects.partitions(unit)).values())

    async def scopes(self, unit: WorkUnit) -> list[str]:
        """Return the accounts or organizations that have something of a unit's endpoint.

        That is one look at the store, however many months there are; with its parameters, and of
        whichever format.

        Raises:
            StoreError: If the store cannot be listed.
        """
        return await self.objects.scopes(unit)

    async def prune(self, units: Iterable[WorkUnit]) -> list[str]:
        """Remove the objects of scopes that no unit names, and return their keys.

        Only what has the endpoint and the parameters of one of the units is looked at.

        Args:
            units: At least one unit of each account that is to stay.

        Raises:
            ConfigurationError: If there are no units: that would remove everything. For what is
                no unit, before anything is removed.
            StoreError: If the store cannot be listed or written.
        """
        scopes: dict[str, set[str]] = {}
        example: dict[str, WorkUnit] = {}
        for number, unit in enumerate(checked_units(units)):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            scopes.setdefault(folder_of(unit), set()).add(unit.scope_id)
            example[folder_of(unit)] = unit
        if not scopes:
            raise ConfigurationError("units has none: nothing says what is to stay")
        removed: list[str] = []
        for folder, unit in example.items():
            found = await self.objects.partitions(unit)
            for number, (key, place) in enumerate(found.items()):
                if number % _MANY == 0:
                    await asyncio.sleep(0)
                if place.scope_id not in scopes[folder]:
                    await self.objects.remove(key)
                    removed.append(key)
        return removed


@attrs.frozen
class _Read:
    """A unit of a store as what a stream is made of."""

    objects: Objects
    unit: WorkUnit

    @property
    def record_type(self) -> type[ChargeRecord]:
        return self.unit.record_type

    @property
    def scope_id(self) -> str:
        return self.unit.scope_id

    def batches(self) -> AsyncGenerator[list[ChargeRecord], None]:
        return self.objects.read(self.unit)


def _checked_destination(destination: object) -> str:
    if not isinstance(destination, str | Path) or not str(destination):
        raise ConfigurationError("destination must be a folder's path or a URL")
    if _LOST_SLASH.match(str(destination)):
        raise ConfigurationError(
            "destination looks like a URL without one of its slashes, which a Path takes away: "
            "give it as text; or for a folder of that name, its absolute path"
        )
    return str(destination)


def _folder(destination: str) -> Path | None:
    """Return the folder that a destination is, absolute; ``None`` if it is another place."""
    scheme, mark, path = destination.partition("://")
    if not mark:
        return Path(destination).absolute()
    # RFC 8089: this machine may be named.
    is_named = path.startswith("localhost/")
    path = path.removeprefix("localhost") if is_named else path
    return Path(path).absolute() if scheme == "file" else None


def _checked_format(given: object) -> StoreFormat:
    for known in get_args(StoreFormat):
        if given == known:
            return cast("StoreFormat", known)
    raise ConfigurationError("format must be 'parquet' or 'ndjson'")


def _checked_scale(scale: int | None, form: StoreFormat) -> int | None:
    if scale is not None and form != "parquet":
        raise ConfigurationError("decimal_scale is for format parquet: others keep each digit")
    return scale


def _place(destination: str, options: dict[str, object]) -> Place:
    if (folder := _folder(destination)) is not None:
        if options:
            raise ConfigurationError("options are for URLs: a folder takes none")
        return Folder(folder)
    try:
        remote = importlib.import_module("cfbilling.store.remote")
    except ImportError as error:
        raise ConfigurationError(
            "destination is a URL, which needs fsspec: install the extra s3, or fsspec and the "
            "package for your store"
        ) from error
    place: Place = remote.Remote(destination, **options)
    return place


def _shape(name: StoreFormat, decimal_scale: int | None) -> ObjectFormat:
    if name == "ndjson":
        return NdjsonObjects()
    try:
        parquet = importlib.import_module("cfbilling.store.parquet")
    except ImportError as error:
        raise ConfigurationError("format parquet needs pyarrow: install the extra arrow") from error
    shape: ObjectFormat = parquet.ParquetObjects(decimal_scale)
    return shape
