"""What `python -m papin.testing NAME` runs: a suite for each descriptor of an installed plugin."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pluggy
import pytest

from papin.formats import read_file
from papin.hookspecs import PROJECT, HookSpecs
from papin.models import Model, StoredFile
from papin.testing._suite import Suite
from papin.testing.catalogs import CatalogSuite
from papin.testing.formats import FormatSuite
from papin.testing.policies import PolicySuite
from papin.testing.providers import ProviderSuite
from papin.testing.recommenders import RecommenderSuite
from papin.testing.storages import StorageSuite

SUITES: dict[str, type[Suite]] = {
    "papin_providers": ProviderSuite,
    "papin_catalogs": CatalogSuite,
    "papin_formats": FormatSuite,
    "papin_storages": StorageSuite,
    "papin_cleanup_policies": PolicySuite,
    "papin_recommenders": RecommenderSuite,
}
"""The suite of each hook; frontends own their event loop, and have none."""

HEAVY = ("httpx", "huggingface_hub", "litestar", "numpy", "onnx", "textual", "torch", "transformers")
"""What the module of a plugin must not import: every command would pay for it."""


def entry_point(name: str) -> importlib.metadata.EntryPoint:
    """Return the entry point of the installed plugin `name`.

    Raises:
        LookupError: there is none, or there are several.
    """
    found = importlib.metadata.entry_points(group=PROJECT, name=name)
    if len(found) != 1:
        known = sorted(importlib.metadata.entry_points(group=PROJECT).names)
        raise LookupError(f"there are {len(found)} plugins called {name}; installed: {', '.join(known) or 'none'}")
    return next(iter(found))


def collect(entry: importlib.metadata.EntryPoint) -> Iterator[tuple[str, Any]]:
    """Yield (hook, descriptor) of everything that the plugin registers. Whatever it raises is raised here."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(entry.load(), entry.name)
    manager.check_pending()
    for hook in (name for name in vars(HookSpecs) if name.startswith(f"{PROJECT}_")):
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            for descriptor in implementation.function():
                yield hook, descriptor


def classes(name: str, file: str = "") -> dict[str, type]:
    """Return the test classes for the plugin `name`, by their names; providers are given the model `file`, if any."""
    entry = entry_point(name)
    made: dict[str, type] = {"TestPlugin": _plugin_tests(entry)}
    for hook, descriptor in collect(entry):
        suite = SUITES.get(hook)
        if suite is not None:
            fixtures = {"descriptor": _fixture("descriptor", descriptor)}
            if suite is ProviderSuite and file:
                fixtures["model"] = _fixture("model", _model(Path(file)))
            title = f"Test_{hook.removeprefix('papin_')}_{descriptor.name}"
            made[title] = type(title, (suite,), fixtures)
    return made


def _fixture(name: str, value: Any) -> Any:
    def give(self: object) -> Any:  # noqa: ARG001  a fixture of a class
        return value

    return pytest.fixture(name=name)(give)


def _plugin_tests(entry: importlib.metadata.EntryPoint) -> type:
    class Plugin:
        def test_registers_the_same_each_time(self) -> None:
            first = [(hook, each.name) for hook, each in collect(entry)]
            assert first, "it registers nothing"
            assert len(first) == len(set(first)), "it registers a name twice"
            assert first == [(hook, each.name) for hook, each in collect(entry)]

        def test_its_module_is_light(self) -> None:
            code = f"import sys, {entry.module}; print(*set({HEAVY!r}) & sys.modules.keys())"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert not done.stdout.split(), "it imports what every command would pay for"

    return Plugin


def _model(path: Path) -> tuple[Model, tuple[Path, ...]]:
    """Return the model that the local file `path` is, as an installation would record it."""
    formats = tuple(
        descriptor
        for entry in importlib.metadata.entry_points(group=PROJECT)
        for hook, descriptor in collect(entry)
        if hook == "papin_formats"
    )
    header = read_file(formats, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    stored = StoredFile(name=path.name, sha256=sha256, size=size, format=header.format)
    model = Model(
        id="certified",
        ref=str(path),
        files=(stored,),
        installed_at=datetime.now(UTC),
        format=header.format,
        architecture=header.architecture,
        parameters=header.parameters,
        quantization=header.quantization,
        context_length=header.context_length,
        size=size,
    )
    return model, (path,)
