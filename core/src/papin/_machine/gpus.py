from __future__ import annotations

import os
import platform
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from papin._machine import parsers
from papin.machine import Gpu, Memory

BOUND = 4.0
"""Seconds that a vendor's tool may take; a driver that hangs takes for ever."""

LIMIT = 1 << 20
"""Bytes that a vendor's tool may say."""

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
    output = _listen(child, time.monotonic() + bound)
    if output is None:
        _end(child)
        return ""
    return output.decode(errors="replace") if child.returncode == 0 else ""


def _listen(child: subprocess.Popen[bytes], deadline: float) -> bytes | None:
    """Return all that `child` says until it ends, or None when that takes too long or is too much."""
    assert child.stdout is not None
    output = bytearray()
    with selectors.DefaultSelector() as selector, child.stdout as stream:
        selector.register(stream, selectors.EVENT_READ)
        while len(output) <= LIMIT and selector.select(max(0.0, deadline - time.monotonic())):
            piece = os.read(stream.fileno(), 1 << 16)
            if not piece:
                return bytes(output) if _ended(child, max(0.0, deadline - time.monotonic())) else None
            output += piece
    return None


def _ended(child: subprocess.Popen[bytes], within: float) -> bool:
    try:
        child.wait(within)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    if not _ended(child, 0.5):
        _stuck.append(child)
