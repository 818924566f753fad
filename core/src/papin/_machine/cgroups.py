"""The limits of the container that papin runs in (Linux control groups, version 2 and version 1).

https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from papin.machine import Memory

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def memory(root: Path = ROOT, own: Path = OWN) -> Memory | None:
    """Return the least memory limit that this process is under and what is left below it, or None."""
    limits = [limit for limit in (_memory_of(folder) for folder in _folders(root, own, "memory")) if limit]
    if not limits:
        return None
    return Memory(
        total=min(limit.total for limit in limits),
        available=min(limit.available for limit in limits),
    )


def _memory_of(folder: Path) -> Memory | None:
    total = _number(folder / "memory.max", folder / "memory.limit_in_bytes")
    if total is None:
        return None
    used = _number(folder / "memory.current", folder / "memory.usage_in_bytes") or 0
    return Memory(total=total, available=min(total, max(0, total - used + _reclaimable(folder / "memory.stat"))))


def _reclaimable(file: Path) -> int:
    """Return the bytes of files that are only cached: they count as used, and are given up when memory is wanted."""
    fields = dict(line.split(" ", 1) for line in _text(file).splitlines() if " " in line)
    found = fields.get("total_inactive_file", fields.get("inactive_file", "0"))
    return int(found) if found.isdigit() else 0


def cpus(root: Path = ROOT, own: Path = OWN) -> int | None:
    """Return how many processors' worth of time this process may use, rounded up, or None."""
    shares = [share for share in (_cpus_of(folder) for folder in _folders(root, own, "cpu")) if share]
    return math.ceil(min(shares)) if shares else None


def _cpus_of(folder: Path) -> float | None:
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota, period = _text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _folders(root: Path, own: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's group and of all groups above it; a container often shows the top only."""
    for line in _text(own).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        top = root / controller if controllers else root
        inner = top / group.strip("/")
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(top))


def _number(*files: Path) -> int | None:
    """Return the number in the first of `files` that has one; a limit near 2**63 is how version 1 says none."""
    for file in files:
        text = _text(file).strip()
        if text.isdigit() and int(text) < 1 << 60:
            return int(text)
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
