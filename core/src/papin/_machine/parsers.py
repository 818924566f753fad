"""What the tools of the vendors print, read without believing it; and what the kernel shows in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from papin.machine import Gpu, Memory

VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
"""PCI vendor numbers. Others are displays of servers and virtual machines, which compute nothing."""

_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def nvidia_smi(output: str) -> tuple[Gpu, ...]:
    """Read lines of `name, memory.total, memory.free`, in MiB; memory shared with the CPU is `[N/A]`."""
    rows = [line.rsplit(",", 2) for line in output.splitlines() if line.count(",") >= 2]  # noqa: PLR2004  three fields
    return tuple(
        Gpu(name=name.strip(), vendor="nvidia", memory=_mib(total), memory_free=_mib(free))
        for name, total, free in rows
    )


def _mib(text: str) -> int | None:
    bare = text.strip().removesuffix("MiB").strip()
    return int(bare) << 20 if bare.isdecimal() else None


def rocm_smi(output: str) -> tuple[Gpu, ...]:
    """Read `rocm-smi --json`: an object of cards, all values texts, the names of the keys changing with the version."""
    cards = _object(output)
    return tuple(
        _rocm(card) for key, card in sorted(cards.items()) if key.startswith("card") and isinstance(card, dict)
    )


def _rocm(card: dict[str, Any]) -> Gpu:
    low = {key.lower(): value for key, value in card.items() if isinstance(value, str)}
    total = _digits(low.get("vram total memory (b)"))
    used = _digits(low.get("vram total used memory (b)"))
    name = low.get("card series") or low.get("card model") or "AMD GPU"
    return Gpu(name=name, vendor="amd", memory=total, memory_free=_less(total, used))


def amd_smi(output: str) -> tuple[Gpu, ...]:
    """Read `amd-smi static --asic --vram --json`: a list of cards, in newer versions under `gpu_data`."""
    found = _json(output)
    cards = found.get("gpu_data") if isinstance(found, dict) else found
    if not isinstance(cards, list):
        return ()
    return tuple(_amd(card) for card in cards if isinstance(card, dict))


def _amd(card: dict[str, Any]) -> Gpu:
    asic, vram = _inner(card, "asic"), _inner(card, "vram")
    size = vram.get("size")
    if isinstance(size, dict):
        size = f"{size.get('value', '')} {size.get('unit', '')}"
    return Gpu(name=str(asic.get("market_name") or "AMD GPU"), vendor="amd", memory=_sized(size))


def system_profiler(output: str, memory: Memory) -> tuple[Gpu, ...]:
    """Read `system_profiler SPDisplaysDataType -json`; a processor of Apple's shares the main `memory`."""
    cards = _object(output).get("SPDisplaysDataType")
    return tuple(_apple(card, memory) for card in cards if isinstance(card, dict)) if isinstance(cards, list) else ()


def _apple(card: dict[str, Any], memory: Memory) -> Gpu:
    name = str(card.get("sppci_model") or card.get("_name") or "GPU")
    vendor = str(card.get("spdisplays_vendor", "")).lower()
    if "apple" in vendor or name.startswith("Apple"):
        return Gpu(name=name, vendor="apple", memory=memory.total, memory_free=memory.available)
    kind = next((word for word in ("amd", "intel", "nvidia") if word in f"{vendor} {name}".lower()), "unknown")
    return Gpu(name=name, vendor=kind, memory=_sized(card.get("spdisplays_vram") or card.get("_spdisplays_vram")))


def drm(folder: Path) -> tuple[Gpu, ...]:
    """Read the graphics cards that Linux shows in `/sys/class/drm`, without any tool."""
    return tuple(_drm(folder))


def _drm(folder: Path) -> Iterator[Gpu]:
    try:
        cards = sorted(card for card in folder.iterdir() if re.fullmatch(r"card\d+", card.name))
    except OSError:
        return
    for card in cards:
        device = card / "device"
        vendor = VENDORS.get(_line(device / "vendor"))
        if vendor is not None:
            total = _digits(_line(device / "mem_info_vram_total")) or _digits(_line(card / "lmem_total_bytes"))
            used = _digits(_line(device / "mem_info_vram_used"))
            name = _line(device / "product_name") or f"{vendor.upper()} {_line(device / 'device')}".strip()
            yield Gpu(name=name, vendor=vendor, memory=total, memory_free=_less(total, used))


def _line(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _less(total: int | None, used: int | None) -> int | None:
    return None if total is None or used is None else max(0, total - used)


def _digits(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isdecimal() else None


def _sized(text: object) -> int | None:
    """Read `16368 MB` or `4 GB`."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*([KMGT]?B)?\s*", text) if isinstance(text, str) else None
    return int(found[1]) * _UNITS[found[2] or ""] if found else None


def _inner(card: dict[str, Any], key: str) -> dict[str, Any]:
    found = card.get(key)
    return found if isinstance(found, dict) else {}


def _object(output: str) -> dict[str, Any]:
    found = _json(output)
    return found if isinstance(found, dict) else {}


def _json(output: str) -> Any:
    """Decode the JSON in `output`; some tools print warnings before it."""
    starts = [place for place in (output.find("{"), output.find("[")) if place >= 0]
    for start in sorted(starts):
        try:
            return msgspec.json.decode(output[start:])
        except (msgspec.DecodeError, RecursionError):
            continue
    return None
