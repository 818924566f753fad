"""A papin process, for tests that need another one: loads a model and then waits to be killed.

Its arguments are JSON: the folder, the model's file, the id, the settings, and how long to keep it.
"""

import json
import sys
from pathlib import Path

import trio
from conftest import World

from papin.models import LoadSettings


async def main(folder, path, name, settings, keep_alive):
    world = World(Path(folder))
    async with world.open(**settings) as session:
        loaded = await session.load(world.model(Path(path), name), LoadSettings(keep_alive=keep_alive))
        sys.stdout.write(json.dumps({"pid": loaded.pid, "address": loaded.address}) + "\n")
        sys.stdout.flush()
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, *json.loads(sys.argv[1]))
