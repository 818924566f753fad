"""Every row of the table of faults has a test that names it: `n16` or `d10` in the name of its function.

N are faults of the network, D those of disks, processes and clocks, S advisories of other programs. To see what proves
a row: `grep -rn "def test.*_n16_" --include=test_*.py .`; with PAPIN_TEST_FAULTS=all the tests of this folder try every
point (each call of a download killed, 200 power cuts) and not only some; that takes a quarter of an hour.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DISK = (1, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16)
ROWS = [f"n{number}" for number in range(1, 37)] + [f"d{number}" for number in DISK] + ["s21", "s22", "s23", "s24"]


def names_of_tests():
    """Yield the name of each test of the repository."""
    folders = [ROOT / "core/tests", ROOT / "tests", *ROOT.glob("plugins/*/tests"), *ROOT.glob("frontends/*/tests")]
    for path in (path for folder in folders for path in folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name


def test_every_row_is_named_by_a_test():
    named = {row for name in names_of_tests() for row in re.findall(r"(?<=_)[nds]\d+(?=_)", name)}
    assert [row for row in ROWS if row not in named] == []
