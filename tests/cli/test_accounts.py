from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from cfbilling.cli.accounts import accounts_of, credentials_of, lines_of
from cfbilling.cli.errors import CommandError


def test_an_accounts_file_names_ids_and_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are ids, or ids with the variable of their token; comments and doubles are skipped."""
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "default")
    lines = ["# ours", "", " a ", "b,TOKEN_B", "a"]
    found = accounts_of(("a",), lines, None, {"TOKEN_B": "secret-b"})
    assert ["a", "b"] == list(found.ids)
    assert found.own is not None
    assert {"Authorization": "Bearer secret-b"} == found.own["b"].headers()


@pytest.mark.parametrize("line", ["a,", ",B", "a,B,C", "a,UNSET"])
def test_a_malformed_line_is_refused_without_showing_it(line: str) -> None:
    """A line that is no account is an error, and a token put there by mistake is not shown."""
    with pytest.raises(CommandError) as caught:
        accounts_of((), [line], None, {})
    assert "UNSET" not in str(caught.value)


def _on_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes, encoding: str = "utf-8") -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding))


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "iso-8859-1"])
def test_a_mark_of_the_byte_order_is_no_part_of_an_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """Standard input is read like a file: UTF-8, and a mark at its beginning is dropped."""
    data = BOM + "a\n# ü\nb\n".encode()
    path = tmp_path / "accounts.txt"
    path.write_bytes(data)
    _on_stdin(monkeypatch, data, encoding)
    assert ["a", "# ü", "b"] == lines_of(str(path)) == lines_of("-")


def test_standard_input_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are not UTF-8 on standard input, and none at all, are errors that say so."""
    _on_stdin(monkeypatch, b"\xff\xfe")
    with pytest.raises(CommandError, match="not UTF-8"):
        lines_of("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CommandError, match="closed"):
        lines_of("-")


@pytest.mark.parametrize("data", [b"secret\n", BOM + b"secret"])
def test_a_token_file_holds_a_token(tmp_path: Path, data: bytes) -> None:
    """White space around a token and a mark of the byte order before it are no part of it."""
    path = tmp_path / "token"
    path.write_bytes(data)
    assert {"Authorization": "Bearer secret"} == credentials_of(str(path)).headers()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a" * 65536 + b"b", "longer than 65,536 bytes"),
        (b" " * 65530 + b"secret-1", "longer than 65,536 bytes"),
        (b"\xff\xfe", "not UTF-8"),
        (b"two words", "token"),
        (b"", "token"),
    ],
)
def test_what_is_no_token_file_is_named(tmp_path: Path, data: bytes, why: str) -> None:
    """A file that is no token's is an error with its name and the reason, and none of its text."""
    path = tmp_path / "token.txt"
    path.write_bytes(data)
    with pytest.raises(CommandError, match=why) as caught:
        credentials_of(str(path))
    assert "token.txt" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 3
