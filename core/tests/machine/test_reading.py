"""The machine that the tests run on, with tools of our own on its PATH."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import psutil
import pytest

from papin import _machine
from papin._machine import gpus
from papin.machine import Gpu, Memory

MEMORY = Memory(total=1 << 30, available=1 << 29)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A PATH with nothing on it but what the test puts there."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(gpus, "DRM", tmp_path / "no-cards")

    def write(name, script):
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    return write


def test_this_machine(tmp_path):
    machine = _machine.read([tmp_path])
    assert machine.system
    assert machine.architecture
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert 0 < machine.memory.available <= machine.memory.total <= psutil.virtual_memory().total
    assert machine.volumes[0].path == str(tmp_path)
    assert 0 <= machine.volumes[0].free <= machine.volumes[0].total


def test_volumes_are_told_once_and_before_they_are_made(tmp_path):
    one, two = tmp_path / "not" / "yet", tmp_path / "neither"
    assert [volume.path for volume in _machine.read([one, two]).volumes] == [str(one)]
    assert _machine.read([]).volumes == ()
    assert not one.exists()


def test_each_file_system_is_told(tmp_path, far):
    assert [volume.path for volume in _machine.read([tmp_path, far, tmp_path]).volumes] == [str(tmp_path), str(far)]


def test_without_tools_and_cards_there_is_no_gpu(tools):
    assert gpus.read(MEMORY) == ()


def test_a_vendors_tool_is_asked(tools):
    tools("nvidia-smi", 'test "$1" = --query-gpu=name,memory.total,memory.free && echo "Test GPU, 100, 60"')
    tools("amd-smi", """test "$1" = static && echo '[{"asic": {"market_name": "Other"}, "vram": {"size": "8 GB"}}]'""")
    assert gpus.read(MEMORY) == (
        Gpu(name="Test GPU", vendor="nvidia", memory=100 << 20, memory_free=60 << 20),
        Gpu(name="Other", vendor="amd", memory=8 << 30),
    )


@pytest.mark.parametrize(
    "script", ["exit 9", "echo 'x, 1, 1'; exit 1", "kill -9 $$", "echo nonsense", "printf '\\377\\376'"]
)
def test_a_tool_that_fails_tells_nothing(tools, script):
    tools("nvidia-smi", script)
    tools("rocm-smi", script)
    assert gpus.read(MEMORY) == ()


def test_a_tool_that_cannot_be_started_tells_nothing(tools, tmp_path):
    tools("nvidia-smi", "")
    (tmp_path / "tools" / "nvidia-smi").write_bytes(b"\x7fELF not really")
    assert gpus.ask(["nvidia-smi"]) == ""


def test_a_tool_that_hangs_is_ended(tools, tmp_path, monkeypatch):
    pid = tmp_path / "pid"
    os.mkfifo(tmp_path / "never")
    tools("nvidia-smi", f"echo $$ > {pid}; read nothing < {tmp_path / 'never'}")
    assert gpus.ask(["nvidia-smi"], bound=0.3) == ""
    assert not psutil.pid_exists(int(pid.read_text()))


@pytest.mark.parametrize("pause", ["", "/bin/sleep 0.01;"])
def test_a_tool_that_never_stops_talking_is_ended(tools, tmp_path, pause):
    pid = tmp_path / "pid"
    tools(
        "nvidia-smi",
        f"echo $$ > {pid}; line=$(printf 'x%.0s' $(seq 1000)); while :; do echo $line$line$line; {pause} done",
    )
    assert gpus.ask(["nvidia-smi"], bound=0.3) == ""
    assert not psutil.pid_exists(int(pid.read_text()))


def test_a_tool_that_closes_its_output_and_stays_is_ended(tools, tmp_path):
    os.mkfifo(tmp_path / "never")
    tools("nvidia-smi", f"exec >&-; read nothing < {tmp_path / 'never'}")
    assert gpus.ask(["nvidia-smi"], bound=0.3) == ""


def test_importing_it_costs_nothing():
    code = "import sys; import papin._machine; print(sorted({'psutil', 'trio', 'httpx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
