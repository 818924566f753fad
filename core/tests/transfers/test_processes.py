"""Processes that die in the middle, are interrupted, or want the same at once; bytes on the wire are counted."""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from pathlib import Path

import pytest
import trio

from papin._transfers import fetch
from papin.errors import PapinError
from papin.http import Http
from papin.testing.fault_scripts import ok, refuse
from papin.testing.fault_server import fault_server

from .conftest import MIB, Task, make_body
from .storage import Folder

CHECKPOINT = 16 * MIB  # I3: what a kill may cost, and what lay in the buffers of the sockets
WORKER = Path(__file__).with_name("worker.py")
RUN = f"import runpy, sys; sys.path.insert(0, {str(WORKER.parent)!r}); runpy.run_path({str(WORKER)!r})"


@pytest.fixture
def large(storage):
    """A file that takes a while."""
    return Task(make_body(32 * MIB), storage)


def _words(task, server):
    return [str(task.storage.root), server.url, str(len(task.body)), task.sha256]


def _received(task):
    """What all processes took from their sockets."""
    (count,) = struct.unpack("<Q", task.storage.root.with_name("received").read_bytes())
    return count


async def _finish(task, server, warm):
    """Fetch it in another process; return what that says."""
    done = await trio.to_thread.run_sync(lambda: warm.run(RUN, *_words(task, server), environ=os.environ))
    assert done.returncode == 0, done.stderr
    payload = task.storage.root / "blobs" / task.sha256
    assert payload.read_bytes() == task.body
    return json.loads(done.stdout)


def _telling(at, event):
    """A script that behaves, and sets `event` when the server has sent `at` bytes in all."""

    async def script(exchange):
        send = exchange.send

        async def counting(data):
            await send(data)
            if exchange.server.sent >= at:
                event.set()

        exchange.send = counting
        await ok()(exchange)

    return script


async def _kill_at(event, task, server, warm, by=signal.SIGKILL):
    """Start another process that fetches it, and end that when `event` is set."""
    with warm.start(RUN, *_words(task, server), environ=os.environ) as child:
        await event.wait()
        child.send_signal(by)
        await trio.to_thread.run_sync(child.communicate)


@pytest.mark.parametrize("at", [1, 20 * MIB + 5])
async def test_i3_d10_kill_9_anywhere_leaves_something_to_go_on_from(large, at, warm):
    event = trio.Event()
    async with fault_server(large.body, *[_telling(at, event)] * 32) as server:
        await _kill_at(event, large, server, warm)
        await _finish(large, server, warm)
    assert _received(large) <= len(large.body) + CHECKPOINT


async def test_d10_killed_again_and_again(large, warm):
    kills = (6, 18)
    async with fault_server(large.body) as server:
        for at in kills:
            event = trio.Event()
            server.scripts.clear()
            server.play(*[_telling(at * MIB, event)] * 32)
            await _kill_at(event, large, server, warm)
        server.scripts.clear()
        await _finish(large, server, warm)
    assert _received(large) <= len(large.body) + len(kills) * CHECKPOINT


async def test_d12_ctrl_c_costs_nothing_that_had_come(large, warm):
    event = trio.Event()
    async with fault_server(large.body, *[_telling(16 * MIB, event)] * 32) as server:
        with trio.fail_after(60):
            await _kill_at(event, large, server, warm, signal.SIGINT)
        assert large.staged > 0
        await _finish(large, server, warm)
    assert _received(large) == len(large.body)


@pytest.mark.parametrize("count", [2, 4])
async def test_d14_several_processes_fetch_it_once(task, count, warm):
    async with fault_server(task.body) as server, trio.open_nursery() as nursery:
        said = []

        async def one():
            said.append(await _finish(task, server, warm))

        for _ in range(count):
            nursery.start_soon(one)
    assert server.sent <= 1.02 * len(task.body)
    assert sorted(each["how"] for each in said) == ["download"] + ["present"] * (count - 1)


async def test_memory_does_not_grow_with_the_file(tmp_path, warm):
    task = Task(bytes(128 * MIB), Folder(tmp_path / "storage"))
    async with fault_server(task.body) as server:
        said = await _finish(task, server, warm)
    assert said["grown"] < 100 * MIB


async def test_d3_a_file_system_limit_leaves_something_to_resume(large, warm):
    async with fault_server(large.body) as server:
        limited = ["prlimit", f"--fsize={20 * MIB}", sys.executable, str(WORKER), *_words(large, server)]
        done = await trio.run_process(limited, check=False, capture_stderr=True)
        if b"prlimit" in done.stderr:
            pytest.skip("needs prlimit")
        assert b"DiskSpace" in done.stderr
        sent = server.sent
        await _finish(large, server, warm)
    assert server.sent - sent < len(large.body)


async def test_d14_the_second_of_one_process_waits_and_finds_it(task):
    async with fault_server(task.body) as server, trio.open_nursery() as nursery:
        hows = []

        async def one():
            fetched = await fetch(task.wanted(server.url), task.storage, Http(environ={}), lambda _: None)
            hows.append(fetched.how)

        nursery.start_soon(one)
        nursery.start_soon(one)
    assert sorted(hows) == ["download", "present"]
    assert server.sent == len(task.body)


async def test_a_source_that_is_gone_leaves_what_was_there(large, warm):
    event = trio.Event()
    async with fault_server(large.body, *[_telling(24 * MIB, event)] * 32) as server:
        await _kill_at(event, large, server, warm)
        kept = large.staged
        server.scripts.clear()
        server.play(*[refuse(404)] * 32)
        with pytest.raises(PapinError):
            await large.fetch(server.url)
    assert large.staged == kept
