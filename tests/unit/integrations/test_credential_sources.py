"""A worker finds its credentials itself, or says what is missing and nothing secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfbilling import ApiKey, ApiToken, ConfigurationError
from cfbilling.integrations.cluster.credential_sources import FromEnvironment, FromFolder

SECRET = "8a1e-such-a-secret"


def test_names_are_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is that of a variable with a token; without one, the vendor's own are read."""
    monkeypatch.setenv("EMEA_TOKEN", f" {SECRET}\n")
    monkeypatch.setenv("CLOUDFLARE_EMAIL", "a@example.com")
    monkeypatch.setenv("CLOUDFLARE_API_KEY", "key")
    assert ApiToken(SECRET) == FromEnvironment().find("EMEA_TOKEN")
    assert ApiKey("a@example.com", "key") == FromEnvironment().find(None)


def test_a_missing_variable_is_named_only_if_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is none may be a token that was mistaken for one."""
    monkeypatch.setenv("EMPTY_TOKEN", " ")
    with pytest.raises(ConfigurationError, match="EMPTY_TOKEN: token is empty"):
        FromEnvironment().find("EMPTY_TOKEN")
    with pytest.raises(ConfigurationError) as caught:
        FromEnvironment().find(SECRET)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(ConfigurationError, match="CLOUDFLARE_API_TOKEN"):
        FromEnvironment().find(None)


def test_names_are_files(tmp_path: Path) -> None:
    """A name is that of a file with a token; the default one's name may be chosen."""
    (tmp_path / "emea").write_text(f"\ufeff{SECRET}\n")
    (tmp_path / "CLOUDFLARE_API_TOKEN").write_text("default")
    source = FromFolder(str(tmp_path))
    assert ApiToken(SECRET) == source.find("emea")
    assert ApiToken("default") == source.find(None)
    assert ApiToken(SECRET) == FromFolder(str(tmp_path), default="emea").find(None)


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", ".hidden", "", "a/b", "a\0", "x" * 256])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    """Nothing outside the folder is read, whatever a unit says."""
    (tmp_path / "out").write_text(SECRET)
    (tmp_path / "in").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be the name of a file"):
        FromFolder(str(tmp_path / "in")).find(name)


def test_what_is_wrong_with_a_file_is_told(tmp_path: Path) -> None:
    """Not there, no text, no token: told without what is in it."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "words").write_text(f"{SECRET} " * 100)
    (tmp_path / "long").write_text("x" * 65537)
    source = FromFolder(str(tmp_path))
    for name, reason in {
        "absent": "No such file",
        "binary": "not UTF-8",
        "empty": "token is empty",
        "words": "a character that no such credential has",
        "long": "65,536 bytes",
    }.items():
        with pytest.raises(ConfigurationError, match=reason) as caught:
            source.find(name)
        assert SECRET not in str(caught.value)
