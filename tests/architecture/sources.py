"""What the architecture tests look at: every Python file of the distributions, and what each one imports."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("core", "plugins/*", "frontends/*")


@dataclass(frozen=True)
class Import:
    module: str
    line: int
    is_lazy: bool
    is_for_types: bool


@dataclass(frozen=True)
class Source:
    path: Path
    module: str
    distribution: str

    @property
    def where(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def tree(self) -> ast.Module:
        return _tree(self.path)

    @property
    def imports(self) -> list[Import]:
        return _imports(self.path, self.module)


@cache
def distributions() -> dict[str, Path]:
    found = {}
    for pattern in FOLDERS:
        for file in sorted(ROOT.glob(f"{pattern}/pyproject.toml")):
            found[tomllib.loads(file.read_text())["project"]["name"]] = file.parent
    return found


@cache
def sources() -> tuple[Source, ...]:
    found = []
    for name, folder in distributions().items():
        for path in sorted((folder / "src").rglob("*.py")):
            parts = path.relative_to(folder / "src").with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Source(path=path, module=module, distribution=name))
    return tuple(found)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@cache
def _imports(path: Path, module: str) -> list[Import]:
    found: list[Import] = []
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def visit(node: ast.AST, lazy: bool, for_types: bool) -> None:
        for child in ast.iter_child_nodes(node):
            inner_lazy = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            inner_types = for_types or _is_type_checking(node)
            if isinstance(child, ast.Import):
                found.extend(Import(alias.name, child.lineno, inner_lazy, inner_types) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    up = package.split(".")
                    base = ".".join(up[: len(up) - child.level + 1] + ([child.module] if child.module else []))
                names = [f"{base}.{alias.name}" for alias in child.names] if base == "papin" else [base]
                found.extend(Import(name, child.lineno, inner_lazy, inner_types) for name in names)
            visit(child, inner_lazy, inner_types)

    visit(_tree(path), lazy=False, for_types=False)
    return found
