"""D1: the power goes at any instant of a download, a resume, an import and a removal."""

from __future__ import annotations

import hashlib
import random

import pytest

from papin.testing.fault_server import fault_server

from .audit import audit
from .conftest import EVERYTHING, make_gguf
from .disk import Disk
from .laboratory import orphans

pytestmark = pytest.mark.faults

CUTS = 200 if EVERYTHING else 12


def judge_acknowledged(life, state):
    """What was acknowledged is there, and right; what was removed does not come back."""
    passed = state["passed"]
    assert all(passed.values())
    if life.ended("download"):
        assert "b" in passed
    if life.ended("take") and "remove_if_there" not in [name for name, *_ in life.of("begins")]:
        assert "a" in passed
    if life.ended("remove_if_there"):
        assert "a" not in passed


async def test_d1_a_power_cut_at_any_instant(lab, tmp_path, body):
    (tmp_path / "a.gguf").write_bytes(make_gguf(1, 1 << 20))
    chance = random.Random(1)
    async with fault_server(body) as server:
        download = ["download", server.url, "b", hashlib.sha256(body).hexdigest()]
        steps = [["take", str(tmp_path / "a.gguf"), None], download, ["remove_if_there", "a"]]
        fresh = Disk(tmp_path / "fresh", tmp_path / "disk")
        begun = fresh.copy(tmp_path / "begun")
        with fresh.copy(tmp_path / "whole") as root:
            whole = await lab.live(root / "home", *steps, root=str(root))
            assert whole.status == 0
        with begun as root:  # a download that was killed in its middle, to be resumed
            await lab.live(root / "home", download, root=str(root), at=200)
        for number in range(CUTS):
            disk = (begun if number % 3 == 0 else fresh).copy(tmp_path / "present")
            with disk as root:
                at = chance.randrange(1, whole.calls)
                life = await lab.live(root / "home", *steps, root=str(root), at=at)
                disk.cut_power()
            with disk as root:
                audit(root / "home", life, server=server)
                sent = server.sent
                after = await lab.live(root / "home", ["state"])
                assert after.status == 0, (number, at, after)
                judge_acknowledged(life, after.state)
                assert server.sent == sent
                rest = await lab.live(root / "home", *steps, ["state"])
                assert rest.status == 0, (number, at, rest)
                assert rest.state["passed"] == {"b": True}, (number, at)
                assert server.sent == sent or not life.ended("download")
                assert orphans(root / "home", rest.state["digests"]) == [], (number, at)
                audit(root / "home", life, after, rest, server=server)
