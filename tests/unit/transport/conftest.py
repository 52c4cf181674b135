"""What tests of the transport share."""

import tempfile

import pytest


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """List the temporary files that are opened."""
    opened: list[object] = []
    real = tempfile.TemporaryFile

    def make() -> object:
        opened.append(file := real())
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", make)
    return opened
