"""A process that runs steps of papin in children of its own, each of which can be killed, starved or stopped.

It imports papin once and forks, so that a life takes a tenth of a second. Requests and answers are lines of JSON on
standard input and output; `laboratory.Lab` speaks to it. With `shim.so` preloaded, calls to the system can fail.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from contextlib import aclosing, suppress

import trio

from papin.errors import Cancelled, PapinError
from papin.kernel import open_kernel

KINDS = {"write": 1, "sync": 2, "name": 4, "make": 8, "remove": 16}
ALL = sum(KINDS.values())


class Life:
    """One child: it says what it does on a pipe, so that what was acknowledged is known whatever becomes of it."""

    def __init__(self, pipe):
        self._pipe = pipe

    def say(self, *words):
        os.write(self._pipe, json.dumps(words).encode() + b"\n")

    async def live(self, environ, steps):
        async with open_kernel(environ=environ) as kernel:
            with kernel.bus.subscribe(1):  # as a plugin that hangs, it never listens; nobody waits for it
                for name, *arguments in steps:
                    self.say("begins", name, *arguments)
                    await getattr(self, name)(kernel, *arguments)
                    self.say("ended", name, *arguments)

    async def download(self, kernel, url, name, sha256):
        await self._wait(kernel, await kernel.downloads.start(url, name=name, sha256=sha256))

    async def take(self, kernel, path, name):
        await self._wait(kernel, await kernel.downloads.import_file(path, name=name))

    async def install(self, kernel, ref):
        await self._wait(kernel, await kernel.downloads.start(ref))

    async def update(self, kernel, name):
        await self._wait(kernel, await kernel.updates.start(name))

    async def repair(self, kernel, name):
        plan = await kernel.repairs.plan(name)
        if plan.files:
            await self._wait(kernel, await kernel.repairs.start(plan))

    async def _wait(self, kernel, job):
        self.say("job", job.id)
        shown = []
        async with aclosing(kernel.downloads.follow(job.id)) as changes:
            async for each in changes:
                if each.progress:
                    shown.append(each.progress.done)
        self.say("shown", shown)
        await kernel.downloads.wait(job.id)

    async def remove(self, kernel, name):
        await kernel.models.remove(name)

    async def remove_if_there(self, kernel, name):
        if name in [model.id for model in await kernel.models.list()]:
            await kernel.models.remove(name)

    async def state(self, kernel):
        models = await kernel.models.list()
        passed = {model.id: (await kernel.models.verify(model.id)).passed for model in models}
        digests = {model.id: [file.sha256 for file in model.files] for model in models}
        jobs = {job.id: job.state for job in await kernel.downloads.list()}
        problems = [plugin.name for plugin in kernel.plugins() if plugin.problems]
        self.say("state", {"passed": passed, "digests": digests, "jobs": jobs, "problems": problems})


def live(pipe, environ, steps, arms):
    life = Life(pipe)
    known = set(sys.modules)
    try:
        arm(**arms)
        trio.run(life.live, environ, steps)
    except Cancelled as error:
        life.say("cancelled", error.code)
    except PapinError as error:
        life.say("error", error.code, error.message, error.next_step)
        return 1
    except BaseException:
        life.say("bug", traceback.format_exc())
        return 70
    finally:
        if "root" in arms:
            life.say("calls", ctypes.CDLL(None).shim_calls())
        life.say("imported", sorted(set(sys.modules) - known))
    return 0


def arm(root=None, kinds=(), at=1 << 30, count=1, error=0, wall=0, jump=0, step=0, free_locks=False, limits=()):
    """Make the faults of this process."""
    if root is not None:
        ctypes.CDLL(None).shim_arm(os.fsencode(root), sum(KINDS[each] for each in kinds) or ALL, at, count, error)
    if wall:
        set_clocks(wall, 0)
    if jump or step:
        # What it finds when it goes on: time has passed, or somebody has set the clock.
        signal.signal(signal.SIGCONT, lambda *_: set_clocks(jump or step, jump))
    if free_locks:
        ctypes.CDLL(None).shim_free_locks()
    for name, limit in dict(limits).items():
        resource.setrlimit(getattr(resource, name), (limit, limit))


def set_clocks(wall, monotonic):
    ctypes.CDLL(None).shim_clocks(ctypes.c_long(wall), ctypes.c_long(monotonic))


def learn(names):
    """Import what a child needed, so that the next ones have it."""
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)


class Laboratory:
    """The children, by their process ids."""

    def __init__(self):
        self._pipes = {}

    def start(self, environ, steps, arms):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            os._exit(live(writing, environ, steps, arms))
        os.close(writing)
        self._pipes[child] = reading
        return child

    def stop(self, child):
        """Stop it; nothing of it runs any more when this returns. Tell whether it was alive."""
        os.kill(child, signal.SIGSTOP)
        return os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_code == os.CLD_STOPPED

    def signal(self, child, number):
        os.kill(child, number)

    def end(self, child):
        """Wait until it ends; return its status (or the negated signal) and what it said."""
        with os.fdopen(self._pipes.pop(child), "rb") as pipe:
            said = [json.loads(line) for line in pipe.read().splitlines() if line.endswith(b"]")]
        _, status = os.waitpid(child, 0)
        for word, *rest in said:
            if word == "imported":
                learn(rest[0])
        return [os.waitstatus_to_exitcode(status), said]


def main():
    laboratory = Laboratory()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(laboratory, name)(*arguments)), flush=True)


if __name__ == "__main__":
    # Imported now, and not again by every child.
    from papin._plugins import discover

    discover()
    main()
