from __future__ import annotations

import pytest

from cfbilling.cli.accounts import accounts_of
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
