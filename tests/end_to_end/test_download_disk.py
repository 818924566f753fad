"""A disk that fills up during a download, though there was room when it began: for the store, and for all of papin."""

import json
import os
import subprocess

import pytest
import trio

from papin.testing.fault_scripts import limited
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

from .conftest import arrived

BODY = tiny_gguf(payload=6 << 20)

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs root and the right to mount")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(disk):
    """Take all space that is left; return the file that takes it."""
    path = disk / "other"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                continue
        except OSError:
            return path
    raise AssertionError("it has no end")


@pytest.mark.parametrize("what", ["the store", "everything"])
async def test_a_disk_that_fills_up_leaves_a_job_that_can_go_on_and_a_papin_that_works(papin, small_disk, what):
    papin.environ["PAPIN_STORAGES__STORE__RESERVE"] = "0"
    if what == "the store":
        papin.environ["PAPIN_STORAGES__STORE__PATH"] = str(small_disk / "store")
    else:
        papin.environ["PAPIN_HOME"] = str(small_disk / "home")
    async with fault_server(BODY, default=limited(400_000)) as server:
        child = papin.start("models", "download", server.url, "--name", "m", "--json")
        await arrived(child, 200_000)
        filler = await trio.to_thread.run_sync(fill, small_disk)
        with trio.fail_after(60):
            out, _ = await trio.to_thread.run_sync(child.communicate, abandon_on_cancel=True)
        assert child.returncode == 1
        assert json.loads(out.splitlines()[-1])["error"]["code"] == "ERR_DISK_SPACE"
        [job] = json.loads(papin("downloads", "list", "--json").stdout)
        assert job["state"] in ("failed", "interrupted")
        assert "No models" in papin("models", "list").stdout
        filler.unlink()
        server.play(*[limited(20_000_000)] * 20)
        await trio.to_thread.run_sync(lambda: papin("downloads", "resume", job["id"]))
    assert [each["id"] for each in json.loads(papin("models", "list", "--json").stdout)] == ["m"]
