"""A plugin that keeps the event loop from running is named, at once and afterwards; nobody else is."""

from __future__ import annotations

import logging
import sys
import threading
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from papin._plugins import discover, watchdog
from papin._plugins.watchdog import Pulse, culprit
from papin.events import PluginProblem
from papin.kernel import open_kernel

BLOCKS = """
from contextlib import asynccontextmanager
from papin.catalogs import Catalog
from papin.hookspecs import hookimpl

async def block(event):
    assert event.wait(20)

async def await_other(function):
    await function()

@asynccontextmanager
async def open_blocks(context):
    yield None

@hookimpl
def papin_catalogs():
    yield Catalog(name="blocks", prefix="blocks", summary="Blocks", open=open_blocks)
"""

FRONTEND = """
from papin.frontends import Frontend
from papin.hookspecs import hookimpl

async def block(event):
    assert event.wait(20)

@hookimpl
def papin_frontends():
    yield Frontend(name="shows", summary="Shows", main=print)
"""


class Told(logging.Handler):
    """What the watchdog logs, and an event that is set as soon as it does."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.said = threading.Event()

    def emit(self, record):
        self.lines.append(record.getMessage())
        self.said.set()


@pytest.fixture
def told(monkeypatch):
    """Make the watchdog quick, and listen to it."""
    monkeypatch.setattr(watchdog, "LONGEST_STEP", 0.05)
    handler = Told()
    watchdog._log.addHandler(handler)
    yield handler
    watchdog._log.removeHandler(handler)


# --- when a step takes too long


def test_a_step_that_takes_too_long_is_told_once():
    pulse = Pulse(5.0)
    pulse.after_io_wait(0)
    assert [pulse.blocked_since(now) for now in (10, 12, 14.9, 15, 16, 60)] == [None, None, None, 10, None, None]
    pulse.before_io_wait(0)
    pulse.after_io_wait(0)
    assert [pulse.blocked_since(now) for now in (61, 66, 67)] == [None, 61, None]


def test_waiting_is_no_blocking_and_neither_is_much_work():
    pulse = Pulse(5.0)
    pulse.before_io_wait(3600)
    assert [pulse.blocked_since(now) for now in (1, 100, 3600)] == [None, None, None]
    for now in range(3600, 3700, 4):
        pulse.after_io_wait(0)
        assert pulse.blocked_since(now) is None
        pulse.before_io_wait(0)


# --- whose step it is


def test_the_innermost_of_the_packages_is_to_blame():
    frames = {}

    def run(name, inner):
        code = "def step(inner):\n    return inner()\n"
        scope = {"__name__": name}
        exec(code, scope)
        return scope["step"](inner)

    def look():
        frames["now"] = sys._getframe()

    run("papin_outer.plugin", lambda: run("papin._operations", lambda: run("json.decoder", look)))
    assert culprit(frames["now"], {"papin_outer", "papin"})[0] == "papin"
    package, place = culprit(frames["now"], {"papin_outer"})
    assert (package, place) == ("papin_outer", "papin_outer.plugin, line 2, in step")
    assert culprit(frames["now"], {"somebody_else"}) == ("", "")
    assert culprit(None, {"papin"}) == ("", "")


# --- real loops


async def _after(told, site, source, function="block", argument=None):
    """Block the loop in a plugin until the watchdog says so; return the events, and what is wrong with the plugin."""
    module = site.install("blocks", source=source, distribution="papin-blocks", version="1.2")
    plugins, published = discover(only="blocks", path=[site.folder]), []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.watch_loop, plugins, published.append)
        await wait_all_tasks_blocked()
        await getattr(sys.modules[module], function)(argument or told.said)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return published, plugins.listing()[0].problems


async def test_a_plugin_that_blocks_is_named_at_once_and_when_it_is_over(told, site):
    published, problems = await _after(told, site, BLOCKS)
    (line,) = told.lines
    assert line.startswith("papin stands still in plugin blocks (papin-blocks 1.2): plugin_")
    (event,) = published
    assert type(event) is PluginProblem
    assert event.plugin == "blocks"
    assert event.problem.code == "ERR_PLUGIN"
    assert "papin-blocks 1.2" in event.problem.message
    assert event.problem.message.endswith("in block")
    assert problems == (event.problem,)


async def test_one_that_blocks_again_is_told_of_again_and_listed_once(told, site):
    async def twice(event):
        for _ in range(2):
            await sys.modules[module].block(event)
            event.clear()
            await wait_all_tasks_blocked()

    module = site.install("blocks", source=BLOCKS)
    plugins, published = discover(only="blocks", path=[site.folder]), []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.watch_loop, plugins, published.append)
        await wait_all_tasks_blocked()
        await twice(told.said)
        nursery.cancel_scope.cancel()
    assert len(published) == 2
    assert len(plugins.listing()[0].problems) == 1


async def test_a_frontend_may_wait_in_its_own_loop(told, site):
    over = threading.Timer(0.3, told.said.set)  # six times what would be noticed
    over.start()
    published, problems = await _after(told, site, FRONTEND)
    over.join()
    assert (told.lines, published, problems) == ([], [], ())


async def test_what_waits_for_nothing_but_the_loop_is_not_noticed(told, site):
    published, problems = await _after(told, site, BLOCKS, "await_other", partial(trio.sleep, 0.3))
    assert (told.lines, published, problems) == ([], [], ())


async def test_the_kernel_watches_its_loop(told, site, tmp_path):
    module = site.install("blocks", source=BLOCKS)
    async with open_kernel(environ={"PAPIN_HOME": str(tmp_path / "home")}) as kernel:
        with kernel.bus.subscribe() as frames:
            told.said.clear()
            await sys.modules[module].block(told.said)
            with trio.fail_after(60):
                while type(event := (await anext(frames)).envelope.event) is not PluginProblem:
                    pass
        assert event.plugin == "blocks"
        assert [each.problems for each in kernel.plugins() if each.name == "blocks"] == [(event.problem,)]
