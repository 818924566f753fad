"""Every hook's docstring is a plugin: each is found, collected and put through the suite of its kind."""

from __future__ import annotations

import inspect
import textwrap

import pluggy
import pytest

from papin._plugins import discover
from papin.hookspecs import PROJECT, HookSpecs, hookimpl, hookspec
from papin.testing import CatalogSuite, PolicySuite, ProviderSuite, RecommenderSuite
from papin.testing.samples import sample_models

HOOKS = {name: getattr(HookSpecs, name) for name in vars(HookSpecs) if name.startswith("papin_")}
TABLES = {
    "papin_providers": "providers",
    "papin_catalogs": "catalogs",
    "papin_formats": "formats",
    "papin_storages": "storages",
    "papin_cleanup_policies": "policies",
    "papin_recommenders": "recommenders",
    "papin_frontends": "frontends",
}


def example(hook):
    lines = inspect.getdoc(HOOKS[hook]).splitlines()
    return textwrap.dedent("\n".join(line for line in lines if line.startswith("    ") or not line))


def registered(hook):
    module = {}
    exec(compile(example(hook), f"<docstring of {hook}>", "exec"), module)
    return list(module[hook]())


def test_there_is_an_example_for_every_hook():
    assert list(HOOKS) == list(TABLES)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_docstring_says_when_it_is_called(hook):
    assert "Called once when" in inspect.getdoc(HOOKS[hook])


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_take_no_arguments_and_are_sync(hook):
    assert list(inspect.signature(HOOKS[hook]).parameters) == ["self"]
    assert not inspect.iscoroutinefunction(HOOKS[hook])


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_is_a_plugin(hook, site):
    site.install("acme", source=example(hook))
    plugins = discover(path=[site.folder])
    assert plugins.problems == ()
    (found,) = getattr(plugins, TABLES[hook]).values()
    assert found.distribution == "acme"


class TestProviderExample(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return registered("papin_providers")[0]

    @pytest.fixture
    def model(self):
        return sample_models(3, 1)[0], ()


class TestCatalogExample(CatalogSuite):
    @pytest.fixture
    def descriptor(self):
        return registered("papin_catalogs")[0]


class TestPolicyExample(PolicySuite):
    @pytest.fixture
    def descriptor(self):
        return registered("papin_cleanup_policies")[0]


class TestRecommenderExample(RecommenderSuite):
    @pytest.fixture
    def descriptor(self):
        return registered("papin_recommenders")[0]


def test_marks_are_those_of_pluggy():
    def function(): ...

    theirs = pluggy.HookimplMarker(PROJECT)(lambda: None)
    assert hookimpl(function).papin_impl == theirs.papin_impl
    assert hookspec(function).papin_spec == pluggy.HookspecMarker(PROJECT)(lambda: None).papin_spec
    assert hookimpl(specname="papin_formats")(function).papin_impl["specname"] == "papin_formats"
