"""D3: a little space is kept for the moment in which there is no other."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import pytest

from papin._registry import open_registry


@pytest.fixture
def disk(tmp_path):
    """A disk with more than is worth a reserve."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=70m", "papin-test", folder], capture_output=True)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.faults
def test_d3_a_registry_on_a_full_disk_is_read_and_changed(disk):
    open_registry(disk / "registry.db", disk / "run").close()
    assert (disk / "registry.db-reserve").stat().st_size > 0
    with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass  # until it does not fit
    with open_registry(disk / "registry.db", disk / "run") as registry:
        registry.change(lambda write: write.set_speed_limit(5))
        assert registry.read.speed_limit() == 5
    assert not (disk / "registry.db-reserve").exists()
    (disk / "filler").unlink()
    open_registry(disk / "registry.db", disk / "run").close()
    assert (disk / "registry.db-reserve").exists()
