"""A process in a network namespace of its own, whose only interface goes down for a minute in mid-transfer (N36).

Packets vanish without an answer then, as when a cable is unplugged. Seconds are short.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import trio
import trio.testing
from storage import Folder

from papin._transfers import fetch
from papin.http import Http
from papin.models import HttpSource, WantedFile
from papin.testing.fault_scripts import limited
from papin.testing.fault_server import fault_server

BODY = hashlib.shake_256(b"v1").digest(16 << 20)
MINUTE = 60


def switch(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


async def main():
    async with fault_server(BODY, default=limited(1 << 20)) as server, trio.open_nursery() as nursery:
        down = 0.0

        async def unplug():
            nonlocal down
            while server.sent < len(BODY) // 2:  # noqa: ASYNC110  # it waits for bytes, not for a time
                await trio.sleep(0.1)
            began = trio.current_time()
            switch("down")
            await trio.sleep(MINUTE)
            switch("up")
            down = trio.current_time() - began

        nursery.start_soon(unplug)
        wanted = WantedFile(name="m", sources=(HttpSource(url=server.url, user_named=True),))
        fetched = await fetch(wanted, Folder(Path(sys.argv[1])), Http(environ={}), lambda _: None)
        assert fetched.path.read_bytes() == BODY
        print(json.dumps({"down": down, "sent": server.sent, "size": len(BODY)}))


switch("up")
trio.run(main, clock=trio.testing.MockClock(rate=20))
