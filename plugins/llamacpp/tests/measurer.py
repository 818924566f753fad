"""A papin process, for tests that kill it: measures a model; says so as soon as the first run is over.

Its argument is JSON: the folder, and the model's file.
"""

import json
import sys
from pathlib import Path

import trio
from conftest import World

from papin.models import LoadSettings


def report(progress):
    if progress.done:
        sys.stdout.write("measuring\n")
        sys.stdout.flush()


async def main(folder, path):
    world = World(Path(folder))
    async with world.open() as session:
        await session.measure(world.model(Path(path)), LoadSettings(), report)


if __name__ == "__main__":
    trio.run(main, *json.loads(sys.argv[1]))
