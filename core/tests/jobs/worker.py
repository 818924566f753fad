"""A process with one job that waits: started by the tests with the folder, and the id of a job to take over if any."""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from papin._jobs import Jobs
from papin._registry import open_registry
from papin.errors import PapinError
from papin.models import Progress


class Bus:
    def publish(self, event):
        return None

    def publish_envelope(self, envelope):
        return None


async def body(handle):
    handle.report(Progress(phase="downloading", done=1, total=2))
    await trio.sleep_forever()


async def main():
    root = Path(sys.argv[1])
    registry = open_registry(root / "registry.db", root / "run")
    async with trio.open_nursery() as nursery:
        jobs = Jobs(nursery, registry, root / "run", Bus())
        await jobs.recover()
        try:
            job = await (jobs.restart(sys.argv[2], body) if sys.argv[2:] else jobs.start("download", "m", b"r", body))
        except PapinError as error:
            print(error.code, flush=True)
            nursery.cancel_scope.cancel()
        else:
            print(job.id, flush=True)
            await jobs._running[job.id].over.wait()
            nursery.cancel_scope.cancel()
    registry.close()


trio.run(main)
