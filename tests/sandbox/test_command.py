import inspect
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest

from cfbilling.sandbox import Sandbox
from cfbilling.sandbox.__main__ import parser

COMMAND = (sys.executable, "-m", "cfbilling.sandbox")


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the command, and stop it if the test did not."""
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ending", ["stdin", signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_told_to_stop(ending: str | signal.Signals) -> None:
    """One line says where the server is; it answers, and ends cleanly in each agreed way."""
    arguments = ["--accounts", "150", "--organizations", "2", "--quota", "0", "--cache-bodies"]
    if ending == "stdin":
        arguments.append("--until-stdin-closes")
    with running(*arguments) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        assert len(where["account_ids"]) == 100
        assert len(where["organization_ids"]) == 2
        assert set(where) >= {"base_url", "api_token", "email", "api_key"}
        url = f"{where['base_url']}/accounts/{where['account_ids'][0]}/billing/profile"
        headers = {"Authorization": f"Bearer {where['api_token']}"}
        with urlopen(Request(url, headers=headers)) as response:  # noqa: S310 - on loopback
            assert json.load(response)["success"] is True
            assert "Ratelimit" not in response.headers
        if isinstance(ending, signal.Signals):
            process.send_signal(ending)
        else:
            process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_the_command_describes_every_setting() -> None:
    """The help names each option with its purpose."""
    assert "--records-per-day" in parser().format_help()
    assert all(action.help for action in parser()._actions)


def test_the_command_defaults_to_the_defaults() -> None:
    """Each option that is a setting of the sandbox has the same default as the setting."""
    settings = inspect.signature(Sandbox).parameters
    options = vars(parser().parse_args([]))
    options.pop("until_stdin_closes")
    assert options == {name: settings[name].default for name in options}


def test_the_command_knows_the_settings_of_version_1() -> None:
    """What can be set about billable usage can be set from the command line."""
    given = ["--two-anchors", "last", "--no-leading-days", "--v1-default-cycles", "1"]
    options = parser().parse_args([*given, "--kind", "self_serve", "--no-old-names"])
    assert (options.two_anchors, options.leading_days, options.v1_default_cycles) == (
        "last",
        False,
        1,
    )
    assert (options.kind, options.old_names) == ("self_serve", False)


def test_the_command_knows_the_readings_of_the_quota() -> None:
    """How the quota is counted, told and enforced can be set from the command line."""
    given = ["--quota-kind", "bucket", "--lockout", "five_minutes", "--no-quota-retry-after"]
    options = parser().parse_args(given)
    told = options.quota_kind, options.lockout, options.quota_retry_after
    assert told == ("bucket", "five_minutes", False)
