"""D11-D16: stopped, interrupted twice, on wrong clocks, many at once, without locks, and after a dead owner."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from functools import partial

import pytest
import trio

from papin.testing.fault_scripts import cut, limited, refuse
from papin.testing.fault_server import fault_server

from .audit import audit
from .conftest import make_gguf
from .laboratory import Telling, orphans

pytestmark = pytest.mark.faults

MIB = 1 << 20
YEAR = 365 * 24 * 3600
PAPIN = [sys.executable, "-c", "import sys; from papin.launch import main; sys.exit(main())"]


@pytest.fixture(scope="session")
def large():
    return make_gguf(2, 12 * MIB)


def download(server, body, name="m"):
    return ["download", server.url, name, hashlib.sha256(body).hexdigest()]


async def test_d11_stopped_for_five_minutes(lab, homes, large):
    telling = Telling(limited(16 * MIB), at=6 * MIB)
    async with fault_server(large, default=telling) as server:
        child = lab.start(homes / "home", download(server, large), jump=300)
        await telling.reached.wait()
        assert lab.ask("stop", child)
        lab.ask("signal", child, signal.SIGCONT)
        life = await lab.end(child)
        assert life.status == 0, life
    audit(homes / "home", life, server=server)
    assert server.sent <= 1.05 * len(large)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_d12_a_signal_twice_in_mid_transfer(homes, large, number):
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PAPIN_")}
    environ["PAPIN_HOME"] = str(homes / "home")
    telling = Telling(limited(4 * MIB), at=6 * MIB)
    async with fault_server(large, default=telling) as server:
        command = [*PAPIN, "models", "download", server.url, "--name", "m", "--yes"]
        run = partial(trio.run_process, command, env=environ, check=False, stdin=b"", stderr=subprocess.PIPE)
        async with trio.open_nursery() as nursery:
            process = await nursery.start(run)
            await telling.reached.wait()
            with trio.fail_after(60):
                process.send_signal(number)
                process.send_signal(number)
                assert await process.wait() in (-number, 128 + number)
        sent = server.sent
        done = await trio.run_process(command, env=environ, check=False, stdin=b"", capture_stderr=True)
        assert done.returncode == 0, done.stderr.decode()
    audit(homes / "home", server=server)
    assert sent < len(large)
    assert server.sent - sent < len(large)


@pytest.mark.parametrize("wall", [-YEAR, YEAR])
async def test_d13_a_clock_that_was_wrong_costs_no_partial_download(lab, homes, tmp_path, large, wall):
    (tmp_path / "other.gguf").write_bytes(make_gguf(3, MIB))
    async with fault_server(large, default=Telling(cut(9 * MIB), refuse(404))) as server:
        first = await lab.live(homes / "home", download(server, large))
        assert first.error == "ERR_NOT_FOUND"
        second = await lab.live(homes / "home", ["take", str(tmp_path / "other.gguf"), "other"], ["state"], wall=wall)
        assert second.state["passed"] == {"other": True}
        third = await lab.live(homes / "home", download(server, large), ["state"])
        assert third.state["passed"] == {"m": True, "other": True}
    audit(homes / "home", first, second, third, server=server)
    assert server.sent <= 1.05 * len(large)


async def test_d13_a_clock_that_steps_in_mid_transfer(lab, homes, large):
    telling = Telling(limited(16 * MIB), at=6 * MIB)
    async with fault_server(large, default=telling) as server:
        child = lab.start(homes / "home", download(server, large), ["state"], step=-YEAR)
        await telling.reached.wait()
        lab.ask("signal", child, signal.SIGCONT)
        life = await lab.end(child)
        assert life.status == 0, life
        assert life.state["passed"] == {"m": True}
    audit(homes / "home", life, server=server)
    assert server.sent <= len(large)


@pytest.mark.parametrize("count", [2, 8])
async def test_d14_many_processes_fetch_it_once_and_all_see_the_progress(lab, homes, large, count):
    async with fault_server(large, default=limited(8 * MIB)) as server:
        children = [lab.start(homes / "home", download(server, large)) for _ in range(count)]
        lives = [await lab.end(child) for child in children]
        assert [life.status for life in lives] == [0] * count, lives
        state = (await lab.live(homes / "home", ["state"])).state
    assert state["passed"] == {"m": True}
    audit(homes / "home", *lives, server=server)
    assert server.sent <= 1.02 * len(large)
    for life in lives:
        (shown,) = life.of("shown")[0]
        assert len({done for done in shown if 0 < done < len(large)}) >= 3, shown
        assert max(shown) == len(large)


async def test_d15_locks_that_everybody_gets(lab, homes, large):
    async with fault_server(large, default=limited(8 * MIB)) as server:
        starts = [lab.start(homes / "home", download(server, large), free_locks=True) for _ in range(4)]
        lives = [await lab.end(child) for child in starts]
        # Who cannot be sure to be alone says so; nobody writes into the file of another.
        assert all(life.status == 0 or life.error in ("ERR_CONFLICT", "ERR_REGISTRY") for life in lives), lives
        assert any(life.status == 0 for life in lives)
        audit(homes / "home", *lives, server=server)
        after = await lab.live(homes / "home", download(server, large), ["state"], free_locks=True)
        assert after.state["passed"] == {"m": True}, after
        assert orphans(homes / "home", after.state["digests"]) == []
        audit(homes / "home", *lives, after, server=server)


async def test_d16_the_owner_dies_with_the_lock_in_its_hand(lab, homes, large):
    telling = Telling(limited(8 * MIB), at=4 * MIB)
    async with fault_server(large, default=telling) as server:
        owner = lab.start(homes / "home", download(server, large))
        await telling.reached.wait()
        waiting = lab.start(homes / "home", download(server, large))
        lab.ask("stop", owner)
        lab.ask("signal", owner, signal.SIGKILL)
        assert (await lab.end(owner)).status == -signal.SIGKILL
        life = await lab.end(waiting)
        if life.status:  # it had joined the job of the dead one
            assert life.of("cancelled"), life
            life = await lab.live(homes / "home", download(server, large))
        assert life.status == 0, life
    audit(homes / "home", life, server=server)
    assert server.sent <= 2 * len(large)
