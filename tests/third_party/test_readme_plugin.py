"""The plugin that the README shows, installed as anybody would install it, and certified; and ones that are broken."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, site, home, status=0):
    environment = {**os.environ, "PAPIN_HOME": str(home), "PYTHONPATH": str(site), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, cwd=home.parent
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def papin(*arguments, **more):
    return run("-c", "import sys; from papin.launch import main; sys.exit(main())", *arguments, **more)


def install(site, name, code, *, module=None, distribution=None):
    """Write a distribution as pip would leave it: a module, and its metadata."""
    module = module or f"papin_{name}"
    (site / f"{module}.py").write_text(code)
    info = site / f"papin_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution or f'papin-{name}'}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[papin]\n{name} = {module}\n")


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def readme_plugin():
    text = (ROOT / "README.md").read_text()
    section = text[text.index("`papin_acme.py`:") :]
    block = re.search(r"\n\n((?:    .*\n|\n)+)", section)
    assert block is not None
    return "\n".join(line[4:] for line in block[1].splitlines()) + "\n"


def test_the_readme_plugin_is_short():
    assert len([line for line in readme_plugin().splitlines() if line.strip()]) < 30


def test_the_readme_plugin_works_and_is_certified(site, home):
    install(site, "acme", readme_plugin())
    listed = {each["name"]: each for each in json.loads(papin("plugins", "list", "--json", site=site, home=home))}
    assert listed["acme"]["distribution"] == "papin-acme"
    assert listed["acme"]["problems"] == []
    plan = json.loads(papin("models", "download", "acme:anvil", "--dry-run", "--json", site=site, home=home))
    assert plan["files"][0]["name"] == "anvil.gguf"
    run("-m", "papin.testing", "acme", site=site, home=home)


BROKEN = {
    "missing": "import papin_that_does_not_exist",
    "raises": "raise RuntimeError('at import')",
    "exits": "raise SystemExit(3)",
    "hookraises": "from papin.hookspecs import hookimpl\n@hookimpl\ndef papin_catalogs():\n    raise ValueError('no')\n",
    "wrongtype": "from papin.hookspecs import hookimpl\n@hookimpl\ndef papin_catalogs():\n    yield 42\n",
    "misspelt": "from papin.hookspecs import hookimpl\n@hookimpl\ndef papin_catalog():\n    return []\n",
}


def test_broken_plugins_degrade_themselves_alone(site, home):
    for name, code in BROKEN.items():
        install(site, name, code)
    listed = {each["name"]: each for each in json.loads(papin("plugins", "list", "--json", site=site, home=home))}
    for name in BROKEN:
        problems = listed[name]["problems"]
        assert problems, name
        assert problems[0]["code"] == "ERR_PLUGIN"
        assert f"papin-{name}" in problems[0]["message"]
        assert problems[0]["next_step"]
    assert listed["starter"]["problems"] == []
    plan = json.loads(papin("models", "download", "smollm2", "--dry-run", "--json", site=site, home=home))
    assert plan["ref"] == "starter:smollm2:Q4_1"


DUPLICATE = """
from papin.catalogs import Catalog
from papin.hookspecs import hookimpl

@hookimpl
def papin_catalogs():
    yield Catalog(name="starter", prefix="other", summary="x", open=print)
"""


def test_a_name_that_is_taken_is_refused_naming_both_distributions(site, home):
    install(site, "zebra", DUPLICATE)
    listed = {each["name"]: each for each in json.loads(papin("plugins", "list", "--json", site=site, home=home))}
    (problem,) = listed["zebra"]["problems"]
    assert "papin-zebra" in problem["message"]
    assert "papin-starter" in problem["message"]
    assert "disabled_plugins" in problem["next_step"]


HANGS = "import threading\nthreading.Event().wait()\n"


def test_a_plugin_that_hangs_at_import_is_left_behind(site, home):
    install(site, "hangs", HANGS)
    listed = {each["name"]: each for each in json.loads(papin("plugins", "list", "--json", site=site, home=home))}
    assert "papin-hangs" in listed["hangs"]["problems"][0]["message"]
    assert listed["starter"]["problems"] == []


BUGGY = """
from contextlib import asynccontextmanager
from papin.catalogs import Catalog
from papin.hookspecs import hookimpl
from papin.providers import Provider

class Buggy:
    async def resolve(self, name, variant):
        raise ZeroDivisionError("a bug")
    async def refresh(self, state):
        return 1 / 0
    async def engine(self):
        raise KeyError("a bug")

@asynccontextmanager
async def open_buggy(context):
    yield Buggy()

@hookimpl
def papin_catalogs():
    yield Catalog(name="buggy", prefix="buggy", summary="x", open=open_buggy, local=True)

@hookimpl
def papin_providers():
    yield Provider(name="buggy", summary="x", open=open_buggy, formats=("gguf",))
"""


def test_a_bug_in_a_session_is_that_session_alone(site, home):
    install(site, "buggy", BUGGY)
    providers = {each["name"]: each for each in json.loads(papin("providers", "list", "--json", site=site, home=home))}
    assert (providers["buggy"]["state"], providers["buggy"]["problem"]["code"]) == ("failed", "ERR_PLUGIN")
    assert providers["llamacpp"]["state"] == "ready"
    catalogs = {each["name"]: each for each in json.loads(papin("catalogs", "list", "--json", site=site, home=home))}
    assert (catalogs["buggy"]["state"], catalogs["starter"]["state"]) == ("failed", "ready")
    plan = json.loads(papin("models", "download", "smollm2", "--dry-run", "--json", site=site, home=home))
    assert plan["ref"] == "starter:smollm2:Q4_1"
