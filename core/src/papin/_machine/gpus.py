from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from papin._machine import parsers
from papin.models import Gpu, Memory

BOUND = 4.0
"""Seconds that a vendor's tool may take; a driver that hangs takes for ever."""

DRM = Path("/sys/class/drm")

_stuck: list[subprocess.Popen[bytes]] = []
"""Children that could not even be killed: a process inside a driver that hangs. Kept, so that nobody waits for them."""


def read(memory: Memory) -> tuple[Gpu, ...]:
    """Return the graphics processors; `memory` is what one without memory of its own shares."""
    if platform.system() == "Darwin":
        return parsers.system_profiler(ask(["system_profiler", "SPDisplaysDataType", "-json"]), memory)
    seen = parsers.drm(DRM)
    return (
        *(_nvidia() or _of(seen, "nvidia")),
        *(_amd() or _of(seen, "amd")),
        *_of(seen, "intel"),
    )


def _nvidia() -> tuple[Gpu, ...]:
    fields = "--query-gpu=name,memory.total,memory.free"
    return parsers.nvidia_smi(ask(["nvidia-smi", fields, "--format=csv,noheader,nounits"]))


def _amd() -> tuple[Gpu, ...]:
    ways: list[tuple[Sequence[str], Callable[[str], tuple[Gpu, ...]]]] = [
        (["rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"], parsers.rocm_smi),
        (["amd-smi", "static", "--asic", "--vram", "--json"], parsers.amd_smi),
    ]
    return next((found for command, parse in ways if (found := parse(ask(command)))), ())


def _of(gpus: tuple[Gpu, ...], vendor: str) -> tuple[Gpu, ...]:
    return tuple(gpu for gpu in gpus if gpu.vendor == vendor)


def ask(command: Sequence[str], bound: float = BOUND) -> str:
    """Return what `command` prints, or nothing when it is not there, fails, or takes longer than `bound` seconds."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        child = subprocess.Popen(
            [program, *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return ""
    try:
        output, _ = child.communicate(timeout=bound)
    except subprocess.TimeoutExpired:
        _end(child)
        return ""
    return output.decode(errors="replace") if child.returncode == 0 else ""


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    if child.stdout is not None:
        child.stdout.close()
    try:
        child.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        _stuck.append(child)
