from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from papin._machine import cgroups, gpus
from papin.machine import Machine, Memory, Volume


def read(volumes: Sequence[Path] = ()) -> Machine:
    """Return the facts as they are now, with the file systems that `volumes` are on. Blocks, for seconds at worst."""
    memory = _memory()
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        cores=_cores(),
        memory=memory,
        gpus=gpus.read(memory),
        volumes=tuple(_volumes(volumes)),
    )


def _memory() -> Memory:
    import psutil  # noqa: PLC0415  costs milliseconds that only those pay who ask for the machine

    found = psutil.virtual_memory()
    limit = cgroups.memory()
    if limit is None or limit.total >= found.total:
        return Memory(total=found.total, available=found.available)
    return Memory(total=limit.total, available=min(found.available, limit.available))


def _cores() -> int:
    """Return the physical cores that this process may use: more threads than that make an engine slower."""
    import psutil  # noqa: PLC0415

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(psutil.cpu_count(logical=False) or allowed, allowed)
    return max(1, min(cores, cgroups.cpus() or cores))


def _volumes(paths: Sequence[Path]) -> Iterator[Volume]:
    """Yield each file system once, by the first of `paths` that is on it, or would be once it is made."""
    seen: set[int] = set()
    for path in paths:
        existing = next((each for each in (path, *path.parents) if each.exists()), path)
        try:
            device = existing.stat().st_dev
            usage = shutil.disk_usage(existing)
        except OSError:
            continue
        if device not in seen:
            seen.add(device)
            yield Volume(path=str(path), total=usage.total, free=usage.free)
