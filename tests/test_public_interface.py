"""What other people's code may rely on."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

import cfbilling
from cfbilling import BillingClient, RetryPolicy

# What an integration needs may be missing: then its tests are skipped as well, and say so.
EXTRAS = {"distributed", "dlt"}


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(cfbilling.__path__, "cfbilling."):
        if not module.name.endswith("__main__"):
            try:
                yield importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if error.name not in EXTRAS:
                    raise


MODULES = list(_modules())

PROMISED = [
    "BillingClient",
    "ApiToken",
    "ApiKey",
    "credentials_from_env",
    "RetryPolicy",
    "UsageRecord",
    "PaygoRecord",
    "BillingProfile",
    "RecordStream",
    "DateChunk",
    "split_range",
    "BillingError",
    "ConfigurationError",
    "TransportError",
    "DecodeError",
    "ResponseTooLarge",
    "ApiError",
    "InvalidRequest",
    "AuthenticationError",
    "PermissionDenied",
    "NotFound",
    "RateLimited",
    "ServerError",
]


def _rank(name: str) -> tuple[int, str]:
    # The linter's order: constants, classes, functions.
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _defined(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        and (inspect.isclass(value) or inspect.isfunction(value))
        and not name.startswith("_")
    }


# Looked at before any test runs: dlt puts classes of its own into the module that uses it.
DEFINED = {module: _defined(module) for module in (cfbilling, *MODULES)}


@pytest.mark.parametrize("module", DEFINED, ids=lambda module: module.__name__)
def test_all_is_exact_and_sorted(module: ModuleType) -> None:
    """Each module's ``__all__`` is sorted, exists, and leaves out no public definition."""
    exported = module.__all__
    assert sorted(exported, key=_rank) == list(exported)
    assert all(hasattr(module, name) for name in exported)
    assert set() == DEFINED[module] - set(exported)


def test_the_promised_names_are_there() -> None:
    """Every name that was promised can be imported from the package."""
    assert set() == set(PROMISED) - set(cfbilling.__all__)


def test_the_client_takes_what_was_promised() -> None:
    """The client's parameters have the promised names, kinds and order."""
    parameters = inspect.signature(BillingClient).parameters
    assert [
        "credentials",
        "base_url",
        "retry",
        "concurrency",
        "chunk_days",
        "timeout",
        "session",
        "observer",
        "trace_configs",
        "max_response_bytes",
        "spool_bytes",
        "slice_bytes",
        "assumed_quota",
        "quota_reserve",
        "service_categories",
    ] == [name for name in parameters if name != "clock"]
    positional = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert ["credentials"] == positional
    assert (8, 31) == (parameters["concurrency"].default, parameters["chunk_days"].default)
    policy = RetryPolicy(attempts=5, initial_wait=0.5, max_backoff=30.0, budget=600.0)
    assert policy == parameters["retry"].default


def test_every_public_name_is_documented() -> None:
    """Each exported class and function, and each public method, has a docstring."""
    silent = [
        f"{module.__name__}.{name}"
        for module in [cfbilling, *MODULES]
        for name in getattr(module, "__all__", [])
        if (inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name)))
        and not inspect.getdoc(getattr(module, name))
    ]
    assert [] == silent


def test_importing_the_package_is_lean() -> None:
    """Importing the package brings in no sandbox, no command line and no integration."""
    code = (
        "import sys, cfbilling; print(*{'cfbilling.sandbox', 'cfbilling.cli', 'click', 'rich',"
        " 'cfbilling.integrations', 'cfbilling.sync', 'distributed', 'dask', 'dlt', 'pyarrow'}"
        " & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""
