"""The folder of LocalAI's models, read without asking the program: its configurations and the files they name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from papin import yaml
from papin.errors import FormatInvalid, StorageFailed
from papin.filenames import parameters_of, read_file_name
from papin.inventories import Listing, ProviderFile, ProviderModel, closed, stamp
from papin.models import FileRole
from papin_localai._configs import capabilities_of, format_of, plain

__all__ = ["read_config", "read_folder"]

_CONFIG = 1 << 20
_MOST = 20_000
_DEEP = 4


def read_folder(root: Path) -> Listing:
    """Return the models in LocalAI's folder. Blocks.

    Raises:
        PermissionError: it is there, and is somebody else's.
        StorageFailed: it cannot be read for another reason.
    """
    stamps = stamp([root])
    try:
        folders, found, unreadable = _scan(root)
    except FileNotFoundError:
        return Listing(is_present=False, stamps=stamps)
    except PermissionError:
        raise
    except OSError as error:
        raise StorageFailed(
            f"the folder of LocalAI's models, {root}, cannot be read: {error.strerror}",
            next_step="Let your user read it, or leave providers.localai.models out.",
        ) from error
    stamps = stamp([root, *folders])
    configured = [_configured(root, path) for path in found if path.parent == root and _is_config(path.name)]
    models = [each for each in configured if each is not None]
    used = {file.path for model in models for file in model.files}
    loose = [path for path in found if str(path) not in used and format_of(path.name) in ("gguf", "ggml")]
    models += [_loose(root, path) for path in loose if path.parent == root]
    return Listing(models=tuple(models), stamps=stamps, unreadable=unreadable)


def _is_config(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and not name.startswith("._gallery_")


def _scan(root: Path) -> tuple[list[Path], list[Path], str]:
    """Return the folders and the regular files below `root`: not through links to folders, not without end.

    Besides them, the first folder that may not be read, if there is one.
    """
    unreadable = ""
    folders: list[Path] = []
    files: list[Path] = []
    waiting = [(root, 0)]
    while waiting and len(files) < _MOST:
        folder, depth = waiting.pop()
        try:
            entries = os.scandir(folder)
        except PermissionError:
            if folder == root:
                raise
            unreadable = unreadable or str(folder)
            continue
        with entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                    if depth < _DEEP:
                        waiting.append((Path(entry.path), depth + 1))
                elif entry.is_file():
                    files.append(Path(entry.path))
    return sorted(folders), sorted(files), unreadable


def read_config(path: Path) -> dict[str, Any]:
    """Return a configuration as it stands in its file. Blocks.

    Raises:
        FormatInvalid: it is no YAML mapping, or too large to be one.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(_CONFIG + 1)
    config = yaml.load(text, path.name, largest=_CONFIG)
    if not isinstance(config, dict):
        raise FormatInvalid(f"{path.name} is no configuration of a model", next_step="Look what it is.")
    return config


def _configured(root: Path, path: Path) -> ProviderModel | None:
    try:
        config = read_config(path)
    except (OSError, FormatInvalid) as error:
        return ProviderModel(reference=path.stem, state="damaged", problem=str(error)[:200])
    reference = str(config.get("name") or path.stem)[:256]
    wanted = list(_wanted(config))
    files = [file for name, role in wanted for file in _files(root, name, role)]
    if not files and not wanted:
        return None  # an alias, or a piece of the program's own configuration
    weights = next((name for name, role in wanted if role == "weights"), "")
    is_local = format_of(weights) != ""
    told = read_file_name(weights)
    missing = [name for name, _ in wanted if is_local and not any(True for _ in _files(root, name, "weights"))]
    missing = [name for name in missing if not closed([root / name])]
    return ProviderModel(
        reference=reference,
        files=tuple(files),
        size=sum(file.size for file in files),
        format=told.format,
        quantization=told.quantization,
        parameters=told.parameters or parameters_of(reference),
        context_length=config["context_size"] if isinstance(config.get("context_size"), int) else None,
        capabilities=capabilities_of(config),
        modified_at=_modified(path),
        state="damaged" if missing else "ready",
        problem=f"{missing[0]} is missing" if missing else "",
    )


def _wanted(config: dict[str, Any]) -> Iterator[tuple[str, FileRole]]:
    model = plain(config.get("parameters")).get("model")
    if isinstance(model, str) and model:
        yield model, "weights"
    if isinstance(config.get("mmproj"), str) and config["mmproj"]:
        yield config["mmproj"], "mmproj"


def _files(root: Path, name: str, role: FileRole) -> Iterator[ProviderFile]:
    """Yield the file of that name in the folder, and the further parts beside it; nothing that lies outside."""
    inside = Path(name)
    if inside.is_absolute() or ".." in inside.parts or "\0" in name:
        return
    path = root / inside
    part = read_file_name(name).part
    names = [path.name] if part is None else _parts(path.name, part[1])
    for each in names:
        try:
            info = path.with_name(each).stat()
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(info.st_mode):
            yield ProviderFile(name=each, size=info.st_size, path=str(path.with_name(each)), role=role)


def _parts(name: str, count: int) -> list[str]:
    stem, _, _ = name.rpartition("-of-")
    base, suffix = stem[:-5], name.rpartition(".")[2]
    return [f"{base}{number:05}-of-{count:05}.{suffix}" for number in range(1, min(count, 1000) + 1)]


def _loose(root: Path, path: Path) -> ProviderModel:
    told = read_file_name(path.name)
    file = ProviderFile(name=path.name, size=path.stat().st_size, path=str(path))
    return ProviderModel(
        reference=str(path.relative_to(root)),
        files=(file,),
        size=file.size,
        format=told.format,
        quantization=told.quantization,
        parameters=told.parameters,
        modified_at=_modified(path),
    )


def _modified(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return None
