"""A process that fetches one file: started by the tests with folder, address, size and digest; prints what came of it.

`grown` is by how many bytes its peak memory grew while it fetched. What it took from its sockets is added to `received`
beside the folder, which tells of it when it was killed too.
"""

from __future__ import annotations

import json
import mmap
import resource
import struct
import sys
from pathlib import Path

import trio
from storage import Folder

from papin._transfers import fetch
from papin.http import Http, StreamedResponse
from papin.models import HttpSource, WantedFile


def count_received(path):
    """Count in the file of that path, at once, what is received of bodies."""
    with path.open("a+b") as file:
        file.truncate(8)  # what another process counts in it stays
        counter = mmap.mmap(file.fileno(), 8)
    receive = StreamedResponse.receive_into

    async def counting(answer, buffer):
        count = await receive(answer, buffer)
        counter[:] = struct.pack("<Q", struct.unpack("<Q", counter[:])[0] + count)
        return count

    StreamedResponse.receive_into = counting


async def main():
    root, url, size, sha256 = sys.argv[1:]
    count_received(Path(root).with_name("received"))
    source = HttpSource(url=url, user_named=True)
    wanted = WantedFile(name="m", sources=(source,), size=int(size), sha256=sha256)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fetched = await fetch(wanted, Folder(Path(root)), Http(environ={}), lambda _: None)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"how": fetched.how, "grown": grown}))


trio.run(main)
