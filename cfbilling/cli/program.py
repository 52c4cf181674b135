"""The program ``cfbilling``: every command that can be typed after it."""

from __future__ import annotations

import click

from cfbilling import __version__
from cfbilling.cli.commands.accounts import accounts
from cfbilling.cli.commands.billable_usage import billable_usage
from cfbilling.cli.commands.check import check
from cfbilling.cli.commands.costs import costs
from cfbilling.cli.commands.credits import credits_
from cfbilling.cli.commands.cycles import cycles
from cfbilling.cli.commands.demo import demo
from cfbilling.cli.commands.history import history
from cfbilling.cli.commands.org_usage import org_usage
from cfbilling.cli.commands.paygo import paygo
from cfbilling.cli.commands.profile import profile
from cfbilling.cli.commands.report import report
from cfbilling.cli.commands.sandbox import sandbox
from cfbilling.cli.commands.spend import spend
from cfbilling.cli.commands.subscriptions import subscriptions
from cfbilling.cli.commands.sync import sync
from cfbilling.cli.commands.usage import usage

__all__ = ["program"]

_COMMANDS = [
    costs,
    usage,
    billable_usage,
    org_usage,
    paygo,
    accounts,
    cycles,
    subscriptions,
    spend,
    history,
    credits_,
    profile,
    report,
    sync,
    check,
    sandbox,
    demo,
]


@click.group(
    commands=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="cfbilling")
def program() -> None:
    """Cloudflare billing and usage data, in a file, a table or a picture.

    The credential comes from CLOUDFLARE_API_TOKEN, or CLOUDFLARE_EMAIL with CLOUDFLARE_API_KEY,
    or from --token-file; never from an argument, which other users of the machine can see.

    \b
    Exit codes:
      0    everything was delivered (or the reader of a pipe had enough)
      1    some accounts failed; standard error names them
      2    the command line is wrong
      3    no credential, or the service does not accept it
      4    the service refused: no such account, or no access
      5    rate-limited for longer than --max-wait
      6    the network or the service failed
      7    the output could not be written, or a store not read or written
      8    more is spent than 'spend --over' allows
      129  hung up: the terminal was closed
      130  interrupted (Ctrl-C)
      143  terminated
    """  # noqa: D301 - click's mark for text that is not to be wrapped
