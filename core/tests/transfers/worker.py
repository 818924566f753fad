"""A process that fetches one file: started by the tests with folder, address, size and digest; prints what came of it.

`grown` is by how many bytes its peak memory grew while it fetched.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import trio
from storage import Folder

from papin._transfers import fetch
from papin.http import Http
from papin.models import HttpSource, WantedFile


async def main():
    root, url, size, sha256 = sys.argv[1:]
    source = HttpSource(url=url, user_named=True)
    wanted = WantedFile(name="m", sources=(source,), size=int(size), sha256=sha256)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fetched = await fetch(wanted, Folder(Path(root)), Http(environ={}), lambda _: None)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"how": fetched.how, "grown": grown}))


trio.run(main)
