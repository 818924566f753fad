"""Discovery: whatever a plugin does, it is told with its distribution, and all the others are there."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from papin._plugins import discover

GOOD = """
from papin.hookspecs import hookimpl
from papin.policies import CleanupPolicy

def plan(inventory, now, settings):
    return []

@hookimpl
def papin_cleanup_policies():
    yield CleanupPolicy(name={name!r}, summary="s", plan=plan)
"""

HEAD = """
from papin.hookspecs import hookimpl
from papin.policies import CleanupPolicy
from papin.catalogs import Catalog

def plan(inventory, now, settings):
    return []

"""


def good(name):
    return GOOD.format(name=name)


def hook(body, name="papin_cleanup_policies"):
    return f"{HEAD}@hookimpl\ndef {name}():\n    {body}\n"


def found(site, **options):
    """Discover, with a good plugin beside whatever the test installed; return the plugins and the problems' text."""
    site.install("innocent", source=good("innocent"))
    plugins = discover(path=[site.folder], **options)
    assert plugins.policies["innocent"].descriptor.name == "innocent"
    return plugins, [event.problem.message for event in plugins.problems]


def test_provenance_is_kept(site):
    site.install("acme", distribution="papin-acme", version="2.5", source=good("sweep"))
    plugins, problems = found(site)
    assert problems == []
    assert list(plugins.policies) == ["sweep", "innocent"]
    sweep = plugins.policies["sweep"]
    assert (sweep.plugin, sweep.distribution, sweep.version) == ("acme", "papin-acme", "2.5")


def test_listing_tells_hooks_and_problems(site):
    site.install("broken", distribution="papin-broken", source="import nowhere_at_all")
    plugins, _ = found(site)
    broken, innocent = plugins.listing()
    assert (broken.name, broken.distribution, broken.hooks) == ("broken", "papin-broken", ())
    assert broken.problems[0].code == "ERR_PLUGIN"
    assert "papin-broken" in broken.problems[0].next_step
    assert [(each.kind, each.name, each.summary) for each in innocent.hooks] == [("policy", "innocent", "s")]
    assert innocent.problems == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import nowhere_at_all", "could not be imported: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("this is no python", "could not be imported: SyntaxError"),
        ("raise SystemExit(3)", "could not be imported: SystemExit: 3"),
        ("raise KeyboardInterrupt", "could not be imported: KeyboardInterrupt"),
        ("raise MemoryError", "could not be imported: MemoryError"),
        ("def f(): f()\nf()", "could not be imported: RecursionError"),
        ("class E(BaseException):\n def __str__(self): raise ValueError\nraise E", "an error that cannot be printed"),
    ],
)
def test_an_import_that_fails_is_a_problem_of_that_plugin(site, source, expected):
    site.install("bad", distribution="papin-bad", version="0.3", source=source)
    _, problems = found(site)
    assert len(problems) == 1
    assert problems[0].startswith("Plugin bad (papin-bad 0.3) ")
    assert expected in problems[0]


@pytest.mark.parametrize("error", ["ValueError('no')", "SystemExit(1)", "KeyboardInterrupt()", "MemoryError()"])
def test_a_hook_that_raises_is_a_problem_of_that_plugin(site, error):
    site.install("bad", source=hook(f"raise {error}"))
    _, problems = found(site)
    assert "failed in its hook papin_cleanup_policies: " in problems[0]
    assert error.partition("(")[0] in problems[0]


def test_a_hook_that_raises_after_a_descriptor_registers_nothing(site):
    site.install("bad", source=hook("yield CleanupPolicy(name='x', summary='', plan=plan); raise ValueError"))
    plugins, problems = found(site)
    assert len(problems) == 1
    assert "x" not in plugins.policies


def test_one_bad_hook_leaves_the_others_of_its_plugin(site):
    site.install("half", source=good("half") + "\n@hookimpl\ndef papin_catalogs():\n    raise ValueError\n")
    plugins, problems = found(site)
    assert len(problems) == 1
    assert "half" in plugins.policies


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import threading\nthreading.Event().wait()", "could not be imported: it took longer than"),
        (hook("import threading; threading.Event().wait()"), "papin_cleanup_policies: it took longer than"),
        (hook("while True: yield None"), "yields more than 1000 descriptors"),
        (hook("yield from iter(int, 1)"), "yields more than 1000 descriptors"),
    ],
)
def test_one_that_never_ends_is_given_up(site, source, expected):
    site.install("slow", source=source)
    _, problems = found(site, budget=0.3)
    assert expected in problems[0]


