"""The shape of the house: what every distribution has, sizes, types, one maker of paths, no stubs."""

import ast
import re
import statistics
import tomllib

import pytest

from .sources import ROOT, distributions, sources


@pytest.mark.parametrize("folder", distributions().values(), ids=lambda folder: folder.name)
def test_a_distribution_has_everything_it_needs(folder):
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "src", "tests"):
        assert (folder / name).exists(), name
    assert next(folder.glob("src/*/py.typed"), None), "py.typed"
    assert next(folder.glob("tests/**/test_*.py"), None), "tests"


@pytest.mark.parametrize("folder", distributions().values(), ids=lambda folder: folder.name)
def test_siblings_are_depended_on_by_range(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    for dependency in project["dependencies"]:
        if dependency.startswith("papin"):
            assert re.fullmatch(r"papin(\[yaml\])?>=[\d.]+,<[\d.]+", dependency), dependency


def test_every_distribution_is_part_of_the_workspace():
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {each.partition(" ")[0] for each in root["project"]["dependencies"]} == set(distributions())
    assert set(root["tool"]["uv"]["sources"]) == set(distributions())


def test_files_are_small():
    lengths = {source.where: len(source.text.splitlines()) for source in sources()}
    assert {where: length for where, length in lengths.items() if length > 400} == {}
    assert statistics.median(lengths.values()) <= 130


def code_lines(node):
    """Count the lines of a function without its docstring, which may hold a whole example."""
    text = ast.get_docstring(node, clean=False)
    return node.end_lineno - node.lineno + 1 - (len(text.splitlines()) if text else 0)


def test_functions_are_small():
    lengths = []
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lengths.append((code_lines(node), f"{source.where}:{node.lineno} {node.name}"))
    assert [each for each in lengths if each[0] > 60] == []
    assert statistics.median(length for length, _ in lengths) <= 10


def test_public_modules_have_a_sorted_all():
    for source in sources():
        last = source.module.rpartition(".")[2]
        if source.distribution != "papin" or "._" in source.module or last in {"papin", "__main__"}:
            continue
        for node in source.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name)) or (
                    sorted(names) == sorted(set(names))
                ), source.where
                break
        else:
            raise AssertionError(f"{source.where} has no __all__")


def test_broad_excepts_stand_only_at_the_guards():
    guards = {"papin._plugins", "papin._jobs"}
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                names = {ast.unparse(each) for each in ast.walk(node.type) if isinstance(each, ast.Name)}
                if names & {"Exception", "BaseException"}:
                    is_reraised = any(isinstance(each, ast.Raise) for each in ast.walk(node))
                    is_guard = any(source.module.startswith(guard) for guard in guards)
                    assert is_guard or is_reraised, f"{source.where}:{node.lineno}"


def test_nothing_is_left_unfinished():
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert not (len(node.body) == 1 and isinstance(node.body[0], ast.Pass)), f"{source.where}:{node.lineno}"
        # Written so that this line is none of them.
        assert not re.search(r"\b(TO[D]O|FIX[M]E|X[X]X)\b", source.text), source.where
