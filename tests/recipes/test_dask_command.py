"""The command that syncs on a Dask cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfbilling import ApiToken, BillingClient, plan
from cfbilling.sandbox import Sandbox
from cfbilling.sync import Store
from tests.recipes.dask_cluster import DaskCluster
from tests.recipes.dask_service import SETTINGS, environ, first_of, hang

pytest.importorskip("distributed", reason="needs the extra dask")

MONTHS = ("--from", "2025-01", "--to", "2025-03")


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers, in another folder than the command's."""
    with DaskCluster(tmp_path_factory.mktemp("cluster"), 2, environ()) as cluster:
        yield cluster


async def sync_on(
    cluster: DaskCluster, sandbox: Sandbox, folder: Path, *arguments: str, **variables: str
) -> asyncio.subprocess.Process:
    """Start the command in a folder, without any credential but those given."""
    known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cfbilling", "sync", "store", *MONTHS, "--dask", cluster.address),
        *("--base-url", sandbox.base_url, *arguments),
        cwd=folder,
        env=known | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def test_the_workers_do_what_is_named(workers: DaskCluster, tmp_path: Path) -> None:
    """Tokens are the workers' own, files are where the command is, and who fails is named."""
    async with Sandbox(**SETTINGS) as sandbox:
        names = ("TOKEN_A", "TOKEN_B", "TOKEN_C", None, "TOKEN_A", "TOKEN_B")
        named = dict(zip(sandbox.account_ids, names, strict=True))
        lines = [f"{id_},{name}" if name else id_ for id_, name in named.items()]
        (tmp_path / "accounts").write_text("\n".join(lines))
        arguments = ("--accounts-file", "accounts")
        command = await sync_on(workers, sandbox, tmp_path, *arguments)
        out, err = (text.decode() for text in await command.communicate())
        refused = sandbox.account_ids[2]
        assert command.returncode == 1, err
        assert out.startswith("10 units fetched (10 new or restated), 0 skipped, 2 failed, ")
        assert f"{refused} failed for 2025-01" in err
        assert environ()["TOKEN_A"] not in out + err
        store = Store(tmp_path / "store")
        one, other, _ = sandbox.api_tokens
        tokens = {None: ApiToken(one), "TOKEN_A": ApiToken(one), "TOKEN_B": ApiToken(other)}
        del named[refused]
        async with BillingClient(tokens, base_url=sandbox.base_url) as client:
            for unit in plan(named, "2025-01-01", "2025-03-01"):
                assert await client.fetch(unit).collect() == await store.read(unit).collect()
        command = await sync_on(workers, sandbox, tmp_path, *arguments, "--dry-run")
        out, err = (text.decode() for text in await command.communicate())
        assert (0, "Accounts  1 of 6") == (command.returncode, out.splitlines()[0]), err


async def test_all_accounts_are_listed_here(workers: DaskCluster, tmp_path: Path) -> None:
    """The list takes a credential of this machine; the tokens of the workers may be files."""
    (tmp_path / "tokens").mkdir()
    async with Sandbox(**SETTINGS) as sandbox:
        (tmp_path / "tokens" / "CLOUDFLARE_API_TOKEN").write_text(sandbox.api_token)
        there = ("--all-accounts", "--dask-tokens", str(tmp_path / "tokens"), "--quiet")
        token = {"CLOUDFLARE_API_TOKEN": sandbox.api_token}
        command = await sync_on(workers, sandbox, tmp_path, *there, **token)
        assert (b"", b"") == await command.communicate()
        assert command.returncode == 0
        units = list(plan(sandbox.account_ids, "2025-01-01", "2025-03-01"))
        store = Store(tmp_path / "store")
        assert all([await store.fetched(unit) for unit in units])


async def test_an_interrupt_ends_it_there_too(workers: DaskCluster, tmp_path: Path) -> None:
    """What is under way on the workers is given up, and the next one finds them free."""
    async with Sandbox(**SETTINGS) as sandbox:
        arguments = tuple(sandbox.account_ids)
        begun, never = hang(sandbox)
        command = await sync_on(workers, sandbox, tmp_path, *arguments)
        ended = asyncio.create_task(command.wait())
        await first_of(begun, ended)
        command.send_signal(signal.SIGINT)
        assert await ended == 130
        never.set()
        sandbox.faults.clear()
        command = await sync_on(workers, sandbox, tmp_path, *arguments)
        assert await command.wait() == 0
