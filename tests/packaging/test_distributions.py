"""Every distribution builds to a wheel, installs beside core in a bare environment, and passes its conformance suites there."""

import json
import os
import shutil
import subprocess
import tempfile
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv on PATH"),
]
ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [
    file.parent
    for pattern in ("core", "plugins/*", "frontends/*")
    for file in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))
]
LIST_PLUGINS = """
import json
from papin._plugins import discover
plugins = discover()
print(json.dumps([[each.name, each.distribution, [p.message for p in each.problems]] for each in plugins.listing()]))
"""


def run(*command, cwd=None, **environ):
    environ = {**os.environ, **environ}
    done = subprocess.run([str(each) for each in command], cwd=cwd, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Build every wheel from a copy of the sources, so that nothing of the checkout leaks in."""
    copy = tmp_path_factory.mktemp("sources")
    out = tmp_path_factory.mktemp("wheels")
    ignore = shutil.ignore_patterns("__pycache__", "build", "dist", ".*")
    for folder in FOLDERS:
        shutil.copytree(folder, copy / folder.relative_to(ROOT), ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy)
    run("uv", "build", "--wheel", "--all-packages", "--quiet", "--out-dir", out, cwd=copy)
    return {wheel.name.partition("-")[0].replace("_", "-"): wheel for wheel in out.glob("*.whl")}


@pytest.fixture(scope="session")
def place():
    """Where each environment is made, one after the other: what was compiled of one is good for the next, by its path.

    It is on the disk, where packages are linked from uv's cache and not copied.
    """
    with tempfile.TemporaryDirectory(prefix="papin-") as folder:
        yield Path(folder)


def project_of(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_wheel_holds_its_package_its_types_and_its_licence(folder, wheels):
    names = zipfile.ZipFile(wheels[project_of(folder)["name"]]).namelist()
    assert any(name.endswith("/py.typed") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "src/"))]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_installs_alone_beside_core_and_certifies_itself(folder, wheels, place, tmp_path):
    project = project_of(folder)
    python = place / "env" / "bin" / "python"
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(place / "compiled")}
    run("uv", "venv", "--quiet", "--clear", place / "env")
    core = f"{wheels['papin']}[testing]"
    run("uv", "pip", "install", "--quiet", "--python", python, core, wheels[project["name"]])
    plugins = json.loads(run(python, "-c", LIST_PLUGINS, cwd=tmp_path, **compiled))
    if project["name"] == "papin":
        assert plugins == []
        return
    assert [(distribution, problems) for _, distribution, problems in plugins] == [(project["name"], [])]
    run(python, "-m", "papin.testing", plugins[0][0], cwd=tmp_path, **compiled)
