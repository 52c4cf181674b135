import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.credentials import ApiKey, ApiToken, credentials_from_env
from cfbilling.errors import ConfigurationError

SECRET = "Sn3aky-Secret"


def test_a_token_signs_as_bearer() -> None:
    """A token goes into the one header of its scheme."""
    assert ApiToken("abc").headers() == {"Authorization": "Bearer abc"}


def test_a_key_signs_with_its_email() -> None:
    """An e-mail address and a key go into the two headers of their scheme."""
    expected = {"X-Auth-Email": "me@example.com", "X-Auth-Key": "abc"}
    assert expected == ApiKey("me@example.com", "abc").headers()


def test_white_space_around_is_dropped() -> None:
    """White space around a credential does not count."""
    assert ApiToken("abc") == ApiToken(" abc\n")
    assert ApiKey("me@example.com", "abc") == ApiKey("\tme@example.com ", "\r\nabc ")


def test_nothing_secret_is_shown() -> None:
    """Neither text form of a credential has a secret in it."""
    shown = [form(c) for form in (repr, str) for c in (ApiToken(SECRET), ApiKey(SECRET, SECRET))]
    assert [False] * 4 == [SECRET in text for text in shown]


@pytest.mark.parametrize(
    "value",
    [
        "",
        " \n",
        f"{SECRET} b",
        f"{SECRET}\nX-Evil: 1",
        f"{SECRET}\u00e9",
        f"{SECRET}\x00b",
        7,
        None,
    ],
)
def test_what_cannot_stand_in_a_header_is_refused(value: str) -> None:
    """A credential with a character that no header takes is refused, and not shown."""
    for make in (
        lambda: ApiToken(value),
        lambda: ApiKey(value, "abc"),
        lambda: ApiKey("me@example.com", value),
    ):
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert SECRET not in "".join(traceback.format_exception_only(caught.value))
        assert caught.value.__cause__ is None


@given(st.text())
def test_every_accepted_token_is_a_safe_header(value: str) -> None:
    """Whatever is accepted is visible ASCII without a space."""
    try:
        token = ApiToken(value).token
    except ConfigurationError:
        return
    assert value.strip() == token
    assert [True] * len(token) == ["!" <= character <= "~" for character in token]


TOKEN, EMAIL, KEY = "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({TOKEN: " t "}, ApiToken("t")),
        ({EMAIL: "e@x ", KEY: " k"}, ApiKey("e@x", "k")),
        ({TOKEN: "t", EMAIL: "e@x", KEY: "k"}, ApiToken("t")),
        ({TOKEN: "t", EMAIL: "e@x"}, ApiToken("t")),
        ({TOKEN: " ", EMAIL: "e@x", KEY: "k"}, ApiKey("e@x", "k")),
    ],
)
def test_the_environment_gives_credentials(
    environ: dict[str, str], expected: ApiToken | ApiKey
) -> None:
    """A token wins over the pair; white space and empty variables do not count."""
    assert expected == credentials_from_env(environ)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, {TOKEN, EMAIL, KEY}),
        ({TOKEN: "", EMAIL: " ", KEY: ""}, {TOKEN, EMAIL, KEY}),
        ({EMAIL: SECRET}, {TOKEN, EMAIL, KEY}),
        ({KEY: SECRET}, {TOKEN, EMAIL, KEY}),
        ({KEY: SECRET, EMAIL: " "}, {TOKEN, EMAIL, KEY}),
    ],
)
def test_half_a_pair_or_none_is_refused(environ: dict[str, str], named: set[str]) -> None:
    """Missing credentials are a configuration error that names the variables, not the values."""
    with pytest.raises(ConfigurationError) as caught:
        credentials_from_env(environ)
    assert named == {name for name in (TOKEN, EMAIL, KEY) if name in str(caught.value)}
    assert SECRET not in str(caught.value)


def test_the_missing_half_is_told() -> None:
    """With half a pair, the message tells which one is not set."""
    with pytest.raises(ConfigurationError, match=f"{EMAIL} is set, but {KEY} is not"):
        credentials_from_env({EMAIL: "e@x"})
    with pytest.raises(ConfigurationError, match=f"{KEY} is set, but {EMAIL} is not"):
        credentials_from_env({KEY: "k"})


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument, the variables of this process are read."""
    monkeypatch.setenv(TOKEN, "from-the-process")
    assert ApiToken("from-the-process") == credentials_from_env()