def test_plugins_that_hang_keep_nobody_from_exiting(site):
    site.install("slow", source="import threading\nthreading.Event().wait()")
    code = f"from papin._plugins import discover; print(len(discover(path=[{site.folder!r}], budget=0.1).problems))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {site.folder!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"


def test_guards_run_on_threads_of_their_own(site):
    site.install("acme", source=f"import threading\nname = threading.current_thread().name\n{good('acme')}")
    found(site)
    names = [
        vars(module)["name"]
        for key, module in sys.modules.items()
        if key.startswith("plugin_") and hasattr(module, "name")
    ]
    assert names == ["papin plugin"]
    assert threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return None", "it returned a NoneType"),
        ("return 5", "it returned a int"),
        ("return 'policies'", "it returned a str"),
        ("return CleanupPolicy(name='x', summary='', plan=plan)", "it returned a CleanupPolicy"),
        ("yield 5", "a int and not a CleanupPolicy"),
        ("yield Catalog(name='x', prefix='x', summary='', open=plan)", "a Catalog and not a CleanupPolicy"),
        ("yield CleanupPolicy(name='', summary='', plan=plan)", "the name ''"),
        ("yield CleanupPolicy(name='../up', summary='', plan=plan)", "the name '../up'"),
        ("yield CleanupPolicy(name='n' * 1000, summary='', plan=plan)", "the name 'nnn"),
        ("yield CleanupPolicy(name=7, summary='', plan=plan)", "the name 7"),
        ("yield CleanupPolicy(name='x', summary=None, plan=plan)", "whose summary is no text"),
        ("yield CleanupPolicy(name='x', summary='', plan=None)", "whose plan cannot be called"),
        ("yield CleanupPolicy(name='x', summary='', plan=plan, settings=dict)", "no msgspec Struct"),
    ],
)
def test_what_is_no_descriptor_is_refused(site, body, expected):
    site.install("odd", source=hook(body))
    plugins, problems = found(site)
    assert len(problems) == 1
    assert expected in problems[0]
    assert len(problems[0]) < 400
    assert list(plugins.policies) == ["innocent"]


@pytest.mark.parametrize("prefix", ["", "http", "https", "file", "a b", "A", "x:y", 7, "a" * 50])
def test_a_prefix_that_cannot_be_typed_is_refused(site, prefix):
    body = f"yield Catalog(name='odd', prefix={prefix!r}, summary='', open=plan)"
    site.install("odd", source=hook(body, "papin_catalogs"))
    plugins, problems = found(site)
    assert "cannot be typed before a colon" in problems[0]
    assert plugins.catalogs == {}


@pytest.mark.parametrize(("more", "fine"), [("", True), (", group=plan", True), (", join=7", False)])
def test_what_a_format_may_leave_out(site, more, fine):
    body = f"yield Format(name='odd', summary='', suffixes=('.odd',), recognise=plan, read=plan{more})"
    site.install("odd", source="from papin.formats import Format\n" + hook(body, "papin_formats"))
    plugins, problems = found(site)
    assert ("odd" in plugins.formats, problems == []) == (fine, fine)


def test_good_descriptors_beside_a_bad_one_are_taken(site):
    site.install("mixed", source=hook("yield None; yield CleanupPolicy(name='fine', summary='', plan=plan)"))
    plugins, problems = found(site)
    assert len(problems) == 1
    assert "fine" in plugins.policies


def test_an_async_hook_is_refused_without_a_warning(site):
    site.install("odd", source=f"{HEAD}@hookimpl\nasync def papin_cleanup_policies():\n    return []\n")
    _, problems = found(site)
    assert "it is an async function, and hooks are sync" in problems[0]


def test_an_argument_that_there_is_not_is_refused(site):
    site.install("odd", source=f"{HEAD}@hookimpl\ndef papin_cleanup_policies(config):\n    return []\n")
    _, problems = found(site)
    assert "could not be imported: PluginValidationError" in problems[0]


def test_a_wrapper_is_refused(site):
    source = f"{HEAD}@hookimpl(wrapper=True)\ndef papin_cleanup_policies():\n    return (yield)\n"
    site.install("odd", source=source)
    plugins, problems = found(site)
    assert "wraps the hook papin_cleanup_policies" in problems[0]
    assert list(plugins.policies) == ["innocent"]


def test_an_unknown_hook_is_told_with_the_nearest(site):
    site.install("typo", source=f"{HEAD}@hookimpl\ndef papin_cleanup_policy():\n    return []\n")
    _, problems = found(site)
    assert (
        "has a hook papin_cleanup_policy, which does not exist. Did its author mean papin_cleanup_policies?"
        in problems[0]
    )


