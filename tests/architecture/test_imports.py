"""The table "Imports allowed" of the architecture, read from the sources."""

import sys

import pytest

from .sources import Source, sources

THIRD_PARTY_OF_CORE = {
    "httpx",
    "httpcore",
    "msgspec",
    "platformdirs",
    "pluggy",
    "psutil",
    "tomlkit",
    "trio",
    "pytest",
    "yaml",
}
DESCRIPTORS = {"providers", "catalogs", "formats", "storages", "policies", "recommenders", "frontends", "context"}
# What a module of core may import of core. A module that is not named here is private, or one of the few that wire.
CORE = {
    "papin.errors": {"papin._problem"},
    "papin.sizes": set(),
    "papin.safe": set(),
    "papin.words": {"papin.sizes"},
    "papin.sentences": {"papin"}
    | {f"papin.{each}" for each in ("answers", "discovery", "errors", "models", "safe", "sizes", "words")},
    "papin.facts": {"papin", "papin.safe", "papin.words"},
    "papin.verdicts": {"papin", "papin.answers", "papin.safe", "papin.words"},
    "papin._value": set(),
    "papin._running": {"papin._value"},
    "papin.models": {"papin.errors", "papin._running", "papin._value"},
    "papin.answers": {"papin.errors", "papin.inventories", "papin.models", "papin.sizes"},
    "papin.links": {"papin.errors", "papin.models", "papin._disk"},
    "papin.discovery": {"papin.errors", "papin.models"},
    "papin.shares": {"papin.errors", "papin.models", "papin.links", "papin._disk"},
    "papin.inventories": {"papin._disk", "papin.errors", "papin.models"},
    "papin.shelf": {"papin.errors", "papin.inventories", "papin.models"},
    "papin.machine": {"papin.models"},
    "papin.shards": {"papin.formats"},
    "papin.names": {"papin.errors"},
    "papin.yaml": {"papin.errors", "papin.sizes"},
    "papin.query": {"papin.errors"},
    "papin.filenames": {"papin.models"},
    "papin.repositories": {"papin.errors", "papin.filenames", "papin.names"},
    "papin.memory": {"papin.discovery", "papin.machine", "papin.models"},
    "papin.variants": {"papin.discovery", "papin.filenames", "papin.memory", "papin.models"},
    "papin.events": {"papin.errors", "papin.models"},
    "papin.locks": set(),
    "papin.openai": {"papin.errors", "papin.http", "papin.models"},
    "papin.servers": {"papin", "papin.errors", "papin.http", "papin.openai"},
    "papin._marks": set(),
    "papin.hookspecs": {"papin._marks"},
    **{
        f"papin.{name}": {"papin.errors", "papin.models", "papin.events", "papin.inventories", "papin.machine"}
        | {f"papin.{each}" for each in DESCRIPTORS}
        for name in DESCRIPTORS
    },
}
OURS = ("papin", "papin_")


def _top(module: str) -> str:
    return module.partition(".")[0]


def _problems(source: Source) -> list[str]:
    problems = []
    for each in source.imports:
        at = f"{source.where}:{each.line} imports {each.module}"
        top = _top(each.module)
        is_core = source.distribution == "papin"
        if top.startswith("papin_") and top != _top(source.module):
            problems.append(f"{at}: a plugin or frontend is imported by nobody but itself")
        if top == "papin" and not is_core and any(part.startswith("_") for part in each.module.split(".")):
            problems.append(f"{at}: private to core")
        if top in {"httpx", "httpcore"} and not source.module.startswith(("papin.http", "papin._http")):
            problems.append(f"{at}: only papin.http imports httpx")
        if top == "unittest":
            problems.append(f"{at}: fakes, not mocks")
    return problems


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.module)
def test_imports_go_the_allowed_way(source):
    assert _problems(source) == []


@pytest.mark.parametrize("source", [each for each in sources() if each.module in CORE], ids=lambda each: each.module)
def test_public_pages_of_core_import_only_what_is_below_them(source):
    allowed = CORE[source.module]
    ours = {each.module for each in source.imports if _top(each.module) == "papin" and not each.is_for_types}
    assert ours <= allowed, f"{source.where} imports {sorted(ours - allowed)}"


def test_papin_testing_uses_public_names_only():
    for source in sources():
        if source.module.startswith("papin.testing"):
            private = [
                i.module for i in source.imports if "._" in i.module and not i.module.startswith("papin.testing")
            ]
            assert private == [], source.where


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("papin.library", {"trio", "pluggy", "httpx"}),
        ("papin.launch", {"trio", "httpx", "psutil"}),
        ("papin.config", {"trio", "httpx", "tomlkit"}),
        ("papin.hookspecs", {"trio", "httpx", "msgspec"}),
        ("papin._http._client", {"rich", "click"}),
        ("papin.yaml", {"yaml", "msgspec"}),
        ("papin.kernel", {"httpx", "httpcore", "rich", "click", "tomlkit"}),
    ],
)
def test_light_modules_do_not_import_heavy_ones(module, unwanted):
    import subprocess

    code = f"import sys, {module}; print(*sorted({unwanted!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_hook_modules_are_light():
    for source in sources():
        if source.module.endswith(".plugin"):
            heavy = {
                _top(each.module)
                for each in source.imports
                if not each.is_lazy and not each.is_for_types and _top(each.module) not in sys.stdlib_module_names
            }
            assert heavy <= {"papin", "msgspec", _top(source.module)}, source.where


def test_core_depends_on_nothing_else():
    found = {_top(i.module) for s in sources() if s.distribution == "papin" for i in s.imports}
    assert {m for m in found if m not in sys.stdlib_module_names and m != "papin"} <= THIRD_PARTY_OF_CORE | {"h11"}
