"""Fixtures that several of core's tests share."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import pytest

_numbers = count()


class Site:
    """A folder on `sys.path` where plugins are installed as an installer leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def install(self, name, *, source="", distribution=None, version="1.0", value=None, module=None):
        """Install a distribution whose entry point `name` is a module with `source`; returns the module's name."""
        module = module or f"plugin_{next(_numbers)}"
        distribution = distribution or name
        info = Path(self.folder, f"{distribution.replace('-', '_')}-{version}.dist-info")
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(
            f"[console_scripts]\nother = other:main\n\n[papin]\n{name} = {value or module}\n"
        )
        Path(self.folder, f"{module}.py").write_text(source)
        return module


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]