def test_a_hook_without_its_mark_is_told(site):
    site.install("bare", source="import json as papin_json\ndef papin_providers():\n    return []\n")
    _, problems = found(site)
    assert len(problems) == 1
    assert "papin_providers that is not marked with @hookimpl" in problems[0]


def test_another_name_for_a_hook_works(site):
    source = f"{HEAD}@hookimpl(specname='papin_cleanup_policies')\ndef rules():\n    return [CleanupPolicy(name='x', summary='', plan=plan)]\n"
    site.install("named", source=source)
    plugins, problems = found(site)
    assert problems == []
    assert "x" in plugins.policies


def test_an_object_can_be_the_plugin(site):
    source = f"{HEAD}class Plugin:\n    @hookimpl\n    def papin_cleanup_policies(self):\n        yield CleanupPolicy(name='x', summary='', plan=plan)\nplugin = Plugin()\n"
    site.install("object", source=source, module="plugin_object", value="plugin_object:plugin")
    plugins, problems = found(site)
    assert problems == []
    assert "x" in plugins.policies


def test_a_name_that_is_taken_is_refused_naming_both_distributions(site):
    site.install("first", distribution="papin-first", version="1.1", source=good("same"))
    site.install("second", distribution="papin-second", version="2.2", source=good("same"))
    plugins, problems = found(site)
    assert plugins.policies["same"].distribution == "papin-first"
    assert problems == [
        "Plugin second (papin-second 2.2) registers the policy same, which first (papin-first 1.1) has already"
    ]
    assert plugins.problems[0].plugin == "second"
    assert "disabled_plugins second" in plugins.problems[0].problem.next_step


def test_the_user_decides_between_two_of_one_name(site):
    site.install("first", source=good("same"))
    site.install("second", source=good("same"))
    plugins, problems = found(site, disabled=["first"])
    assert problems == []
    assert plugins.policies["same"].plugin == "second"


def test_a_prefix_that_is_taken_is_refused(site):
    for name in ("one", "two"):
        body = f"yield Catalog(name={name!r}, prefix='shelf', summary='', open=plan)"
        site.install(name, source=hook(body, "papin_catalogs"))
    plugins, problems = found(site)
    assert list(plugins.catalogs) == ["one"]
    assert "registers the catalog prefix shelf:, which one (one 1.0) has already" in problems[0]


def test_two_plugins_of_one_name_are_told_apart_by_their_distributions(site):
    site.install("acme", distribution="acme-one", source=good("one"))
    site.install("acme", distribution="acme-two", source=good("two"))
    plugins, problems = found(site)
    assert list(plugins.policies) == ["one", "innocent"]
    assert "acme-two" in problems[0]
    assert "acme-one" in problems[0]
    assert [len(info.problems) for info in plugins.listing()] == [0, 1, 0]


def test_a_disabled_plugin_is_listed_and_not_imported(site):
    module = site.install("off", source="raise SystemExit")
    plugins, problems = found(site, disabled=("off",))
    assert problems == []
    assert [(info.name, info.disabled) for info in plugins.listing()] == [("innocent", False), ("off", True)]
    assert module not in sys.modules


def test_only_one_plugin_is_imported_when_only_one_is_asked_for(site):
    site.install("wanted", source=good("wanted"))
    other = site.install("other", source=good("other"))
    plugins = discover(only="wanted", path=[site.folder])
    assert list(plugins.policies) == ["wanted"]
    assert other not in sys.modules


def test_tables_tell_which_struct_decodes_what(site):
    settings = "import msgspec\nclass Mine(msgspec.Struct):\n    days: int = 60\n"
    body = "yield CleanupPolicy(name='sweep', summary='', plan=plan, settings=Mine)"
    site.install("sweep", source=settings + hook(body))
    plugins, _ = found(site)
    tables = plugins.tables()
    assert set(tables) == {("policies", "sweep"), ("policies", "innocent")}
    assert tables["policies", "sweep"]().days == 60


FORMATS = """
from papin.hookspecs import hookimpl
from papin.formats import Format

def recognise(head):
    return head[4] == 0  # and not a word of files that are shorter

@hookimpl
def papin_formats():
    yield Format(name="rude", summary="s", suffixes=(), recognise=recognise, read=print)
"""


def test_i10_a_format_that_fails_at_the_file_of_another_one(site):
    site.install("acme", source=FORMATS)
    plugins, problems = found(site)
    assert problems == []
    rude = plugins.formats["rude"].descriptor
    assert rude.recognise(b"GGUF\0")
    assert [rude.recognise(head) for head in (b"", b"GGUF")] == [False, False]
    (problem,) = plugins.problems
    assert problem.plugin == "acme"
    assert "rude: IndexError" in problem.problem.message
