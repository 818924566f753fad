"""`python -m papin.testing NAME`, on plugins that are installed for the purpose."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import textwrap

import pluggy
import pytest

from papin.hookspecs import HookSpecs
from papin.testing._certify import classes


def example(*hooks):
    parts = [inspect.getdoc(getattr(HookSpecs, hook)).splitlines() for hook in hooks]
    lines = [line for part in parts for line in part if line.startswith("    ") or not line]
    return textwrap.dedent("\n".join(lines))


@pytest.fixture
def certify(site):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "papin.testing", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": site.folder},
        )

    return run


def test_a_good_plugin_passes(site, certify):
    site.install("acme", source=example("papin_catalogs", "papin_cleanup_policies", "papin_recommenders"))
    done = certify("acme", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("Test_catalogs_shelf", "Test_cleanup_policies_scratch", "Test_recommenders_largest", "TestPlugin"):
        assert name in done.stdout


def test_what_was_not_tried_is_told_with_the_reason(site, certify):
    site.install("acme", source=example("papin_providers"))
    done = certify("acme", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    for reason in ("it does not list models", "give --model FILE", "override the fixture `kept`"):
        assert reason in done.stdout


def test_a_bad_plugin_fails_and_the_test_is_named(site, certify):
    source = example("papin_catalogs").replace("raise NotFound", "raise ValueError")
    site.install("acme", source=source.replace(', next_step="Its only one is tiny."', ""))
    done = certify("acme", "-q")
    assert done.returncode == 1
    failed = {line.split("::")[-1].split()[0] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert "test_an_unknown_name_is_not_found" in failed
    assert "test_entries_resolve_to_themselves" not in failed


def test_a_heavy_plugin_fails(site, certify):
    site.install("acme", source="import httpx\n" + example("papin_formats"))
    done = certify("acme", "-q")
    assert done.returncode == 1
    assert "test_its_module_is_light" in done.stdout


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise SystemExit", SystemExit),
        ("import nowhere_at_all", ModuleNotFoundError),
        (
            "from papin.hookspecs import hookimpl\n@hookimpl\ndef papin_nothing():\n    return []\n",
            pluggy.PluginValidationError,
        ),
        (
            "from papin.hookspecs import hookimpl\n@hookimpl\ndef papin_providers():\n    yield 1 / 0\n",
            ZeroDivisionError,
        ),
    ],
    ids=["exits", "import error", "unknown hook", "hook that raises"],
)
def test_what_one_that_is_broken_raises_is_shown(site, source, error):
    site.install("acme", source=source)
    with pytest.raises(error):
        classes("acme")


def test_one_that_registers_nothing_fails(site):
    site.install("acme", source="")
    tests = classes("acme")
    assert list(tests) == ["TestPlugin"]
    with pytest.raises(AssertionError, match="it registers nothing"):
        tests["TestPlugin"]().test_registers_the_same_each_time()


def test_one_that_is_not_installed_is_told(certify):
    done = certify("nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("there are 0 plugins called nowhere; installed: ")
    assert "Traceback" not in done.stderr
