"""A store that a command line names; what it needs is checked before anything is asked."""

from __future__ import annotations

import re

from cfbilling import ConfigurationError, StoreError
from cfbilling.cli.errors import CommandError
from cfbilling.sync import Store, StoreFormat

__all__ = ["STORE_FORMATS", "open_store"]

STORE_FORMATS = ("parquet", "ndjson")

_ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")
_OF_AMAZON = ("s3", "s3a")


def open_store(
    name: str, destination: str, form: StoreFormat, decimal_scale: int | None = None
) -> Store:
    """Return the store at *destination*.

    Args:
        name: What the destination is called on the command line.
        destination: A folder, or a URL that fsspec opens.
        form: The format of its objects.
        decimal_scale: The digits after the point of each number that is written.

    Raises:
        CommandError: If it cannot be opened, or that needs an extra that is not installed.
    """
    if _ACCOUNT_ID.fullmatch(destination):
        raise CommandError(
            f"{name} comes first, and {destination} looks like an account: for a folder of that "
            f"name, write ./{destination}"
        )
    try:
        return Store(destination, format=form, decimal_scale=decimal_scale)
    except (ConfigurationError, StoreError) as error:
        raise CommandError(_reason(name, destination, error)) from error


def _reason(name: str, destination: str, error: ConfigurationError | StoreError) -> str:
    if not isinstance(error.__cause__, ImportError):
        return f"{name}: {error}"
    if error.__cause__.name == "pyarrow":
        return "Parquet needs an extra: pip install 'cfbilling[arrow]'"
    scheme = destination.partition("://")[0]
    if scheme in _OF_AMAZON:
        return f"{name} {scheme}://... needs an extra: pip install 'cfbilling[s3]'"
    if isinstance(error, ConfigurationError):
        return (
            f"{name} {scheme}://... needs an extra, and perhaps fsspec's package for it: "
            "pip install 'cfbilling[fsspec]'"
        )
    return f"{name}: {error}"
