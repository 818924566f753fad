"""D3-D5: the disk fails at any call. It is told as an error of papin, nothing is harmed, and the next life goes on."""

from __future__ import annotations

import errno
import hashlib

import pytest

from papin.testing.fault_server import fault_server

from .audit import audit
from .conftest import some, spare
from .laboratory import orphans

pytestmark = pytest.mark.faults

FULL = {"ERR_DISK_SPACE", "ERR_STORAGE", "ERR_REGISTRY"}
BAD = FULL - {"ERR_DISK_SPACE"}

ROWS = {
    "d3 no space to write": ("ENOSPC", ["write"], FULL),
    "d3 no space to rename, link or make": ("ENOSPC", ["name", "make"], FULL),
    "d3 no space to sync": ("ENOSPC", ["sync"], FULL),
    "d4 over quota": ("EDQUOT", ["write", "make"], FULL),
    "d4 too large": ("EFBIG", ["write"], FULL),
    "d4 too many files": ("EMFILE", ["make"], BAD),
    "d4 no memory": ("ENOMEM", ["write", "make"], BAD),
    "d5 cannot be written": ("EIO", ["write"], BAD),
    "d5 cannot be synced": ("EIO", ["sync"], BAD),
    "d5 cannot be renamed or removed": ("EIO", ["name", "remove"], BAD),
}


@pytest.mark.parametrize("count", [1, 1 << 20], ids=["once", "from then on"])
@pytest.mark.parametrize("row", ROWS)
async def test_d3_d4_d5_an_error_of_the_disk_at_any_call(lab, homes, body, row, count):
    name, kinds, codes = ROWS[row]
    error = getattr(errno, name)
    sha256 = hashlib.sha256(body).hexdigest()
    async with fault_server(body) as server:
        steps = ["download", server.url, "m", sha256]
        whole = await lab.live(homes / "0", steps, root=str(homes), kinds=kinds)
        assert whole.status == 0
        for point in some(range(1, whole.calls + 1), 3):
            home = homes / str(point)
            life = await lab.live(home, steps, root=str(home), kinds=kinds, at=point, count=count, error=error)
            assert life.status in (0, 1), (point, life)
            assert not life.error or life.error in codes, (point, life)
            audit(home, life, server=server)
            # What was said to be done is done, whatever failed in tidying up after it.
            after = await lab.live(home, *([] if life.ended("download") else [steps]), ["state"])
            assert after.status == 0, (point, after)
            assert after.state["passed"] == {"m": True}, (point, after)
            assert orphans(home, after.state["digests"]) == [], point
            audit(home, life, after, server=server)
            spare(home)
