"""Several papin processes, and what becomes of their engines when they are killed."""

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from papin.models import LoadSettings

from .conftest import ended, text_of

pytestmark = pytest.mark.usefixtures("fake_server")
LOADER = Path(__file__).with_name("loader.py")


@asynccontextmanager
async def another_papin(world, model, *, keep_alive=300.0):
    """Run a process that loads `model`; its stdout tells when it has."""
    (path,) = await world.files.paths(model)
    arguments = [str(world.folder), str(path), model.id, {"engine": "llama-server"}, keep_alive]
    process = await trio.lowlevel.open_process(
        [sys.executable, str(LOADER), json.dumps(arguments)], stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()
        await process.stdout.aclose()


async def told(process):
    line = b""
    with trio.fail_after(60):
        while not line.endswith(b"\n"):
            piece = await process.stdout.receive_some()
            assert piece, "it ended without an answer"
            line += piece
    return json.loads(line)


async def test_two_processes_that_load_at_once_share_one_engine(world):
    toy = world.toy()
    async with another_papin(world, toy) as first, another_papin(world, toy) as second, world.open() as session:
        engines = [await told(first), await told(second)]
        assert engines[0] == engines[1]
        loaded = await session.load(toy, LoadSettings())
        assert loaded.pid == engines[0]["pid"]
        await session.unload("toy")


async def test_an_engine_outlives_the_process_that_loaded_it_and_answers_others(world):
    toy = world.toy()
    async with another_papin(world, toy) as first:
        pid = (await told(first))["pid"]
    async with world.open() as session:
        (loaded,) = await session.loaded()
        assert loaded.pid == pid
        assert await text_of(session, loaded)
        await session.unload("toy")
        await ended(pid)


async def test_an_engine_whose_papin_was_killed_ends_after_its_keep_alive(world):
    async with another_papin(world, world.toy(), keep_alive=0.5) as first:
        pid = (await told(first))["pid"]
        first.kill()
        await first.wait()
        await ended(pid)
    assert world.engine_files() == []


async def test_a_load_whose_papin_was_killed_ends_at_once(world):
    async with another_papin(world, world.toy(load="hang")) as first:
        with trio.fail_after(60):
            while not (found := [each for each in world.processes() if "--alias" in each.cmdline()]):
                await trio.testing.wait_all_tasks_blocked(0.01)
        first.kill()
        await first.wait()
        await ended(found[0].pid)
    async with world.open() as session:
        assert await session.loaded() == []
    assert world.engine_files() == []


async def test_ctrl_c_in_a_terminal_does_not_reach_the_engine(world):
    async with another_papin(world, world.toy()) as first:
        pid = (await told(first))["pid"]
        assert os.getsid(pid) != os.getsid(first.pid)
    async with world.open() as session:
        assert [loaded.pid for loaded in await session.loaded()] == [pid]
        await session.unload("toy")
